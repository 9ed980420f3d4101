"""The benchmark's detectors by name, each behind one interface; which paper a detector is from says its own file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from torch import Tensor

from tgvig_core.backbones import Backbone
from tgvig_core.benchmark.backbone_names import spread_layers
from tgvig_core.benchmark.banks import AnomalyDino, PatchcoreAnomalib
from tgvig_core.benchmark.cflow import Cflow
from tgvig_core.benchmark.efficient_ad import EfficientAd
from tgvig_core.benchmark.reverse_distillation import ReverseDistillation
from tgvig_core.benchmark.winclip import WinClip
from tgvig_core.detectors import PatchCore, PatchCoreSettings, ScoreSet
from tgvig_core.errors import TgvigError
from tgvig_core.progress import Progress, silent


class Detector(Protocol):
    """What learns from good images and scores photos."""

    def fit(
        self, images: Tensor, sources: Sequence[int], seed: int = 0,
        progress: Progress = silent, stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        """Learn from images, N×3×S×S in [-1, 1]; `sources` says which normal photo each is or comes from.

        Raises:
            TgvigError: what was given cannot be learned from. Stopped: the stop event was set.
        """

    def score(self, images: Tensor) -> ScoreSet:
        """Raw scores, N, and maps, N×S×S, of images N×3×S×S in [-1, 1]: larger is stranger.

        Raises:
            TgvigError: nothing was learned yet, or a score is not finite.
        """


SEEN, GRID = 1.75, 28 / 256
"""`patchcore-fine` looks at a frame of 256 px as if it had 448, and compares 28 × 28 patches of it."""


def _patchcore(
    backbone: Backbone, size: int, device: str, unit: bool = False, seen: int | None = None, grid: int | None = None
) -> PatchCore:
    """PatchCore on three layers in place of two."""
    layers = spread_layers(backbone.name)
    return PatchCore(replace(backbone, layers=layers), size, PatchCoreSettings(seen=seen, grid=grid, unit=unit), device)


_BUILDERS: dict[str, Callable[[Backbone, int, Path | None, str], Detector]] = {
    "patchcore": lambda backbone, size, models_dir, device: PatchCore(backbone, size, device=device),
    "patchcore-deep": lambda backbone, size, models_dir, device: _patchcore(backbone, size, device),
    "patchcore-deep-unit": lambda backbone, size, models_dir, device: _patchcore(backbone, size, device, unit=True),
    "patchcore-fine": lambda backbone, size, models_dir, device: _patchcore(
        backbone, size, device, unit=True, seen=round(SEEN * size), grid=round(GRID * size)
    ),
    "patchcore-anomalib": lambda backbone, size, models_dir, device: PatchcoreAnomalib(backbone, size, device),
    "cflow": lambda backbone, size, models_dir, device: Cflow(backbone, size, device),
    "reverse-distillation": lambda backbone, size, models_dir, device: ReverseDistillation(backbone, size, device),
    "efficient-ad": EfficientAd,
    "winclip": lambda backbone, size, models_dir, device: WinClip(size, models_dir, device),
    "anomaly-dino": lambda backbone, size, models_dir, device: AnomalyDino(backbone, size, device),
}

DETECTORS = tuple(_BUILDERS)
"""Their names. `patchcore` is the app's; the next three change one thing more each (docs/benchmark.md), the fifth is
anomalib's with its defaults."""


def build(name: str, backbone: Backbone, size: int, models_dir: Path | None, device: str = "cpu") -> Detector:
    """A detector that has learned nothing yet.

    Args:
        name: one of DETECTORS.
        backbone: where features come from; WinCLIP has its own.
        size: S, side in px of the squares that it will be given.
        models_dir: where weights other than the backbone's are looked for.

    Raises:
        TgvigError: there is no such detector, the backbone does not suit it, or weights are missing or do not fit.
    """
    if name not in _BUILDERS:
        raise TgvigError(f"There is no detector {name!r}: choose one of {', '.join(DETECTORS)}.")
    return _BUILDERS[name](backbone, size, models_dir, device)
