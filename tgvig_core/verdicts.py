"""Verdicts on the test photos of a run, and the figures where their folder has labels (MVTec AD's)."""

from __future__ import annotations

import threading
from pathlib import Path

import torch

from tgvig_core.detectors import PatchCore
from tgvig_core.display import shown
from tgvig_core.inspection import Verdict, inspect
from tgvig_core.metrics import image_metrics, pixel_metrics
from tgvig_core.progress import Progress, silent
from tgvig_core.settings import SIZE
from tgvig_core.testset import LabelledPhoto, read_mask


def verdicts(
    detector: PatchCore, card: dict, tests: tuple[LabelledPhoto, ...], folder: Path,
    progress: Progress = silent, stop: threading.Event | None = None,
) -> dict:  # fmt: skip
    """What result.json holds of the test photos: a row for each, and the figures; heatmaps go into FOLDER/inspect.

    Args:
        card: what `learning.train` says about the detector.
        folder: of the run.

    Raises:
        TgvigError: a photo cannot be read or a heatmap cannot be written. Stopped: the stop event was set.
    """
    limits = card["calibration"]["threshold"], card["calibration"]["pixel_threshold"]
    paths = [photo.path for photo in tests]
    found: list[Verdict] = list(inspect(detector, *limits, paths, folder / "inspect", progress, stop)) if tests else []
    result: dict = {"images": [_row(verdict, folder, card["calibration"]) for verdict in found]}
    if tests and tests[0].defective is not None:
        result |= image_metrics([v.score for v in found], [bool(photo.defective) for photo in tests], limits[0])
        masked = any(photo.mask for photo in tests)
        masks = torch.stack([read_mask(photo, SIZE) for photo in tests]) if masked else torch.zeros(1, dtype=torch.bool)
        result |= pixel_metrics(torch.stack([v.map for v in found]), masks)
    return result


def _row(verdict: Verdict, folder: Path, about: dict) -> dict:
    """A verdict as result.json holds it; the heatmap's path is relative to the run, which may be moved."""
    heatmap = str(verdict.heatmap.relative_to(folder))
    display = shown(verdict.score, about["threshold"], about["steepness"])
    return {"path": str(verdict.path), "score": verdict.score, "display": display,
            "is_anomalous": verdict.is_anomalous, "heatmap": heatmap}  # fmt: skip
