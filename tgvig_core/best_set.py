"""α, the generated set that is used: Eq. 5 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247)."""

from __future__ import annotations

from collections.abc import Sequence


def best_iteration(similarities: Sequence[float], text: bool = True) -> int:
    """α: number (from 1) of the most similar set (Eq. 5), the earliest on a tie; without text the last one."""
    if not text:
        return len(similarities)
    return max(range(len(similarities)), key=lambda place: similarities[place]) + 1
