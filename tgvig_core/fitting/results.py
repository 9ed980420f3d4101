"""What fitting finds, as numbers that check themselves: the threshold (calibration.py) and the gate (admission.py).

words.py says the same in sentences; files of a run hold both.
"""

from __future__ import annotations

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from tgvig_core.inspection.limits import Limits

FINITE = ConfigDict(allow_inf_nan=False)
HELD_OUT_VIEWS = 20
"""Of a single photo."""
ALONE, FOLDS, ONCE = 10, 5, 40
"""Up to 10 photos each is held out alone; of more a fifth at a time; of more than 40 one fifth only, because a bank of
hundreds of photos takes minutes."""
LEAST_ABOVE = 3
"""Held-out scores above the threshold from which on the order statistic is as sure as the law."""
TOO_FAR = 2.0
"""The gate's limit, in thresholds of the detector of the photos alone. Sets of up to 1.9 were as good in the bank as out of
it (docs/advice.md); noise lies beyond (tests/core/fitting/test_admission.py)."""


@dataclass(frozen=True, config=FINITE)
class Calibration:
    """Where good ends, and how sure that is.

    Attributes:
        threshold: raw image score above which a part is called anomalous.
        pixel_threshold: raw map value that the highest pixel of a good part exceeds at the same rate.
        typical: raw image score that half of the good parts exceed.
        steepness: k of the score from 0 to 1, see score_scale.py.
        false_alarm: α, the target false-alarm rate: the share of good parts that may be called anomalous.
        low, high: 90 % interval of the true rate.
        photos: how many normal photos this rests on.
    """

    threshold: float
    pixel_threshold: float
    typical: float
    steepness: float
    false_alarm: float
    low: float
    high: float
    photos: int

    @property
    def limits(self) -> Limits:
        """What verdicts rest on."""
        return Limits(self.threshold, self.pixel_threshold, self.steepness)


@dataclass(frozen=True, config=FINITE)
class Admission:
    """Whether one generated image is learned from.

    Attributes:
        image: its place in the set.
        kept: False where the gate rejects it.
        distance: to the nearest real normal, a raw score.
    """

    image: int
    kept: bool
    distance: float


@dataclass(frozen=True, config=FINITE)
class Gate:
    """The admissions of a set.

    Attributes:
        good: the threshold of the detector of the photos alone, up to which another good photo may lie.
        limit: the largest distance of an image that is kept.
        images: one for each image of the set, in its order.
    """

    good: float
    limit: float
    images: tuple[Admission, ...]

    @property
    def rejected(self) -> tuple[int, ...]:
        """The places in the set that are not learned from."""
        return tuple(one.image for one in self.images if not one.kept)
