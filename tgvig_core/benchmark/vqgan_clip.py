"""VQGAN-CLIP (Crowson et al., ECCV 2022, arXiv 2204.08583): a latent is optimised until its image fits a text.

The paper's Table 1 adds one such image to the normal photo and finds that it does harm. From random codes, with the
squared great-circle distance of the authors; fewer steps and cutouts than theirs (several hundred, 32) for a CPU's sake.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tgvig_core.models.encoders.base import ImageTextEncoder
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.utils.progress import QUIET, RunContext


@dataclass(frozen=True)
class VqganClipSettings:
    """Settings of the optimisation.

    Attributes:
        images: how many; the paper's Table 1 adds one.
        steps: of Adam on the latent.
        learning_rate: of Adam (the authors': 0.1).
        cutouts: random squares of the image that the encoder looks at in every step.
        least: side of the smallest cutout, as a share of the image's.
    """

    images: int = 1
    steps: int = 60
    learning_rate: float = 0.1
    cutouts: int = 4
    least: float = 0.4


def vqgan_clip(
    model: Vqgan, encoder: ImageTextEncoder, prompt: str, size: int, settings: VqganClipSettings,
    generator: torch.Generator, ctx: RunContext = QUIET,
) -> Tensor:  # fmt: skip
    """Images that fit a prompt.

    Args:
        model: VQGAN in evaluation mode; its weights stay as they are.
        size: S, side in px, divisible by the model's f.
        generator: CPU generator; the same state gives the same images.

    Raises:
        Stopped: the stop event was set.

    Returns:
        settings.images×3×S×S in [-1, 1], on the CPU.
    """
    text = encoder.encode_texts([prompt])[0]  # z_t = G(P)
    made = [_image(model, encoder, text, size, settings, generator, ctx) for _ in range(settings.images)]
    return torch.cat(made)


def _image(
    model: Vqgan, encoder: ImageTextEncoder, text: Tensor, size: int, settings: VqganClipSettings,
    generator: torch.Generator, ctx: RunContext,
) -> Tensor:  # fmt: skip
    z = _random_codes(model, size // model.config.factor, generator).requires_grad_()
    optimiser = torch.optim.Adam([z], lr=settings.learning_rate)
    for _ in ctx.track(range(settings.steps), "VQGAN-CLIP", settings.steps):
        image = model.decode(model.quantise(z)[0]).clamp(-1, 1)
        seen = encoder.image_features(_cutouts(image, settings, generator))
        loss = great_circle(seen, text.to(seen.device)).mean()
        (z.grad,) = torch.autograd.grad(loss, [z])
        optimiser.step()
    with torch.no_grad():
        return model.decode(model.quantise(z)[0]).clamp(-1, 1).cpu()


def _random_codes(model: Vqgan, side: int, generator: torch.Generator) -> Tensor:
    """A latent of codes drawn at random, 1×C×side×side."""
    codes, heads = model.quantize.embedding.weight, model.config.heads
    chosen = torch.randint(len(codes), (side, side, heads), generator=generator).to(codes.device)
    return codes.detach()[chosen].flatten(2).permute(2, 0, 1)[None].clone()


def _cutouts(image: Tensor, settings: VqganClipSettings, generator: torch.Generator) -> Tensor:
    """Random squares of an image, 1×3×S×S, at the image's own size: N×3×S×S."""
    side = image.shape[-1]
    parts = []
    for share in torch.rand(settings.cutouts, 3, generator=generator).tolist():
        width = round(side * (settings.least + (1 - settings.least) * share[0]))
        top, left = (round((side - width) * place) for place in share[1:])
        cut = image[:, :, top : top + width, left : left + width]
        parts.append(F.interpolate(cut, size=(side, side), mode="bilinear", align_corners=False))
    return torch.cat(parts)


def great_circle(embeddings: Tensor, text: Tensor) -> Tensor:
    """2·arcsin(‖f − z_t‖/2)², the squared distance on the unit sphere, halved: N values ≥ 0.

    Args:
        embeddings: N×D unit rows. text: D values, unit norm.
    """
    return 2 * ((embeddings - text).norm(dim=1) / 2).clamp(max=1 - 1e-6).arcsin().square()
