"""A run's detector with what training wrote beside it."""

from __future__ import annotations

from pathlib import Path

from tgvig_core.detectors.base import Detector, load_detector
from tgvig_core.detectors.saved import read_about


def load_model(folder: Path, device: str = "cpu") -> tuple[Detector, dict]:
    """The detector that lies in a folder, and its card.

    Raises:
        TgvigError: the folder is no saved model, or a file in it was changed.
    """
    return load_detector(folder, device), read_about(lambda name: (folder / name).read_bytes(), str(folder))
