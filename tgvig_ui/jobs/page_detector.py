"""The detector that the page itself asks, beside the worker: kept on the processor, one question at a time."""

from __future__ import annotations

import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_ui.jobs.service import Service

if TYPE_CHECKING:
    from torch import Tensor

    from tgvig_core.detectors.base import Detector, ScoreSet

ASKING = threading.Lock()
"""One at a time, however many tabs ask: the worker needs the processor, too."""


def scored(service: Service, model: Path, image: Tensor, exclude_group: int | None) -> ScoreSet:
    """Score and map of one image in the detector's frame, 3×S×S in [-1, 1]."""
    service.pack()  # the heavy imports, behind its lock: the worker's may be under way
    with ASKING:
        return loaded(model, stamp(model / "model.json")).score(image[None], exclude_group=exclude_group)


@functools.lru_cache(maxsize=1)
def loaded(folder: Path, stamp: int) -> Detector:
    """On the processor: one photo takes a tenth of a second there, and a GPU's memory stays the worker's.

    Args:
        stamp: tells when another detector lies there.
    """
    from tgvig_core.detectors.base import load_detector

    return load_detector(folder, "cpu")


def stamp(file: Path) -> int:
    """A file's time of change."""
    return file.stat().st_mtime_ns
