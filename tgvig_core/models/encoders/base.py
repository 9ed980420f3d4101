"""f and G of TGVIG's Eq. 1 and 4: images and texts in one space; what all encoders of it share.

An encoder is one file: a class under `@encoder("name", title="…")` that has what `PackEncoder` names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence, Sized
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import nn
from torch.nn import functional

from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import in_parts
from tgvig_core.utils.progress import QUIET, RunContext

IMAGE_BATCH = 16
TEXT_BATCH = 64  # of a length with each other: on a CPU larger ones were no faster and hold more padding


class ImageTextEncoder(Protocol):
    """f and G of the paper.

    name: for people. identity: changes whenever an embedding would (architecture and checksum of the weights).
    dim: D. caveat: what it cannot do, in plain words ("" for CLIP).
    """

    name: str
    identity: str
    dim: int
    caveat: str

    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """f: N×3×H×W RGB in [-1, 1], any device, to N×D float32 unit-norm rows on the CPU."""
        ...

    def image_features(self, images: torch.Tensor) -> torch.Tensor:
        """f with its gradient, of as many images as memory allows: N×3×H×W in [-1, 1] to N×D rows on the device."""
        ...

    def encode_texts(self, texts: Sequence[str], ctx: RunContext = QUIET) -> torch.Tensor:
        """G: N texts to N×D float32 unit-norm rows on the CPU, in their order. Raises Stopped."""
        ...


class PackEncoder(ImageTextEncoder, Protocol):
    """An encoder that a pack can name."""

    @classmethod
    def load(cls, model: tuple[str, ...], file: Path | None, device: str) -> Self:
        """The encoder of a pack on a device.

        Args:
            model: what the pack says to this encoder, such as a model's name and the tag of its weights.
            file: the weights, where they lie on this machine under the pack's name.

        Raises:
            TgvigError: the weights cannot be had.
        """
        ...

    @staticmethod
    def cached(model: tuple[str, ...]) -> Path | None:
        """The weights where the encoder's own library keeps what it has fetched; None where it has not, or keeps none."""
        ...


def batches(images: torch.Tensor) -> Iterable[torch.Tensor]:
    """IMAGE_BATCH images at a time.

    Raises:
        ValueError: they are not N×3×H×W.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not len(images):
        raise ValueError(f"images must be N×3×H×W with N of 1 or more, not {tuple(images.shape)}")
    return images.detach().split(IMAGE_BATCH)


def prepared(
    images: torch.Tensor, size: tuple[int, int], mean: Sequence[float], std: Sequence[float], device: str
) -> torch.Tensor:
    """Resized (bicubic, antialias) and normalised; the values are clamped like a photo's."""
    mean_, std_ = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (mean, std))
    pixels = (images.to(device, torch.float32) + 1) / 2
    pixels = functional.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    return (pixels - mean_) / std_


def rows_of(encode: Callable[[torch.Tensor], torch.Tensor], parts: Iterable[torch.Tensor]) -> torch.Tensor:
    """The rows of all batches, fewer images at once where memory is short."""
    return numbers(torch.cat([r for part in parts for r in in_parts(encode, part, "comparing images with words")]))


def in_batches(texts: Sequence[Sized], encode: Callable[[list], torch.Tensor], ctx: RunContext) -> torch.Tensor:
    """Encode short texts (or lists of tokens) with short ones, and put the rows back in the order asked for."""
    if not texts:
        raise ValueError("there is no text to encode")
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows: list[torch.Tensor] = []
    for start in range(0, len(texts), TEXT_BATCH):
        ctx.check()
        batch = [texts[i] for i in order[start : start + TEXT_BATCH]]
        rows += in_parts(lambda part: encode(part).float().cpu(), batch, "reading words")
        ctx.progress("encoding texts", min(start + TEXT_BATCH, len(texts)), len(texts))
    stacked = numbers(torch.cat(rows))
    result = torch.empty_like(stacked)
    result[torch.tensor(order)] = stacked
    return result


def numbers(rows: torch.Tensor) -> torch.Tensor:
    """The same rows, before anything is kept that rests on them.

    Raises:
        TgvigError: a value is not finite.
    """
    if not torch.isfinite(rows).all():
        raise TgvigError(
            "The text-image model gives values that are not numbers: give sound photos, or fetch the pack again."
        )
    return rows


def weights_checksum(model: nn.Module) -> str:
    """The first 16 hex digits of the sha256 over names and values of all weights."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
