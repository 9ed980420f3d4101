"""VQGAN (Esser, Rombach, Ommer: "Taming Transformers for High-Resolution Image Synthesis", CVPR 2021, arXiv 2012.09841).

Built from taming-transformers' own Encoder, Decoder and VectorQuantizer2, put together so that the state_dict has the
key names of the published checkpoints (`encoder.*`, `decoder.*`, `quantize.embedding.weight`, `quant_conv.*`,
`post_quant_conv.*`). taming's own `models.vqgan` no longer imports with today's Lightning.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import torch
from taming.modules.diffusionmodules import model as taming_model
from taming.modules.diffusionmodules.model import Decoder, Encoder
from taming.modules.vqvae.quantize import VectorQuantizer2
from torch import Tensor, nn
from torch.nn import functional as F

taming_model.nonlinearity = F.silu  # the same x·σ(x), but one tensor instead of two is kept for the backward pass

QUANTISE_BATCH = 4
"""Images whose distances to the whole codebook are held at once: 4 × 1024 positions × 4096 codes are 64 MB."""


@dataclass(frozen=True)
class VqganConfig:
    """Shape of a VQGAN. Every channel count (`ch` times an entry of `ch_mult`) must divide by 32 (GroupNorm).

    Attributes:
        ch: channels at full resolution.
        ch_mult: channel factor of every resolution; the latent is smaller by f = 2 ** (len(ch_mult) - 1).
        num_res_blocks: residual blocks at every resolution of the encoder (the decoder has one more).
        attn_levels: indices into ch_mult at which attention follows every block (it always sits in the middle).
        z_channels: channels that the encoder ends with.
        embed_dim: C, the length of a codebook vector.
        n_embed: K, the number of codebook vectors.
    """

    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_levels: tuple[int, ...]
    z_channels: int
    embed_dim: int
    n_embed: int

    @property
    def factor(self) -> int:
        """f: how many pixels of a side one latent position stands for."""
        return 2 ** (len(self.ch_mult) - 1)


IMAGENET_F16_1024 = VqganConfig(128, (1, 1, 2, 2, 4), 2, (4,), 256, 256, 1024)
"""The paper's generator: the authors of VQGAN published these weights as vqgan_imagenet_f16_1024."""
IMAGENET_F16_16384 = VqganConfig(128, (1, 1, 2, 2, 4), 2, (4,), 256, 256, 16384)
COMPACT_F8 = VqganConfig(32, (1, 1, 2, 4), 1, (), 32, 32, 2048)
"""This project's own model, small enough for two CPU cores."""


class Vqgan(nn.Module):
    """Encoder, codebook and decoder; images are B×3×H×W in [-1, 1] with H and W divisible by f."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.config = config
        resolution = 256  # only decides which level `attn_resolutions` names; the layers are fully convolutional
        shape = dict(
            ch=config.ch, out_ch=3, ch_mult=config.ch_mult, num_res_blocks=config.num_res_blocks, in_channels=3,
            attn_resolutions=[resolution >> level for level in config.attn_levels], resolution=resolution,
            z_channels=config.z_channels, double_z=False, dropout=0.0,
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):  # taming prints; standard output belongs to --json
            self.encoder = Encoder(**shape)
            self.decoder = Decoder(**shape)
        self.quantize = VectorQuantizer2(config.n_embed, config.embed_dim, beta=0.25)
        self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)

    def encode(self, images: Tensor) -> Tensor:
        """Continuous latents q_d(I), B×C×h×w, before the nearest codebook vector is taken."""
        return self.quant_conv(self.encoder(images))

    def quantise(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """E(I): the nearest e_k at every position d, with the straight-through gradient.

        Returns:
            quantised latents B×C×h×w, the codebook + commitment loss (scalar), the code indices B×h×w.
        """
        parts = [self.quantize(chunk) for chunk in latents.split(QUANTISE_BATCH)]
        sizes = [len(chunk) for chunk in latents.split(QUANTISE_BATCH)]
        loss = sum(part[1] * size for part, size in zip(parts, sizes, strict=True)) / len(latents)
        codes = torch.cat([part[2][2].view(size, *latents.shape[2:]) for part, size in zip(parts, sizes, strict=True)])
        return torch.cat([part[0] for part in parts]), loss, codes

    def decode(self, latents: Tensor) -> Tensor:
        """p(z): images B×3×H×W from latents B×C×h×w. Not clamped, so that a loss sees the overshoot."""
        return self.decoder(self.post_quant_conv(latents))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct: images, codebook + commitment loss, code indices."""
        quantised, loss, codes = self.quantise(self.encode(images))
        return self.decode(quantised), loss, codes
