"""A threshold from a few good photos, and whether generation helps on this part.

The threshold is the order statistic of split conformal prediction (Vovk et al. 2005; Lei et al., JASA 2018): of m
held-out normal scores the ⌈(m+1)(1−α)⌉-th smallest. A photo is never compared with itself: with several normals each is
scored against the rows of the others; with a single one only its held-out views can be scored, and how much higher
another good photo scores is taken from other parts (`single_photo.py`).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace

import torch
from scipy.stats import beta
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tgvig_core import single_photo
from tgvig_core.augment import ViewPolicy, views
from tgvig_core.defects import KINDS, assorted
from tgvig_core.detectors import PatchCore
from tgvig_core.errors import TgvigError
from tgvig_core.progress import Progress, silent, track

HELD_OUT_VIEWS = 20
LIFT_VIEWS = 12
LIFT_STRENGTH = 0.4
"""δ at which the defects are hard: with one photo of a bottle, a transistor or a tile the AUROC is 0.8 to 0.9; at 0.7
the bottle's is 1 already and could show no lift."""


@dataclass(frozen=True)
class Calibration:
    """Where good ends, and how sure that is.

    Attributes:
        threshold: raw image score above which a part is called anomalous.
        pixel_threshold: raw map value that the highest pixel of a good part exceeds at the same rate.
        false_alarm: α, the share of good parts that may be called anomalous.
        low, high: 90 % interval of the true rate, counting photos and not their views.
        photos: how many normal photos this rests on.
        words: the same for an engineer.
    """

    threshold: float
    pixel_threshold: float
    false_alarm: float
    low: float
    high: float
    photos: int
    words: str


def conformal_threshold(scores: Tensor, false_alarm: float) -> float:
    """The ⌈(m+1)(1−α)⌉-th smallest of m scores; the largest where m is too small for α."""
    rank = min(math.ceil((len(scores) + 1) * (1 - false_alarm)), len(scores))
    return float(scores.sort().values[rank - 1])


def rate_interval(photos: int, false_alarm: float) -> tuple[float, float]:
    """90 % interval of the true false-alarm rate: the rate at rank k of n is Beta(n + 1 − k, k) distributed."""
    rank = min(math.ceil((photos + 1) * (1 - false_alarm)), photos)
    law = beta(photos + 1 - rank, rank)
    return float(law.ppf(0.05)), float(law.ppf(0.95))


def calibrate(
    detector: PatchCore, alone: PatchCore, normals: Tensor, policy: ViewPolicy, false_alarm: float = 0.05, seed: int = 0,
    progress: Progress = silent, stop: threading.Event | None = None,
) -> Calibration:  # fmt: skip
    """Threshold for a wished false-alarm rate.

    Args:
        detector: trained with `sources` that number the normals as here.
        alone: trained on the normals alone; asked where there is a single one. Whatever else a detector remembers moves
            the scores of that photo's views, and hardly those of other photos.
        normals: n×3×S×S in [-1, 1].
        policy: how good parts may differ.
        false_alarm: α in (0, 1).

    Raises:
        TgvigError: α is not a rate. Stopped: the stop event was set.
    """
    if not 0 < false_alarm < 1:
        raise TgvigError(f"{false_alarm} is not a false-alarm rate: give a number between 0 and 1, such as 0.05.")
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 500_009)  # no view that training has seen
    each = math.ceil(HELD_OUT_VIEWS / len(normals))
    if (
        len(normals) == 1
    ):  # a mirrored or turned view is no view of what `alone` remembers, and would score like a defect
        policy = replace(policy, flips=False, turns=False)
    scores, peaks = [], []
    for place, normal in enumerate(track(normals, "Finding the threshold", len(normals), progress, stop)):
        held_out = views(normal, each, policy, generator)
        batch = torch.cat([normal[None], held_out])
        result = alone.score(held_out) if len(normals) == 1 else detector.score(batch, leave_out=place)
        scores.append(result.scores)
        peaks.append(result.maps.flatten(1).amax(1))
    return _limits(torch.cat(scores), torch.cat(peaks), len(normals), false_alarm)


def _limits(scores: Tensor, peaks: Tensor, photos: int, false_alarm: float) -> Calibration:
    """What held-out scores and highest pixels say about new good photos."""
    if photos == 1:
        low, high = single_photo.rate_interval(false_alarm)
        threshold, pixel = (single_photo.factor(false_alarm) * float(found.mean()) for found in (scores, peaks))
    else:
        low, high = rate_interval(photos, false_alarm)
        threshold, pixel = (conformal_threshold(found, false_alarm) for found in (scores, peaks))
    return Calibration(threshold, pixel, false_alarm, low, high, photos, _words(photos, false_alarm, low, high))


def _words(photos: int, false_alarm: float, low: float, high: float) -> str:
    between = f"the true rate may be anything from {low:.0%} to {high:.0%}"
    if photos == 1:
        taken = "taken from how good photos of other parts differ"
        return f"Set for {false_alarm:.0%} false alarms, but from 1 photo this is a guess, {taken}: {between}."
    return f"Set for {false_alarm:.0%} false alarms from {photos} photos: {between}."


@dataclass(frozen=True)
class Lift:
    """Image AUROC on held-out views against synthetic defects on them, without and with the generated images."""

    real: float
    tgvig: float
    difference: float
    images: int
    words: str


def lift(
    real: PatchCore, tgvig: PatchCore, normals: Tensor, policy: ViewPolicy, seed: int = 0,
    progress: Progress = silent, stop: threading.Event | None = None,
) -> Lift:  # fmt: skip
    """Does generation help on this part? Both detectors score the same held-out views and synthetic defects.

    Args:
        real: trained on the normals only.
        tgvig: trained on the normals and the best set.
        normals: n×3×S×S in [-1, 1].

    Raises:
        Stopped: the stop event was set.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 700_001)
    each = math.ceil(LIFT_VIEWS / len(normals))
    good = torch.cat([views(normal, each, policy, generator) for normal in normals])
    spoiled = torch.stack([defect.image for defect in assorted(good, LIFT_STRENGTH, generator)])
    batch, labels = torch.cat([good, spoiled]), [0] * len(good) + [1] * len(spoiled)
    arms = track((real, tgvig), "Comparing without and with generated images", 2, progress, stop)
    figures = [float(roc_auc_score(labels, detector.score(batch).scores)) for detector in arms]
    difference = figures[1] - figures[0]
    words = (
        f"On {len(good)} held-out views and as many faint synthetic defects of {len(KINDS)} kinds, the image AUROC is "
        f"{figures[0]:.3f} without and {figures[1]:.3f} with the generated images. Synthetic defects are only a hint at "
        f"real ones."
    )
    return Lift(*figures, difference, len(batch), words)
