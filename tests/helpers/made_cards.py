"""What a training leaves beside a detector, made without one."""

from __future__ import annotations

from typing import Any

from tgvig_core.fitting.results import Calibration
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.runs.card import Fitted


def fitted(training_set: str = "tgvig", threshold: float = 1.0) -> Fitted:
    """A training on a nut; half of the good parts score half of the threshold."""
    found = Calibration(threshold, threshold, threshold / 2, 4.2, 0.05, 0.01, 0.1, 2)
    return Fitted("nut", TrainingSet.parse(training_set), 1, found)


def card_json(training_set: str = "tgvig", threshold: float = 1.0, **changes: Any) -> dict[str, Any]:
    """The whole of a model.json."""
    saved = {"format": 2, "detector": "patchcore", "backbone": "efficientnet_lite0", "layers": ["blocks.2", "blocks.4"],
             "size": 256, "settings": {}, "sha256": "0" * 64}  # fmt: skip
    return saved | fitted(training_set, threshold).as_json() | changes
