"""What verdicts rest on: the thresholds of a detector, and the scale on which its scores are shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tgvig_core.utils.errors import TgvigError


@dataclass(frozen=True)
class Limits:
    """A detector's calibration as far as verdicts need it, see fitting.results.Calibration.

    Raises:
        TgvigError: one of them is not finite: nothing exceeds a threshold of NaN.
    """

    threshold: float
    pixel_threshold: float
    steepness: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.threshold, self.pixel_threshold, self.steepness))):
            raise TgvigError(
                f"{self.threshold} is no threshold to judge by: give a number, or train the detector again."
            )
