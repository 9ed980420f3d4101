"""How good photos score, told from a few: a log-normal law whose missing parts come from other parts (empirical Bayes).

The logarithm of a good photo's score is taken as normal around a mean of the part's own. That mean is told by the
held-out photos, or by held-out views where there is one photo only; what so few cannot tell, how far good parts differ and
how the score falls as more photos are remembered, was measured on other parts by `python -m tools.research.measure_thresholds`
(docs/thresholds.md), with EfficientNet-Lite0 and for each kind of features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t
from torch import Tensor

PARTS = 4
"""Parts that the numbers below rest on."""
WITHIN_WEIGHT = 16
"""How many held-out photos `Others.within` is worth beside their own spread."""


@dataclass(frozen=True)
class Others:
    """What was measured on other parts.

    Attributes:
        one_mean, one_between: log of another good photo's score over the mean score of views, against a bank of one photo:
            mean, spread of the parts'.
        fall: of n remembered photos, a good photo's log score lies fall/n above where it ends.
        between: spread of the parts' and draws' means around what the held-out photos say, once `fall` is allowed for.
        within: spread within a part.
    """

    one_mean: float
    one_between: float
    fall: float
    between: float
    within: float


PLAIN = Others(0.585, 0.129, 0.209, 0.052, 0.102)
"""Of features as the network gives them."""
UNIT = Others(0.508, 0.090, 0.191, 0.029, 0.082)
"""Of features that have length 1 in every layer (PatchCoreSettings.unit), measured with `patchcore-fine`."""

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


def of_views(values: Tensor, others: Others = PLAIN) -> Law:
    """The law from one photo.

    Args:
        values: scores of held-out views against a bank of that photo alone.
    """
    within, between = others.within, others.one_between
    freedom = (within**2 + between**2) ** 2 / (between**4 / (PARTS - 1))  # Welch and Satterthwaite: few parts
    return Law(math.log(max(float(values.mean()), LEAST)) + others.one_mean, within, between, freedom)


def of_photos(values: Tensor, remembered: float, photos: int, others: Others = PLAIN) -> Law:
    """The law from several photos.

    Args:
        values: of m ≥ 2 photos, each one's score against a bank without it.
        remembered: photos in such a bank. photos: n, in the bank in use.
    """
    logs, count = values.double().clamp_min(LEAST).log(), len(values)
    mean = float(logs.mean()) - others.fall * (1 / remembered - 1 / photos)
    freedom = WITHIN_WEIGHT + count - 1
    spread = math.sqrt((WITHIN_WEIGHT * others.within**2 + float(((logs - logs.mean()) ** 2).sum())) / freedom)
    return Law(mean, spread, math.hypot(spread / math.sqrt(count), others.between), freedom)
