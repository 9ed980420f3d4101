"""How good photos score, told from a few: a log-normal law whose missing parts come from other parts (empirical Bayes).

The logarithm of a good photo's score is taken as normal around a mean of the part's own. That mean is told by the
held-out photos, or by held-out views where there is one photo only; what so few cannot tell, how far good parts differ and
how the score falls as more photos are remembered, was measured on other parts by `python tools/measure_thresholds.py`
(docs/thresholds.md), with EfficientNet-Lite0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t
from torch import Tensor

PARTS = 4
"""Parts that the numbers below rest on."""
ONE_MEAN, ONE_BETWEEN = 0.585, 0.129
"""Log of another good photo's score over the mean score of views, against a bank of one photo: mean, spread of the parts'."""
FALL = 0.209
"""Of n remembered photos, a good photo's log score lies FALL/n above where it ends."""
BETWEEN = 0.052
"""Spread of the parts' and draws' means around what the held-out photos say, once FALL is allowed for."""
WITHIN, WITHIN_WEIGHT = 0.102, 16
"""Spread within a part, and how many held-out photos it is worth beside their own spread."""

DRAWS = 10_000
LEAST = 1e-6
"""Photos that are the same to the detector score 0, which has no logarithm."""


@dataclass(frozen=True)
class Law:
    """Where a new good photo's log score is expected: Student's t around `mean`.

    Attributes:
        mean: of the log score. spread: of the photos around their true mean.
        unsure: standard deviation of `mean` itself. freedom: degrees of freedom.
    """

    mean: float
    spread: float
    unsure: float
    freedom: float

    @property
    def typical(self) -> float:
        """The median good photo's score."""
        return math.exp(self.mean)

    def threshold(self, false_alarm: float) -> float:
        """The score that a new good photo exceeds with probability `false_alarm`, the mean's own error allowed for."""
        return math.exp(self.mean + float(t.ppf(1 - false_alarm, self.freedom)) * math.hypot(self.spread, self.unsure))

    def rate_interval(self, false_alarm: float) -> tuple[float, float]:
        """90 % interval of the true false-alarm rate at `threshold`, from DRAWS pairs of mean and spread that may be true."""
        draws = np.random.default_rng(0)
        scale = np.sqrt(self.freedom / draws.chisquare(self.freedom, DRAWS))
        above = math.log(self.threshold(false_alarm)) - self.mean - scale * self.unsure * draws.normal(size=DRAWS)
        low, high = np.quantile(norm.sf(above / (scale * self.spread)), [0.05, 0.95])
        return float(low), float(high)


def of_views(values: Tensor) -> Law:
    """The law from one photo.

    Args:
        values: scores of held-out views against a bank of that photo alone.
    """
    freedom = (WITHIN**2 + ONE_BETWEEN**2) ** 2 / (ONE_BETWEEN**4 / (PARTS - 1))  # Welch and Satterthwaite: few parts
    return Law(math.log(max(float(values.mean()), LEAST)) + ONE_MEAN, WITHIN, ONE_BETWEEN, freedom)


def of_photos(values: Tensor, remembered: float, photos: int) -> Law:
    """The law from several photos.

    Args:
        values: of m ≥ 2 photos, each one's score against a bank without it.
        remembered: photos in such a bank. photos: n, in the bank in use.
    """
    logs, count = values.double().clamp_min(LEAST).log(), len(values)
    mean = float(logs.mean()) - FALL * (1 / remembered - 1 / photos)
    freedom = WITHIN_WEIGHT + count - 1
    spread = math.sqrt((WITHIN_WEIGHT * WITHIN**2 + float(((logs - logs.mean()) ** 2).sum())) / freedom)
    return Law(mean, spread, math.hypot(spread / math.sqrt(count), BETWEEN), freedom)
