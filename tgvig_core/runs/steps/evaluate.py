"""Verdicts on the test photos of a run, and the figures where their folder has labels (MVTec AD's)."""

from __future__ import annotations

from pathlib import Path

import torch

from tgvig_core.detectors.base import Detector
from tgvig_core.inspection.inspector import Inspector, Verdict, inspect
from tgvig_core.inspection.metrics import image_metrics, pixel_metrics
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask
from tgvig_core.runs.card import ModelCard
from tgvig_core.runs.settings import SIZE
from tgvig_core.utils.progress import QUIET, RunContext


def verdicts(
    detector: Detector, card: ModelCard, tests: tuple[LabelledPhoto, ...], folder: Path,
    ctx: RunContext = QUIET,
) -> dict:  # fmt: skip
    """What result.json holds of the test photos: a row for each, and the figures; heatmaps go into FOLDER/inspect.

    Args:
        card: what `fit.train` says about the detector.
        folder: of the run.

    Raises:
        TgvigError: a photo cannot be read or a heatmap cannot be written. Stopped: the stop event was set.
    """
    inspector = Inspector(detector, card.calibration.limits)
    paths = [photo.path for photo in tests]
    found: list[Verdict] = list(inspect(inspector, paths, folder / "inspect", ctx)) if tests else []
    result: dict = {"images": [_row(verdict, folder) for verdict in found]}
    if tests and tests[0].defective is not None:
        labels, threshold = [bool(photo.defective) for photo in tests], inspector.limits.threshold
        result |= image_metrics([v.finding.score for v in found], labels, threshold)
        masked = any(photo.masks for photo in tests)
        masks = torch.stack([read_mask(photo, SIZE) for photo in tests]) if masked else torch.zeros(1, dtype=torch.bool)
        result |= pixel_metrics(torch.stack([torch.from_numpy(v.finding.map) for v in found]), masks)
    return result


def _row(verdict: Verdict, folder: Path) -> dict:
    """A verdict as result.json holds it; the heatmap's path is relative to the run, which may be moved."""
    found = verdict.finding
    return {"path": str(verdict.path), "score": found.score, "display": found.display,
            "is_anomalous": found.is_anomalous, "heatmap": str(verdict.heatmap.relative_to(folder))}  # fmt: skip
