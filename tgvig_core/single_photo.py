"""What one photo cannot say: how far good parts differ from each other. A prior from other parts (empirical Bayes).

A new good photo scores higher than a held-out view of the photo that the detector knows, on every part by about the same
factor. Its logarithm is taken as normal: one mean for each part, drawn around MEAN with BETWEEN, and photos of a part
around that with WITHIN. Measured by `python tools/measure_thresholds.py` (docs/thresholds.md): with EfficientNet-Lite0,
three single photos of each of four parts, scores against a detector that remembers that photo alone.
"""

from __future__ import annotations

import math

from scipy.stats import norm, t

PARTS, MEAN, BETWEEN, WITHIN = 4, 0.55, 0.077, 0.108


def factor(false_alarm: float) -> float:
    """How many times the mean score of held-out views a good photo exceeds with probability `false_alarm`."""
    return math.exp(MEAN + _deviation(false_alarm))


def rate_interval(false_alarm: float) -> tuple[float, float]:
    """90 % interval of the true false-alarm rate at `factor`: the part's own mean is not known, and few parts were seen."""
    most = float(t.ppf(0.95, PARTS - 1)) * BETWEEN
    low, high = (float(norm.sf((_deviation(false_alarm) - shift) / WITHIN)) for shift in (-most, most))
    return low, high


def _deviation(false_alarm: float) -> float:
    return float(norm.ppf(1 - false_alarm)) * math.hypot(BETWEEN, WITHIN)
