"""Variance-aware image generator: Eq. 2 and 3 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247, section 4.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tgvig_core.generation.base import sources
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.photos.views import views
from tgvig_core.utils.memory import in_parts
from tgvig_core.utils.progress import QUIET, RunContext

DECODE_BATCH = 4
"""Images decoded at once: larger batches are no faster on two cores and take more memory."""


@dataclass(frozen=True)
class LatentDistribution:
    """N(E_d, Σ_d) at every latent position d and channel.

    Attributes:
        mean: E, A×C×h×w; A = 1 for anchor "mean", N for anchor "view".
        variance: Σ (diagonal), C×h×w, ≥ 0.
    """

    mean: Tensor
    variance: Tensor

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """count fresh draws z_d ~ N(E_d, Σ_d), count×C×h×w; every draw has its own noise."""
        anchor = torch.randint(len(self.mean), (count,), generator=generator).to(self.mean.device)
        noise = torch.randn(count, *self.variance.shape, generator=generator).to(self.mean.device)
        return self.mean[anchor] + deviation(self.variance) * noise


def deviation(variance: Tensor) -> Tensor:
    """Standard deviation whose gradient stays finite where all views agree and the variance is 0."""
    return torch.where(variance > 0, variance, 1.0).sqrt() * (variance > 0)


def distribution(quantised: Tensor, settings: GeneratorSettings) -> LatentDistribution:
    """Mean and variance over the N views of their quantised latents (Eq. 3), or Σ = 1 (Eq. 2).

    Args:
        quantised: E(I_i), N×C×h×w.
    """
    mean = quantised.mean(0, keepdim=True) if settings.anchor == "mean" else quantised  # E_d
    variance = quantised.var(0, correction=0) if settings.variance else torch.ones_like(quantised[0])  # Σ_d
    return LatentDistribution(mean, variance)


@torch.inference_mode()
def generate(
    model: Vqgan,
    normals: Tensor,
    count: int,
    settings: GeneratorSettings,
    generator: torch.Generator,
    ctx: RunContext = QUIET,
) -> Tensor:
    """M images I⁺_m = p(z), z ~ N(E_d, Σ_d) (Eq. 3); views are encoded once for each normal.

    Args:
        model: VQGAN in evaluation mode.
        normals: I°, n×3×S×S in [-1, 1], on the model's device; S divisible by the model's f.
        count: M.
        generator: CPU generator that makes the set reproducible.

    Raises:
        Stopped: the stop event was set. TgvigError: not even one image fits into memory.

    Returns:
        M×3×S×S, not clamped, image m drawn from normal `sources(M, n)[m]`, on the CPU.
    """
    drawn_from = sources(count, len(normals))
    latents: dict[int, Tensor] = {}
    for place, normal in enumerate(normals):
        wanted = [m for m, source in enumerate(drawn_from) if source == place]
        if not wanted:
            continue
        batch = views(normal, settings.views, settings.policy, generator)
        quantised = _quantised(model, batch.contiguous(memory_format=torch.channels_last))
        for m, z in zip(wanted, distribution(quantised, settings).sample(len(wanted), generator), strict=True):
            latents[m] = z
    # forward passes alone are a fifth faster in this layout, also with weights in the usual one
    parts = (
        torch.stack([latents[m] for m in range(count)])
        .contiguous(memory_format=torch.channels_last)
        .split(DECODE_BATCH)
    )
    steps = ctx.track(parts, "Generating images", len(parts))
    return torch.cat([_decoded(model, part) for part in steps])


def _quantised(model: Vqgan, batch: Tensor) -> Tensor:
    """E(I_i) of the views, fewer at once where memory is short."""
    made = in_parts(lambda part: model.quantise(model.encode(part))[0], batch, "looking at views")
    return made[0] if len(made) == 1 else torch.cat(made)


def _decoded(model: Vqgan, latents: Tensor) -> Tensor:
    """p(z) on the CPU, fewer at once where memory is short."""
    return torch.cat(in_parts(lambda part: model.decode(part).cpu(), latents, "making images"))
