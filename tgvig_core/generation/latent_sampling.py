"""Variance-aware image generator: Eq. 2 and 3 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247, section 4.1.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from tgvig_core.models.vqgan import Vqgan
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import in_parts
from tgvig_core.utils.progress import QUIET, RunContext

ANCHORS = ("mean", "view")
DECODE_BATCH = 4
"""Images decoded at once: larger batches are no faster on two cores and take more memory."""


@dataclass(frozen=True)
class GeneratorSettings:
    """Settings of Eq. 2 and 3.

    Attributes:
        images: M, generated per iteration (the paper: 20).
        views: N, augmented views whose mean and variance are taken (not given in the paper).
        anchor: "mean" of the views as in the paper, or "view": the mean is one view, the variance is over all.
        variance: False is the paper's ablation, Σ = 1 as in Eq. 2.
        policy: how the views may differ.
    """

    images: int = 20
    views: int = 8
    anchor: str = "mean"
    variance: bool = True
    policy: ViewPolicy = field(default_factory=ViewPolicy)

    def __post_init__(self) -> None:
        if self.anchor not in ANCHORS:
            raise TgvigError(f"There is no anchor {self.anchor!r}: choose one of {', '.join(ANCHORS)}.")
        if not 1 <= self.images <= 1000:
            raise TgvigError(f"{self.images} images per iteration cannot be made: give a number from 1 to 1000.")
        if self.anchor == "mean" and (self.policy.flips or self.policy.turns):
            raise TgvigError("The mean of mirrored or turned views is a blur: add --anchor view to flips and turns.")
        if self.views < 2:
            raise TgvigError(f"{self.views} views have no variance: give at least 2.")


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


def sources(images: int, normals: int) -> tuple[int, ...]:
    """Which normal each of the M generated images is drawn from: in turn, so that all get their share."""
    return tuple(m % normals for m in range(images))


@torch.inference_mode()
def generate(
    model: Vqgan,
    normals: Tensor,
    settings: GeneratorSettings,
    generator: torch.Generator,
    ctx: RunContext = QUIET,
) -> Tensor:
    """M images I⁺_m = p(z), z ~ N(E_d, Σ_d) (Eq. 3); views are encoded once for each normal.

    Args:
        model: VQGAN in evaluation mode.
        normals: I°, n×3×S×S in [-1, 1], on the model's device; S divisible by the model's f.
        generator: CPU generator that makes the set reproducible.

    Raises:
        Stopped: the stop event was set. TgvigError: not even one image fits into memory, or one is not finite.

    Returns:
        M×3×S×S in [-1, 1], image m drawn from normal `sources(M, n)[m]`, on the CPU.
    """
    drawn_from = sources(settings.images, len(normals))
    latents: list[Tensor | None] = [None] * settings.images
    for place, normal in enumerate(normals):
        wanted = [m for m, source in enumerate(drawn_from) if source == place]
        if not wanted:
            continue
        batch = views(normal, settings.views, settings.policy, generator)
        quantised = _quantised(model, batch.contiguous(memory_format=torch.channels_last))
        for m, z in zip(wanted, distribution(quantised, settings).sample(len(wanted), generator), strict=True):
            latents[m] = z
    # forward passes alone are a fifth faster in this layout, also with weights in the usual one
    parts = torch.stack(latents).contiguous(memory_format=torch.channels_last).split(DECODE_BATCH)
    steps = ctx.track(parts, "Generating images", len(parts))
    return torch.cat([_decoded(model, part) for part in steps])


def _quantised(model: Vqgan, batch: Tensor) -> Tensor:
    """E(I_i) of the views, fewer at once where memory is short."""
    made = in_parts(lambda part: model.quantise(model.encode(part))[0], batch, "looking at views")
    return made[0] if len(made) == 1 else torch.cat(made)


def _decoded(model: Vqgan, latents: Tensor) -> Tensor:
    """p(z) on the CPU, fewer at once where memory is short. Clamping would make a sound white of an infinity."""
    made = torch.cat(in_parts(lambda part: model.decode(part).cpu(), latents, "making images"))
    if not torch.isfinite(made).all():
        raise TgvigError("The generator's numbers ran out of range: take another seed, or another pack.")
    return made.clamp_(-1, 1)
