"""Verdicts on the test photos of a run, and the figures where their folder has labels (MVTec AD's)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tgvig_core.inspection.inspector import Inspector, Verdict, inspect
from tgvig_core.inspection.metrics import image_metrics, pixel_metrics
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask
from tgvig_core.runs.result import Row
from tgvig_core.runs.settings import SIZE
from tgvig_core.utils.progress import QUIET, RunContext

Keep = Callable[[int, Verdict], None]
"""Called with each photo's place and verdict as it comes."""


def evaluate(
    inspector: Inspector,
    tests: Sequence[LabelledPhoto],
    folder: Path,
    ctx: RunContext = QUIET,
    keep: Keep | None = None,
) -> tuple[tuple[Row, ...], dict[str, float | None]]:
    """A row for each test photo, and the figures where they have labels; heatmaps go into the folder.

    Args:
        keep: what else becomes of a verdict, with its map.

    Returns:
        The rows, their heatmaps by file name; the figures by the names of result.FIGURES, those of pixels None without masks.

    Raises:
        TgvigError: a photo cannot be read or a heatmap cannot be written. Stopped: the stop event was set.
    """
    masked = any(photo.masks for photo in tests)
    rows, maps = [], []
    for place, verdict in enumerate(inspect(inspector, [photo.path for photo in tests], folder, ctx) if tests else ()):
        rows.append(_row(verdict))
        if keep:
            keep(place, verdict)
        if masked and verdict.finding:
            maps.append(verdict.finding.map)
    return tuple(rows), _figures(rows, maps, tests, inspector.limits.threshold)


def _row(verdict: Verdict) -> Row:
    found, heatmap = verdict.finding, verdict.heatmap
    assert found and heatmap  # `inspect` raises where a photo cannot be read, and writes all heatmaps
    return Row(str(verdict.path), found.score, found.display, found.is_anomalous, heatmap.name)


def _figures(
    rows: Sequence[Row], maps: Sequence[np.ndarray], tests: Sequence[LabelledPhoto], threshold: float
) -> dict[str, float | None]:
    """Empty without labels."""
    if not tests or tests[0].defective is None:
        return {}
    labels = [bool(photo.defective) for photo in tests]
    return image_metrics([row.score for row in rows], labels, threshold) | pixel_metrics(*_pixels(maps, tests))


def _pixels(maps: Sequence[np.ndarray], tests: Sequence[LabelledPhoto]) -> tuple[Tensor, Tensor]:
    """Maps and masks, N×S×S; without masks there is nothing to be found."""
    if not maps:
        return torch.zeros(1), torch.zeros(1, dtype=torch.bool)
    return torch.from_numpy(np.stack(maps)), torch.stack([read_mask(photo, SIZE) for photo in tests])
