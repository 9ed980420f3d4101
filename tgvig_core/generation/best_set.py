"""α, the generated set that is used: Eq. 5 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tgvig_core.utils.errors import TgvigError


def best_iteration(similarities: Sequence[float], text: bool = True) -> int:
    """α: number (from 1) of the most similar set (Eq. 5), the earliest on a tie; without text the last one.

    Raises:
        TgvigError: a similarity is not finite: beside NaN, which one is largest depends on the order.
    """
    if odd := [place for place, value in enumerate(similarities, 1) if not math.isfinite(value)]:
        raise TgvigError(f"The similarity of set {odd[0]} is not a number: start the run anew.")
    if not text:
        return len(similarities)
    return max(range(len(similarities)), key=lambda place: similarities[place]) + 1
