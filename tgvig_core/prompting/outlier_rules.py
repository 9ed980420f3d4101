"""S^p of Eq. 1 (TGVIG, Lee and Choi, CVPR 2024): which prompts stay, by their distance d from the photo."""

from __future__ import annotations

import numpy as np

from tgvig_core.prompting.registry import outlier_rule

PAPER_THRESHOLD = 0.5  # S^p = {S_j | d > 0.5}
ROBUST_FACTOR = 3.0  # drop d > median + 3·MAD


@outlier_rule("robust", title="Exclude outliers (robust)", order=0)
def robust(d: np.ndarray) -> tuple[float, np.ndarray, str]:
    """d ≤ median + 3·MAD stays, with MAD = median |d − median d|."""
    median = float(np.median(d))
    mad = float(np.median(np.abs(d - median)))
    threshold = median + ROBUST_FACTOR * mad
    text = f"prompts up to {threshold:.3f} away stay (median {median:.3f} + 3 × median deviation {mad:.3f})"
    return threshold, d <= threshold, text


@outlier_rule("paper", title="Keep what is further away than 0.5 (the paper)", order=1)
def paper(d: np.ndarray) -> tuple[float, np.ndarray, str]:
    """d > 0.5 stays, as the paper writes it."""
    return PAPER_THRESHOLD, d > PAPER_THRESHOLD, f"the paper's rule: prompts further than {PAPER_THRESHOLD} stay"
