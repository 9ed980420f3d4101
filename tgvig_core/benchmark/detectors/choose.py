"""The benchmark's detectors by name, each behind one interface; which paper a detector is from says its own file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from torch import Tensor

from tgvig_core.benchmark.detectors import cflow, efficient_ad, reverse_distillation
from tgvig_core.benchmark.detectors.banks import AnomalyDino, PatchcoreAnomalib
from tgvig_core.benchmark.detectors.cflow import Cflow
from tgvig_core.benchmark.detectors.efficient_ad import EfficientAd
from tgvig_core.benchmark.detectors.reverse_distillation import ReverseDistillation
from tgvig_core.benchmark.detectors.winclip import WinClip
from tgvig_core.benchmark.plan import BY_THEMSELVES
from tgvig_core.detectors.base import ScoreSet
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_fine import PatchCoreFine
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.detectors.score_prior import UNIT
from tgvig_core.models.backbone_layers import spread_layers
from tgvig_core.models.backbones import Backbone
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext


class Detector(Protocol):
    """What learns from good images and scores photos."""

    def fit(
        self, images: Tensor, sources: Sequence[int], seed: int = 0,
        ctx: RunContext = QUIET,
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


TRAININGS = ("short", "published")
"""How long the detectors that are trained step by step are trained: `short` is for a CPU; `published` is the authors' or
anomalib's length, whose sources LENGTHS of cflow.py, reverse_distillation.py and efficient_ad.py name."""


@dataclass(frozen=True)
class _Wanted:
    """What a detector is built from, see build."""

    backbone: Backbone | None
    size: int
    models_dir: Path | None
    device: str
    training: str


class _Unit(PatchCore):
    """PatchCore on features of length 1."""

    prior = UNIT


def _deep(wanted: _Wanted, unit: bool = False) -> PatchCore:
    """PatchCore on three layers in place of two."""
    backbone = replace(wanted.backbone, layers=spread_layers(wanted.backbone.name))
    return (_Unit if unit else PatchCore)(backbone, wanted.size, PatchCoreSettings(unit=unit), wanted.device)


_BUILDERS: dict[str, Callable[[_Wanted], Detector]] = {
    "patchcore": lambda wanted: PatchCore.build(wanted.backbone, wanted.size, wanted.device),
    "patchcore-deep": _deep,
    "patchcore-deep-unit": lambda wanted: _deep(wanted, unit=True),
    "patchcore-fine": lambda wanted: PatchCoreFine.build(wanted.backbone, wanted.size, wanted.device),
    "patchcore-anomalib": lambda wanted: PatchcoreAnomalib(wanted.backbone, wanted.size, wanted.device),
    "cflow": lambda wanted: Cflow(wanted.backbone, wanted.size, wanted.device, cflow.LENGTHS[wanted.training]),
    "reverse-distillation": lambda wanted: ReverseDistillation(
        wanted.backbone, wanted.size, wanted.device, reverse_distillation.LENGTHS[wanted.training]
    ),
    "efficient-ad": lambda wanted: EfficientAd(
        wanted.backbone, wanted.size, wanted.models_dir, wanted.device, efficient_ad.LENGTHS[wanted.training]
    ),
    "winclip": lambda wanted: WinClip(wanted.size, wanted.models_dir, wanted.device),
    "anomaly-dino": lambda wanted: AnomalyDino(wanted.backbone, wanted.size, wanted.device),
}

DETECTORS = tuple(_BUILDERS)
"""Their names. `patchcore` and `patchcore-fine` are the app's; from the one to the other each changes one thing more
(docs/benchmark.md); the fifth is anomalib's with its defaults."""


def build(
    name: str,
    backbone: Backbone | None,
    size: int,
    models_dir: Path | None,
    device: str = "cpu",
    training: str = "short",
) -> Detector:
    """A detector that has learned nothing yet.

    Args:
        name: one of DETECTORS.
        backbone: where features come from; None for those of plan.BY_THEMSELVES.
        size: S, side in px of the squares that it will be given.
        models_dir: where weights other than the backbone's are looked for.
        training: one of TRAININGS; those that only remember are the same for each.

    Raises:
        TgvigError: there is no such detector or training, the backbone is missing or does not suit it, or weights are
        missing or do not fit.
    """
    if name not in _BUILDERS:
        raise TgvigError(f"There is no detector {name!r}: choose one of {', '.join(DETECTORS)}.")
    if backbone is None and name not in BY_THEMSELVES:
        raise TgvigError(f"The detector {name} needs a backbone: give one, such as efficientnet_lite0.")
    if training not in TRAININGS:
        raise TgvigError(f"There is no training {training!r}: choose one of {', '.join(TRAININGS)}.")
    return _BUILDERS[name](_Wanted(backbone, size, models_dir, device, training))
