"""A threshold with a known false-alarm rate from a few good photos, and what it is worth.

No photo is compared with itself. With several, each is scored against a memory bank made without it (cross-fitting); with
one, only views of it can be. From the few scores a law of good scores gives the threshold (`score_prior.py`); from many it
is the order statistic of split conformal prediction (Vovk et al. 2005; Lei et al., JASA 2018), which asks for no law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from scipy.stats import beta
from torch import Tensor

from tgvig_core.detectors import score_prior
from tgvig_core.detectors.base import Detector
from tgvig_core.fitting.pools import Pool
from tgvig_core.fitting.results import ALONE, FOLDS, HELD_OUT_VIEWS, LEAST_ABOVE, ONCE, Calibration
from tgvig_core.inspection.score_scale import steepness
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import enough_for
from tgvig_core.utils.progress import QUIET, RunContext


@dataclass(frozen=True)
class HeldOut:
    """Raw scores of good images that what they were compared with had not learned from.

    Attributes:
        scores, peaks: image scores and highest pixels of the maps: one for each photo that was held out, or of a single
            photo's views.
        photos: normals that the detector in use learned from.
        remembered: normals that those compared with had learned from.
        others: what such features gave on other parts.
    """

    scores: Tensor
    peaks: Tensor
    photos: int
    remembered: float
    others: score_prior.Others = score_prior.PLAIN


def calibrate(
    detector: Detector, pool: Pool, alone: Detector, normals: Tensor, policy: ViewPolicy, false_alarm: float = 0.05,
    seed: int = 0, ctx: RunContext = QUIET,
) -> Calibration:  # fmt: skip
    """Threshold for a target false-alarm rate; see `held_out` and `limits`."""
    if not 0 < false_alarm < 1:
        raise TgvigError(f"{false_alarm} is not a false-alarm rate: give a number between 0 and 1, such as 0.05.")
    return limits(held_out(detector, pool, alone, normals, policy, seed, ctx), false_alarm)


def held_out(
    detector: Detector, pool: Pool, alone: Detector, normals: Tensor, policy: ViewPolicy, seed: int = 0,
    ctx: RunContext = QUIET,
) -> HeldOut:  # fmt: skip
    """Scores of good images that were not remembered.

    To leave a photo's rows out of the finished bank would not do: the coreset was chosen with them, and what is left has
    holes where they were. Bottles scored 13 % higher against such a bank of four than against one made of the four.

    Args:
        detector: trained on the pool. pool: its images; `groups` number the normals as here.
        alone: trained on the normals alone; asked where there is a single one. Whatever else a detector remembers moves
            the scores of that photo's views, and hardly those of other photos.
        normals: n×3×S×S in [-1, 1].
        policy: how good parts may differ.

    Raises:
        TgvigError: memory is too short. Stopped: the stop event was set.
    """
    others = detector.prior
    if len(normals) == 1:
        return _views_held_out(alone, normals[0], policy, others, seed, ctx)
    count = len(normals)
    parts = count if count <= ALONE else FOLDS
    folds = [list(range(count))[start::parts] for start in range(parts if count <= ONCE else 1)]
    scores, peaks = [], []
    with enough_for(f"comparing {count} photos", "give fewer photos"):
        found = detector.cross_fitted(pool.images, pool.groups, normals, folds, seed, ctx)
        for result in ctx.track(found, "Finding the threshold", len(folds)):
            scores.append(result.scores)
            peaks.append(result.maps.flatten(1).amax(1))
    return HeldOut(torch.cat(scores), torch.cat(peaks), count, count - count / parts, others)


def _views_held_out(
    alone: Detector, normal: Tensor, policy: ViewPolicy, others: score_prior.Others, seed: int,
    ctx: RunContext,
) -> HeldOut:  # fmt: skip
    """Of a single photo. A mirrored or turned view is no view of what `alone` remembers: it would score like a defect."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 500_009)  # no view that training has seen
    plain = views(normal, HELD_OUT_VIEWS, replace(policy, flips=False, turns=False), generator)
    steps = ctx.track(plain.split(4), "Finding the threshold", math.ceil(HELD_OUT_VIEWS / 4))
    results = [alone.score(part) for part in steps]
    peaks = torch.cat([result.maps.flatten(1).amax(1) for result in results])
    return HeldOut(torch.cat([result.scores for result in results]), peaks, 1, 1, others)


def limits(held: HeldOut, false_alarm: float) -> Calibration:
    """What held-out scores and highest pixels say about new good photos.

    Args:
        false_alarm: α in (0, 1).

    Raises:
        TgvigError: a score is not finite: nothing exceeds a threshold of NaN.
    """
    if not (held.scores.isfinite().all() and held.peaks.isfinite().all()):
        raise TgvigError("The threshold would rest on a score that is not a number: train the detector again.")
    photos, others = held.photos, held.others
    laws = [
        score_prior.of_views(found, others)
        if photos == 1
        else score_prior.of_photos(found, held.remembered, photos, others)
        for found in (held.scores, held.peaks)
    ]
    threshold, pixel = (law.threshold(false_alarm) for law in laws)
    low, high = laws[0].rate_interval(false_alarm)
    compared = len(held.scores)
    if photos > 1 and (compared + 1) * false_alarm >= LEAST_ABOVE:
        found = (conformal_threshold(values, false_alarm) for values in (held.scores, held.peaks))
        threshold, pixel = (max(value, score_prior.LEAST) for value in found)
        low, high = rate_interval(compared, false_alarm)
    typical = laws[0].typical
    steep = steepness(threshold, typical)
    return Calibration(threshold, pixel, typical, steep, false_alarm, low, high, photos)


def conformal_threshold(scores: Tensor, false_alarm: float) -> float:
    """The ⌈(m+1)(1−α)⌉-th smallest of m scores; the largest where m is too small for α."""
    rank = min(math.ceil((len(scores) + 1) * (1 - false_alarm)), len(scores))
    return float(scores.sort().values[rank - 1])


def rate_interval(photos: int, false_alarm: float) -> tuple[float, float]:
    """90 % interval of the true false-alarm rate: the rate at rank k of n is Beta(n + 1 − k, k) distributed."""
    rank = min(math.ceil((photos + 1) * (1 - false_alarm)), photos)
    law = beta(photos + 1 - rank, rank)
    return float(law.ppf(0.05)), float(law.ppf(0.95))
