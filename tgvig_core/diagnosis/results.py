"""What a check finds, as numbers: what to learn from (pool_comparison.py), which defects are found (detectability.py).

words.py says the same in sentences; files of a run hold both.
"""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from tgvig_core.fitting.results import FINITE
from tgvig_core.fitting.training_sets import REAL, TrainingSet

STRENGTHS = (0.4, 0.7)
"""δ of the defects that every held-out image is given once each."""
LEAST = 0.01
"""A smaller difference of the AUROC is called none: one in a hundred pairs of a good and a defective photo."""


@dataclass(frozen=True, config=FINITE)
class Compared:
    """One training set beside the photos alone.

    Attributes:
        training_set: what was learned from.
        auroc: mean image AUROC over the strengths.
        difference: to the photos alone. low, high: its interval; with 90 % probability all training sets' hold.
    """

    training_set: TrainingSet
    auroc: float
    difference: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out 0 and the difference is at least LEAST either way."""
        return abs(self.difference) >= LEAST and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, config=FINITE)
class Advice:
    """What to learn from.

    Attributes:
        compared: the photos alone first.
        images: how many images each detector scored.
    """

    compared: tuple[Compared, ...]
    images: int

    @property
    def recommended(self) -> TrainingSet:
        """The surely better one with the largest difference; else the photos alone."""
        better = [one for one in self.compared if one.sure and one.difference > 0]
        return max(better, key=lambda one: one.difference, default=self.compared[0]).training_set

    @property
    def differs(self) -> bool:
        """Whether any is surely better or worse than the photos alone."""
        return any(one.sure for one in self.compared)


@dataclass(frozen=True, config=FINITE)
class Lift:
    """The photos alone and what a detector learned from: mean image AUROC of each, and the difference's 90 % interval."""

    real: float
    tgvig: float
    difference: float
    low: float
    high: float
    images: int

    def as_advice(self, training_set: TrainingSet) -> Advice:
        """The same as a comparison of two; `training_set` is what the detector learned from."""
        other = Compared(training_set, self.tgvig, self.difference, self.low, self.high)
        return Advice((Compared(REAL, self.real, 0.0, 0.0, 0.0), other), self.images)


@dataclass(frozen=True, config=FINITE)
class Share:
    """How many defects of one strength or size are found.

    Attributes:
        at: the strength in (0, 1], or the size in px.
        found, trials: counts. share: found / trials.
        low, high: 90 % interval of the true share (Wilson 1927).
    """

    at: float
    found: int
    trials: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, config=FINITE)
class KindCurve:
    """What is found of one kind.

    Attributes:
        kind: one of defects.KINDS.
        strengths: at sizes as `make_defect` draws them; weakest first.
        sizes: at full strength; smallest first.
    """

    kind: str
    strengths: tuple[Share, ...]
    sizes: tuple[Share, ...]


@dataclass(frozen=True, config=FINITE)
class Detectability:
    """What is found of every kind.

    Attributes:
        kinds: the kinds that show on this part.
        unseen: the kinds that do not show on any photo even at full strength, and were not tried.
        places: defects of each kind that a curve rests on, at most.
        scored: spoiled photos that were scored. elsewhere: how many of them were called anomalous for another spot.
    """

    kinds: tuple[KindCurve, ...]
    unseen: tuple[str, ...]
    places: int
    scored: int
    elsewhere: int
