"""Synthetic defects with exact masks and a strength: A = M̄⊙I + (1−δ)(M⊙I) + δ(M⊙P) of RealNet (Zhang et al., CVPR 2024).

I is a good photo, M the shape of the defect, P what it looks like (`shapes.py`, `looks.py`), δ its strength.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from tgvig_core.synthetic.foreground import part_mask
from tgvig_core.synthetic.registry import at_edge, defect, is_line
from tgvig_core.synthetic.shapes import Place, depth
from tgvig_core.utils.errors import TgvigError

KINDS: tuple[str, ...] = defect.names()

LEAST_DIFFERENCE = 2 / 127.5
"""Changed is what changed by more than this in some channel: two of 255 grey levels, which outlasts an 8-bit file."""

VISIBLE, SHARE = 0.15, 0.3
"""At full strength this share of a defect's pixels shall change by more than 19 of 255 grey levels."""

TRIES = 16
LEAST_SIDE = 32


class UnseenError(TgvigError):
    """The defect would not be seen on this photo."""


@dataclass(frozen=True)
class Defect:
    """A spoiled photo that knows where it is spoiled.

    Attributes:
        image: A, 3×H×W in [-1, 1]; bit by bit the good photo outside the mask.
        mask: H×W bool, the pixels that changed by more than LEAST_DIFFERENCE: never empty; a soft defect's grows with δ.
        kind: one of KINDS.
        strength: δ in (0, 1].
        size_px: the size asked for or drawn; the mask is smaller where the defect fades or the part ends.
    """

    image: Tensor
    mask: Tensor
    kind: str
    strength: float
    size_px: float


def make_defect(
    image: Tensor, kind: str, strength: float, generator: torch.Generator,
    size: float | None = None, part: Tensor | None = None,
) -> Defect:  # fmt: skip
    """Spoil a good photo at one place of the part.

    The generator alone decides place and shape: the same state with another strength gives the same defect, weaker or
    stronger in every pixel. Each call takes one number from it.

    Args:
        image: I, 3×H×W in [-1, 1], sides of at least LEAST_SIDE px.
        kind: one of KINDS.
        strength: δ in (0, 1]; below about 0.1 little exceeds LEAST_DIFFERENCE.
        generator: CPU generator.
        size: longest extent in px, of a line its width (it is 12 to 40 times as long); at least 1, at
            most half the shorter side. None draws 6 to 20 % of the shorter side, no wider than the part, and for a
            line 1 px to 1.2 % of it.
        part: H×W bool where defects may lie; None asks `part_mask`.

    Raises:
        TgvigError: an unknown kind, a strength or size out of range, a photo that is too small or not in [-1, 1], an
            empty part.
        UnseenError: nothing would be seen to change (blending a photo of one colour with itself).
    """
    _check(image, kind, strength, size, part)
    part = part_mask(image) if part is None else part
    pixels, inside = image.detach().cpu().float().numpy(), part.cpu().numpy()
    random = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    deep = depth(inside)
    size = _drawn_size(kind, deep, random) if size is None else float(size)
    change = strength * _best_change(pixels, deep, kind, size, random)  # δM⊙(P − I), so that A = I + change
    spoiled = torch.from_numpy(pixels + change).clamp(-1, 1).to(image)
    mask = (spoiled - image).abs().amax(0) > LEAST_DIFFERENCE
    if not mask.any():
        raise UnseenError(
            f"A defect '{kind}' of strength {strength} and size {size:g} px changes nothing on this photo: "
            f"raise the strength or the size, or take another kind ({', '.join(KINDS)})."
        )
    return Defect(torch.where(mask, spoiled, image), mask, kind, strength, size)


def _check(image: Tensor, kind: str, strength: float, size: float | None, part: Tensor | None) -> None:
    defect.entry(kind)  # raises where there is none
    if not 0 < strength <= 1:
        raise TgvigError(f"{strength} is no strength of a defect: give a number above 0 and up to 1.")
    if image.ndim != 3 or len(image) != 3 or min(image.shape[1:]) < LEAST_SIDE:
        raise TgvigError(f"A photo of 3×H×W with sides from {LEAST_SIDE} px is needed, not {tuple(image.shape)}.")
    if not image.is_floating_point() or not bool((image.abs() <= 1).all()):  # NaN is not either
        raise TgvigError("The photo's values are no fractions in [-1, 1]: scale them, as images.to_tensor does.")
    most = min(image.shape[1:]) / 2
    if size is not None and not 1 <= size <= most:
        raise TgvigError(f"{size} px is no size of a defect on this photo: give 1 to {most:g} px, or none.")
    if part is not None and (part.shape != image.shape[1:] or not part.any()):
        raise TgvigError(f"The part's mask must be {tuple(image.shape[1:])} and not empty: give one, or none.")


def _drawn_size(kind: str, deep: np.ndarray, random: np.random.Generator) -> float:
    side = min(deep.shape)
    if is_line(kind):
        return random.uniform(1, max(1.5, 0.012 * side))
    drawn = side * math.exp(random.uniform(math.log(0.06), math.log(0.2)))
    return max(3.0, min(drawn, 2 * float(deep.max())))


def _best_change(
    pixels: np.ndarray, deep: np.ndarray, kind: str, size: float, random: np.random.Generator
) -> np.ndarray:
    """M⊙(P − I) of the first of TRIES places where enough of the defect shows, else of the one where most does."""
    # A piece that breaks off the edge takes the blurred outline of the part with it.
    blurred = min(deep.shape) / 64 if at_edge(kind) else 0
    allowed = ndimage.distance_transform_edt(deep == 0) <= blurred if blurred and not deep.all() else deep > 0
    best, most = np.zeros_like(pixels), -1.0
    drawing = defect.get(kind)
    for _ in range(TRIES):
        place = Place(pixels, deep, *_centre(kind, size, deep, random), size, random)
        shape, look = drawing(place)
        change = (shape * allowed * (look.clip(-1, 1) - pixels)).astype(np.float32)
        shown = float((abs(change).max(0) > VISIBLE).sum()) / max(1, int((shape >= 0.5).sum()))
        if shown > most:
            best, most = change, shown
        if shown >= SHARE:
            break
    return best


def _centre(kind: str, size: float, deep: np.ndarray, random: np.random.Generator) -> tuple[int, int]:
    """A pixel of the part where the defect fits: a line has room to run, a piece breaks off at the edge."""
    if at_edge(kind) and (deep == 0).any():
        fits = (deep >= min(0.2 * size, 0.7 * deep.max())) & (deep <= max(1.0, 0.4 * size))
    else:
        fits = deep >= min(size * (4 if is_line(kind) else 0.5), 0.7 * deep.max())
    rows, columns = np.nonzero(fits)
    chosen = random.integers(len(rows))
    return int(rows[chosen]), int(columns[chosen])


def assorted(images: Tensor, strength: float, generator: torch.Generator) -> list[Defect]:
    """A defect on each image, the kinds in turn; a kind that would not show on an image gives way to the next.

    Args:
        images: N×3×H×W in [-1, 1], good photos.
        strength: δ in (0, 1].
        generator: CPU generator.

    Raises:
        TgvigError: as `make_defect`. UnseenError: no kind shows on an image.
    """
    return [_first_to_show(image, place, strength, generator) for place, image in enumerate(images)]


def _first_to_show(image: Tensor, place: int, strength: float, generator: torch.Generator) -> Defect:
    part = part_mask(image)
    for turn in range(len(KINDS)):
        try:
            return make_defect(image, KINDS[(place + turn) % len(KINDS)], strength, generator, part=part)
        except UnseenError as error:
            last = error
    raise last
