"""Why here: the remembered patch of a good image that is nearest to a photo's patch (PatchCore, Roth et al., CVPR 2022).

A patch's anomaly is its distance to this very neighbour, so the two crops beside each other show what the detector saw.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tgvig_core.detectors.abilities import Box, Evidence

WINDOW = 48
"""Side in px of the frame of the shown surroundings: a patch of 8 px alone says nothing to the eye."""


def nearest_remembered(bank: Tensor, places: Tensor, grid: Tensor, at: tuple[int, int], size: int) -> Evidence:
    """The patch of a photo under a point, and the remembered patch that is nearest to it.

    Args:
        bank: R×D, R ≥ 1. places: R×3, image, row and column of each.
        grid: rows×columns×D, the photo's patches.
        at: (x, y) in px of the frame, 0 to S − 1. size: S.
    """
    x, y = at
    rows, columns = grid.shape[:2]
    row, column = y * rows // size, x * columns // size
    # Differences, not the product form: it loses the small distances to rounding.
    apart = torch.linalg.vector_norm(bank - grid[row, column], dim=1)
    nearest = int(apart.argmin())
    image, its_row, its_column = places[nearest].tolist()
    return Evidence(
        image,
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
