"""What the benchmark asks of a detector, and the registry of those that it has beside the app's: one file adds one.

    @benchmark_detector("cflow", title="CFlow")
    def build(given: Materials) -> Cflow: ...

A fact of an entry: `backbone=False` where a detector has weights of its own, so that it has one cell whatever the backbones.
The app's detectors and those of plugins come from tgvig_core.detectors (catalogue.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tgvig_core.utils.progress import QUIET, RunContext
from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from tgvig_core.detectors.base import ScoreSet
    from tgvig_core.models.backbones import Backbone

TRAININGS = ("short", "published")
"""How long the detectors that are trained step by step are trained: `short` is for a CPU; `published` is the authors' or
anomalib's length, whose sources LENGTHS of cflow.py, reverse_distillation.py and efficient_ad.py name."""


class Detector(Protocol):
    """What learns from good images and scores photos."""

    def fit(self, images: Tensor, groups: Sequence[int], seed: int = 0, ctx: RunContext = QUIET) -> None:
        """Learn from images, N×3×S×S in [-1, 1]; `groups` says which normal photo each is or comes from.

        Raises:
            TgvigError: what was given cannot be learned from. Stopped: the stop event was set.
        """

    def score(self, images: Tensor) -> ScoreSet:
        """Raw scores, N, and maps, N×S×S, of images N×3×S×S in [-1, 1]: larger is stranger.

        Raises:
            TgvigError: nothing was learned yet, or a score is not finite.
        """


@dataclass(frozen=True)
class Materials:
    """What a detector is built from.

    Attributes:
        chosen: where features come from; None for a detector that takes no backbone.
        size: S, side in px of the squares that it will be given.
        models_dir: where weights other than the backbone's are looked for.
        device: "cpu", "cuda" or "cuda:1".
        training: one of TRAININGS; those that only remember are the same for each.
    """

    chosen: Backbone | None
    size: int
    models_dir: Path | None = None
    device: str = "cpu"
    training: str = TRAININGS[0]

    @property
    def backbone(self) -> Backbone:
        """Where features come from, for a detector that takes a backbone."""
        assert self.chosen is not None  # catalogue.build has refused that
        return self.chosen


benchmark_detector: Registry[Callable[[Materials], Detector]] = Registry(
    "benchmark detector", "tgvig_core.benchmark.detectors"
)
