"""A score from 0 to 1 for people: the logistic function (Verhulst 1845) of a raw score's logarithm. Verdicts rest on raw scores."""

from __future__ import annotations

import math

TYPICAL_SHOWN = 0.05
"""What a typical good part is shown as; the threshold is shown as 0.5."""


def steepness(threshold: float, typical: float) -> float:
    """k of `shown`, from the raw scores of the threshold and of a typical good part, both > 0."""
    return math.log(1 / TYPICAL_SHOWN - 1) / max(math.log(threshold / typical), 0.01)


def shown(score: float, threshold: float, steepness: float) -> float:
    """1 / (1 + (threshold/score)^k), in [0, 1]: in the order of the raw scores, 0.5 at the threshold.

    Args:
        score: raw, ≥ 0. threshold: raw, ≥ 0, maybe moved by a person. steepness: k, see calibration.Calibration.
    """
    if score <= 0 or threshold <= 0:
        return 0.0 if score <= 0 else 1.0
    return 1 / (1 + math.exp(min(steepness * math.log(threshold / score), 700.0)))
