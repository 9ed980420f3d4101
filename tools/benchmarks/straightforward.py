"""TGVIG read straight off the paper (CVPR 2024, arXiv 2403.06247, Eq. 3 to 7), on taming-transformers' own modules in float32.

What the integrator is measured against, and an independent implementation that it must agree with: it takes the same
weights, the same views and the same random numbers. Nothing here was made slow; nothing was thought about twice either.
Every generated image stands for itself: its views are encoded one by one, their mean, then their variance, one draw, one
decoding. One normal, anchor "mean", whole images, no PatchGAN (it joins long after an iteration).
"""

from __future__ import annotations

import contextlib
import io

import torch
from taming.modules.diffusionmodules import model as taming
from taming.modules.vqvae.quantize import VectorQuantizer2
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.generation.latent_sampling import deviation
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.models.encoders.base import ImageTextEncoder
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.photos.views import views


class PlainVqgan(nn.Module):
    """The weights of a Vqgan in taming's Encoder, Decoder and VectorQuantizer2."""

    def __init__(self, model: Vqgan) -> None:
        super().__init__()
        config = model.config
        shape = dict(
            ch=config.ch, out_ch=3 * config.patch**2, ch_mult=config.ch_mult, num_res_blocks=config.num_res_blocks,
            in_channels=3 * config.patch**2, attn_resolutions=[256 >> level for level in config.attn_levels],
            resolution=256, z_channels=config.z_channels, double_z=False,
        )  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()):
            self.encoder, self.decoder = taming.Encoder(**shape), taming.Decoder(**shape)
        self.quantize = VectorQuantizer2(config.n_embed, config.embed_dim // config.heads, beta=0.25)
        self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        self.load_state_dict(model.state_dict())
        self.patch, self.heads = config.patch, config.heads

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """E(I) of 1×3×S×S in [-1, 1], 1×C×h×w, and the codebook loss."""
        latent = self.quant_conv(self.encoder(F.pixel_unshuffle(image, self.patch)))
        share = latent.reshape(self.heads, -1, *latent.shape[2:])
        quantised, loss, _ = self.quantize(share)
        return quantised.view_as(latent), loss

    def decode(self, latent: Tensor) -> Tensor:
        """p(z), 1×3×S×S."""
        return F.pixel_shuffle(self.decoder(self.post_quant_conv(latent)), self.patch)


def mean_and_variance(latents: list[Tensor]) -> tuple[Tensor, Tensor]:
    """E_d, then Σ_d around it (Eq. 3)."""
    mean = sum(latents) / len(latents)
    return mean, sum((latent - mean) ** 2 for latent in latents) / len(latents)


class Straightforward:
    """The integrator's iterations, one thing after another.

    Args:
        model: whose weights are taken; it is not changed.
        normal: I°, 3×S×S in [-1, 1], on the model's device.
        encode_once: whether the M images share the latents of their views, as Eq. 3 allows.
    """

    def __init__(
        self, model: Vqgan, encoder: ImageTextEncoder, normal: Tensor, prompt: str,
        generating: GeneratorSettings, learning: UpdateSettings, seed: int, encode_once: bool = False,
    ) -> None:  # fmt: skip
        self.model, self.encoder, self.normal, self.seed = PlainVqgan(model).to(normal.device), encoder, normal, seed
        self.generating, self.learning, self.encode_once = generating, learning, encode_once
        self.z_t = encoder.encode_texts([prompt])[0]
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=learning.learning_rate, betas=(0.5, 0.9))
        self.features = load_efficientnet_lite0().to(normal.device).requires_grad_(False)
        self.done = 0

    def iteration(self) -> tuple[Tensor, float]:
        """Update, M images, their similarity with the prompt."""
        self.done += 1
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.done)
        for _ in range(self.learning.steps):
            self.step(generator)
        images = self.generate(generator)
        return images, self.similarity(images)

    @torch.no_grad()
    def generate(self, generator: torch.Generator) -> Tensor:
        """M images I⁺_m = p(z), z ~ N(E_d, Σ_d) (Eq. 3), M×3×S×S in [-1, 1], on the CPU."""
        s = self.generating
        seen = [view[None] for view in views(self.normal, s.views, s.policy, generator)]
        latents, images = [self.model.encode(view)[0] for view in seen] if self.encode_once else [], []
        for noise in self._noise(s.images, generator):
            if not self.encode_once:
                latents = [self.model.encode(view)[0] for view in seen]
            mean, variance = mean_and_variance(latents)
            images.append(self.model.decode(mean + variance.sqrt() * noise).clamp(-1, 1).cpu())
        return torch.cat(images)

    def similarity(self, images: Tensor) -> float:
        """cos(z_t, z_v), z_v the mean of f (Eq. 4)."""
        z_v = sum(self.encoder.encode_images(image[None])[0] for image in images) / len(images)
        return float(torch.cosine_similarity(self.z_t, z_v, dim=0))

    def step(self, generator: torch.Generator) -> float:
        """One step of Adam on Eq. 7; the loss before it."""
        s = self.learning
        seen = [view[None] for view in views(self.normal, s.views, self.generating.policy, generator)]
        torch.randint(1, (2,), generator=generator)  # the window, which is the whole image
        latents, books = zip(*[self.model.encode(view) for view in seen], strict=True)
        mean, variance = mean_and_variance(latents)
        made = [self.model.decode(mean + deviation(variance) * noise) for noise in self._noise(s.images, generator)]
        loss = sum(((self.normal - image) ** 2).mean() for image in made) / s.images  # Eq. 6
        for view, latent, book in zip(seen, latents, books, strict=True):
            rebuilt = self.model.decode(latent)
            vq = (view - rebuilt).abs().mean() + s.perceptual_weight * self._perceptual(rebuilt, view) + book
            loss = loss + s.vq_weight * vq / s.views  # Eq. 7
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def _noise(self, count: int, generator: torch.Generator) -> Tensor:
        """The integrator's random numbers: which of the means (there is one), then the draws."""
        torch.randint(1, (count,), generator=generator)
        side = self.normal.shape[-1] // (self.model.patch * 2 ** (self.model.encoder.num_resolutions - 1))
        noise = torch.randn(count, self.model.quant_conv.out_channels, side, side, generator=generator)
        return noise.to(self.normal.device)

    def _perceptual(self, image: Tensor, target: Tensor) -> Tensor:
        mean, std = (
            torch.tensor(values, device=image.device).view(1, 3, 1, 1)
            for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
        )
        distance = 0
        a, b = (
            self.features.bn1(self.features.conv_stem(((picture + 1) / 2 - mean) / std)) for picture in (image, target)
        )
        for stage in self.features.blocks[:3]:
            a, b = stage(a), stage(b)
            u, v = (maps / (maps.square().sum(1, keepdim=True) + 1e-6).sqrt() for maps in (a, b))
            distance = distance + (u - v).square().sum(1).mean()
        return distance
