"""Why here: the remembered patch of a good image that is nearest to a photo's patch (PatchCore, Roth et al., CVPR 2022).

A patch's anomaly is its distance to this very neighbour, so the two crops beside each other show what the detector saw.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.utils.errors import TgvigError

WINDOW = 48
"""Side in px of the frame of the shown surroundings: a patch of 8 px alone says nothing to the eye."""

Box = tuple[int, int, int, int]
"""x, y, width, height in px of the S×S frame."""


@dataclass(frozen=True)
class Evidence:
    """A patch of the photo and its nearest remembered patch.

    Attributes:
        image: index in the pool that the detector was fitted on.
        box: surroundings of the remembered patch in that image.
        own_box: surroundings of the photo's patch, of the same size.
        distance: ≥ 0, in feature space: the raw map's value at this patch before it is blurred.
    """

    image: int
    box: Box
    own_box: Box
    distance: float


@torch.inference_mode()
def nearest_normal(detector: PatchCore, image: Tensor, at: tuple[int, int]) -> Evidence:
    """The patch of a photo under a point, and the remembered patch of a good image that is nearest to it.

    Args:
        detector: trained.
        image: 3×S×S or 1×3×S×S in [-1, 1], the whole photo in the frame.
        at: (x, y) in px of the frame, 0 to S − 1.

    Raises:
        ValueError: the image does not have the detector's size.
        TgvigError: the point lies outside, the image is not finite, or the detector is not trained.
    """
    x, y = at
    size, bank = detector.size, detector.model.memory_bank
    photo = image if image.ndim == 4 else image[None]
    if photo.shape != (1, 3, size, size):
        raise ValueError(f"One image of 3×{size}×{size} is needed, not {tuple(image.shape)}")
    if not (0 <= x < size and 0 <= y < size):
        raise TgvigError(f"The point ({x}, {y}) lies outside the photo: choose x and y from 0 to {size - 1}.")
    if not torch.isfinite(photo).all():
        raise TgvigError("An image to explain holds values that are not numbers: read the photo again.")
    if len(bank) == 0:
        raise TgvigError("The detector remembers no good image to compare with: train it first.")
    grid = detector.features(photo)[0]
    rows, columns = grid.shape[:2]
    row, column = y * rows // size, x * columns // size
    # Differences, not the product form: it loses the small distances to rounding.
    apart = torch.linalg.vector_norm(bank - grid[row, column], dim=1)
    nearest = int(apart.argmin())
    pooled, its_row, its_column = detector.places[nearest].tolist()
    return Evidence(
        pooled,
        _around(its_row, its_column, rows, columns, size),
        _around(row, column, rows, columns, size),
        float(apart[nearest]),
    )


def _around(row: int, column: int, rows: int, columns: int, size: int) -> Box:
    """A window of WINDOW px around a patch's centre, moved into the frame where it would stick out."""
    side = min(WINDOW, size)
    x, y = (
        min(max(round((place + 0.5) * size / count - side / 2), 0), size - side)
        for place, count in ((column, columns), (row, rows))
    )
    return x, y, side, side
