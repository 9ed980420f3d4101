"""Does generation help on this part? Pools of training images compared on held-out normals and synthetic defects.

Every pool's detector scores the same good images, which it was not trained on, and the same synthetic defects on them
(`defects.py`) at several strengths. The figure is the image AUROC (Fawcett 2006), the mean over the strengths; the
interval is the paired bootstrap's (Efron and Tibshirani 1993), resampling photos and the views of each. How far this
predicts the AUROC on labelled photos was measured: docs/advice.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tgvig_core.detectors.base import Detector
from tgvig_core.diagnosis.results import STRENGTHS, Advice, Compared, Lift
from tgvig_core.fitting.training_sets import REAL, TrainingSet
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.synthetic.defects import assorted
from tgvig_core.synthetic.elastic_views import unseen_views
from tgvig_core.utils.progress import QUIET, RunContext

HELD_OUT = 12
"""Good images that are scored, at least."""
DRAWS = 4000
COVER = 0.9


@dataclass(frozen=True)
class HeldOut:
    """What the detectors are compared on.

    Attributes:
        places: of the P photos among the normals.
        good: P×V×3×S×S in [-1, 1], V images of each of P photos.
        spoiled: P×V×K×3×S×S, each with a defect of K strengths.
    """

    places: tuple[int, ...]
    good: Tensor
    spoiled: Tensor


@dataclass(frozen=True)
class Scores:
    """Raw image scores of what was held out: good is P×V, spoiled P×V×K."""

    good: np.ndarray
    spoiled: np.ndarray


def held_out(normals: Tensor, policy: ViewPolicy, seed: int = 0) -> HeldOut:
    """Good images and defects on them.

    Of several photos each is held out itself, with views of it; of a single one only views can be, and such as no pool
    holds (`elastic_views.py`).

    Args:
        normals: P×3×S×S in [-1, 1].
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 700_001)  # no view that training has seen
    places = tuple(range(0, len(normals), math.ceil(len(normals) / HELD_OUT)))
    count = len(places)
    each = math.ceil(HELD_OUT / count)
    if len(normals) == 1:
        good = unseen_views(normals[0], each, policy, generator)
    else:
        beside = [views(normals[at], each - 1, policy, generator) if each > 1 else normals[:0] for at in places]
        good = torch.cat([torch.cat([normals[at][None], more]) for at, more in zip(places, beside, strict=True)])
    state, spoiled = generator.get_state(), []
    for strength in STRENGTHS:
        generator.set_state(state)  # the same defects, weaker or stronger, as far as the weaker ones can be seen
        spoiled.append(torch.stack([defect.image for defect in assorted(good, strength, generator)]))
    shape = (count, each, *normals.shape[1:])
    return HeldOut(
        places, good.view(shape), torch.stack(spoiled, 1).view(count, each, len(STRENGTHS), *normals.shape[1:])
    )


def scored(detector: Detector, held: HeldOut) -> Scores:
    """Scores of what was held out; of several photos each is compared with what was learned without its own group.

    Those scores are somewhat high, for all pools alike (calibration.held_out); a detector for each photo and pool would be
    exact and take several times as long.

    Args:
        detector: trained with `groups` that number the photos as in `held`.
    """
    count, each, strengths = held.spoiled.shape[:3]
    good, spoiled = np.empty((count, each)), np.empty((count, each, strengths))
    for place, source in enumerate(held.places):
        batch = torch.cat([held.good[place], held.spoiled[place].flatten(0, 1)])
        scores = detector.score(batch, exclude_group=None if count == 1 else source).scores.double().numpy()
        good[place], spoiled[place] = scores[:each], scores[each:].reshape(each, strengths)
    return Scores(good, spoiled)


def compare(found: Mapping[TrainingSet, Scores], seed: int = 0) -> Advice:
    """Which training set to learn from.

    Args:
        found: scores by training set, the photos alone among them.
    """
    ahead = {one: _ahead(scores) for one, scores in found.items()}
    real = found[REAL]
    photos, each = real.good.shape
    weights = _resampled(photos, each, seed)
    level = 1 - (1 - COVER) / max(len(found) - 1, 1)  # Bonferroni: of many one would look better by chance
    figures = [_compared(one, matrix, ahead[REAL], weights, level) for one, matrix in ahead.items()]
    figures.sort(key=lambda figure: figure.training_set != REAL)
    return Advice(tuple(figures), real.good.size + real.spoiled.size)


def advise(
    detectors: Mapping[TrainingSet, Detector], normals: Tensor, policy: ViewPolicy, seed: int = 0,
    ctx: RunContext = QUIET,
) -> Advice:  # fmt: skip
    """Hold out, score with every detector, compare.

    Args:
        detectors: by training set, the photos alone among them, each trained with `groups` that number the normals as here.
        normals: P×3×S×S in [-1, 1].

    Raises:
        Stopped: the stop event was set.
    """
    held = held_out(normals, policy, seed)
    steps = ctx.track(detectors.items(), "Comparing what to learn from", len(detectors))
    return compare({one: scored(detector, held) for one, detector in steps}, seed)


def _ahead(scores: Scores) -> np.ndarray:
    """N×N, the share of the strengths at which defect j scores above good image i, a tie counting half."""
    good, spoiled = scores.good.reshape(-1, 1, 1), scores.spoiled.reshape(1, scores.good.size, -1)
    return ((spoiled > good) + 0.5 * (spoiled == good)).mean(-1)


def _resampled(photos: int, each: int, seed: int) -> np.ndarray:
    """DRAWS×N, how often each held-out image is drawn: photos first, then the views of each; its defects come along."""
    draws = np.random.default_rng(seed)
    of_photos = draws.multinomial(photos, [1 / photos] * photos, DRAWS)
    of_views = draws.multinomial(each * of_photos, [1 / each] * each)
    return of_views.reshape(DRAWS, -1).astype(float)


def _compared(
    training_set: TrainingSet, ahead: np.ndarray, real: np.ndarray, weights: np.ndarray, level: float
) -> Compared:
    change = ahead - real
    drawn = ((weights @ change) * weights).sum(1) / weights.sum(1) ** 2
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Compared(training_set, float(ahead.mean()), float(change.mean()), float(low), float(high))


def lift(
    real: Detector, detector: Detector, training_set: TrainingSet, normals: Tensor, policy: ViewPolicy, seed: int = 0,
    ctx: RunContext = QUIET,
) -> Lift:  # fmt: skip
    """The advice about two pools only, quick enough for every training.

    Args:
        real: trained on the normals only.
        detector: trained on `training_set`.

    Raises:
        Stopped: the stop event was set.
    """
    found = advise({REAL: real, training_set: detector}, normals, policy, seed, ctx)
    alone, other = found.compared[0], found.compared[-1]
    return Lift(alone.auroc, other.auroc, other.difference, other.low, other.high, found.images)
