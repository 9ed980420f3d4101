"""VQGAN (Esser, Rombach, Ommer: "Taming Transformers for High-Resolution Image Synthesis", CVPR 2021, arXiv 2012.09841).

Built from taming-transformers' own Encoder, Decoder and VectorQuantizer2, put together so that the state_dict has the
key names of the published checkpoints (`encoder.*`, `decoder.*`, `quantize.embedding.weight`, `quant_conv.*`,
`post_quant_conv.*`). taming's own `models.vqgan` no longer imports with today's Lightning.

Two things that the published checkpoints leave at 1 make a small model quick and exact: pixels may enter and leave in
patches (Shi et al., "Real-Time Single Image and Video Super-Resolution", CVPR 2016, arXiv 1609.05158), and a latent
vector may be several codes of one codebook (Zheng et al., "MoVQ", NeurIPS 2022, arXiv 2209.09002).
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.models.ops.winograd import use_winograd
from tgvig_core.models.quantizer import Codebook
from tgvig_core.models.quick_blocks import quicken


@dataclass(frozen=True)
class VqganConfig:
    """Shape of a VQGAN. Every channel count (`ch` times an entry of `ch_mult`) must divide by 32 (GroupNorm).

    Attributes:
        ch: channels at the first resolution.
        ch_mult: channel factor of every resolution; each is half the one before.
        num_res_blocks: residual blocks at every resolution of the encoder (the decoder has one more).
        attn_levels: indices into ch_mult at which attention follows every block (it always sits in the middle).
        z_channels: channels that the encoder ends with.
        embed_dim: C, the length of a latent vector; a codebook vector has C / heads values.
        n_embed: K, the number of codebook vectors.
        patch: pixels of a side that the first resolution holds in its channels (most time goes at full resolution).
        heads: codes of a latent vector, each for its own share of the C values.
    """

    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_levels: tuple[int, ...]
    z_channels: int
    embed_dim: int
    n_embed: int
    patch: int = 1
    heads: int = 1

    @property
    def factor(self) -> int:
        """f: how many pixels of a side one latent position stands for."""
        return self.patch * 2 ** (len(self.ch_mult) - 1)


IMAGENET_F16_1024 = VqganConfig(128, (1, 1, 2, 2, 4), 2, (4,), 256, 256, 1024)
"""The paper's generator: the authors of VQGAN published these weights as vqgan_imagenet_f16_1024."""
IMAGENET_F16_16384 = VqganConfig(128, (1, 1, 2, 2, 4), 2, (4,), 256, 256, 16384)
COMPACT_F8 = VqganConfig(192, (1,), 1, (), 64, 64, 2048, patch=8, heads=4)
"""This project's own model, small enough for two CPU cores."""


class Vqgan(nn.Module):
    """Encoder, codebook and decoder; images are B×3×H×W in [-1, 1] with H and W divisible by f."""

    def __init__(self, config: VqganConfig) -> None:
        super().__init__()
        self.config = config
        resolution = 256  # only decides which level `attn_resolutions` names; the layers are fully convolutional
        shape = dict(
            ch=config.ch, out_ch=3 * config.patch**2, ch_mult=config.ch_mult, num_res_blocks=config.num_res_blocks,
            in_channels=3 * config.patch**2,
            attn_resolutions=[resolution >> level for level in config.attn_levels], resolution=resolution,
            z_channels=config.z_channels, double_z=False, dropout=0.0,
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):  # taming prints; standard output belongs to --json
            self.encoder = Encoder(**shape)
            self.decoder = Decoder(**shape)
        self.quantize = Codebook(config.n_embed, config.embed_dim // config.heads, beta=0.25)
        self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        quicken(self)
        use_winograd(self)

    def encode(self, images: Tensor) -> Tensor:
        """Continuous latents q_d(I), B×C×h×w, before the nearest codebook vector is taken."""
        return self.quant_conv(self.encoder(F.pixel_unshuffle(images, self.config.patch)))

    def quantise(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """E(I): the nearest e_k at every position d, with the straight-through gradient.

        Returns:
            quantised latents B×C×h×w, the codebook + commitment loss (scalar), the code indices B×h×w (with several
            heads B×heads×h×w).
        """
        maps = latents.reshape(-1, latents.shape[1] // self.config.heads, *latents.shape[2:])  # one map for every head
        quantised, loss, codes = self.quantize(maps)
        quantised, codes = quantised.view_as(latents), codes.view(len(latents), -1, *latents.shape[2:])
        return quantised, loss, codes.squeeze(1) if self.config.heads == 1 else codes

    def decode(self, latents: Tensor) -> Tensor:
        """p(z): images B×3×H×W from latents B×C×h×w. Not clamped, so that a loss sees the overshoot."""
        return F.pixel_shuffle(self.decoder(self.post_quant_conv(latents)), self.config.patch)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct: images, codebook + commitment loss, code indices."""
        quantised, loss, codes = self.quantise(self.encode(images))
        return self.decode(quantised), loss, codes
