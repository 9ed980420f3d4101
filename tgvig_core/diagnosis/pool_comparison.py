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
from tgvig_core.fitting import training_sets as arms
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.synthetic.defects import KINDS, assorted
from tgvig_core.synthetic.elastic_views import unseen_views
from tgvig_core.utils.progress import QUIET, RunContext

HELD_OUT = 12
"""Good images that are scored, at least."""
STRENGTHS = (0.4, 0.7)
"""δ of the defects."""
DRAWS = 4000
LEAST = 0.01
"""A smaller difference of the AUROC is called none: one in a hundred pairs of a good and a defective photo."""
COVER = 0.9
RIGHT, COMPARED = 14, 25
"""How often the sign was right on labelled photos, of the comparisons whose AUROC differed by more than 0.1 points:
tools/research/measure_advice.py, docs/advice.md."""


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


@dataclass(frozen=True)
class ArmFigures:
    """One pool beside the photos alone.

    Attributes:
        arm: its name, see arms.py.
        auroc: mean image AUROC over the strengths.
        difference: to the photos alone. low, high: its interval; with 90 % probability all pools' hold.
        sure: the interval leaves out 0 and the difference is at least LEAST either way.
    """

    arm: str
    auroc: float
    difference: float
    low: float
    high: float
    sure: bool


@dataclass(frozen=True)
class Advice:
    """What to learn from.

    Attributes:
        arms: the photos alone first.
        recommended: the surely better pool with the largest difference; else the photos alone.
        differs: whether any pool is surely better or worse than the photos alone.
        images: how many images each detector scored.
        words: the same for an engineer.
    """

    arms: tuple[ArmFigures, ...]
    recommended: str
    differs: bool
    images: int
    words: str


def held_out(normals: Tensor, policy: ViewPolicy, seed: int = 0) -> HeldOut:
    """Good images and defects on them.

    Of several photos each is held out itself, with views of it; of a single one only views can be, and such as no pool
    holds (`unseen.py`).

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
    """Scores of what was held out; of several photos each is compared with the others' rows in the detector's bank.

    Those scores are somewhat high, in all pools alike (calibration.held_out); a bank for each photo and pool would be exact
    and take several times as long.

    Args:
        detector: trained with `sources` that number the photos as in `held`.
    """
    count, each, strengths = held.spoiled.shape[:3]
    good, spoiled = np.empty((count, each)), np.empty((count, each, strengths))
    for place, source in enumerate(held.places):
        batch = torch.cat([held.good[place], held.spoiled[place].flatten(0, 1)])
        scores = detector.score(batch, exclude_group=None if count == 1 else source).scores.double().numpy()
        good[place], spoiled[place] = scores[:each], scores[each:].reshape(each, strengths)
    return Scores(good, spoiled)


def compare(found: Mapping[str, Scores], seed: int = 0) -> Advice:
    """Which pool to learn from.

    Args:
        found: scores by arm, the photos alone ("real") among them.
    """
    ahead = {arm: _ahead(scores) for arm, scores in found.items()}
    weights = _resampled(*found["real"].good.shape, seed)
    level = 1 - (1 - COVER) / max(len(found) - 1, 1)  # Bonferroni: of many pools one would look better by chance
    figures = [_figures(arm, matrix, ahead["real"], weights, level) for arm, matrix in ahead.items()]
    figures.sort(key=lambda figure: figure.arm != "real")
    better = [figure for figure in figures if figure.sure and figure.difference > 0]
    recommended = max(better, key=lambda figure: figure.difference).arm if better else "real"
    real = found["real"]
    images = real.good.size + real.spoiled.size
    words = _words(figures, recommended, real.good.size)
    return Advice(tuple(figures), recommended, any(figure.sure for figure in figures), images, words)


def advise(
    detectors: Mapping[str, Detector], normals: Tensor, policy: ViewPolicy, seed: int = 0,
    ctx: RunContext = QUIET,
) -> Advice:  # fmt: skip
    """Hold out, score with every detector, compare.

    Args:
        detectors: by arm, "real" among them, each trained with `sources` that number the normals as here.
        normals: P×3×S×S in [-1, 1].

    Raises:
        Stopped: the stop event was set.
    """
    held = held_out(normals, policy, seed)
    steps = ctx.track(detectors.items(), "Comparing what to learn from", len(detectors))
    return compare({arm: scored(detector, held) for arm, detector in steps}, seed)


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


def _figures(arm: str, ahead: np.ndarray, real: np.ndarray, weights: np.ndarray, level: float) -> ArmFigures:
    change = ahead - real
    drawn = ((weights @ change) * weights).sum(1) / weights.sum(1) ** 2
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    difference = float(change.mean())
    sure = abs(difference) >= LEAST and (low > 0 or high < 0)
    return ArmFigures(arm, float(ahead.mean()), difference, float(low), float(high), bool(sure))


def _words(figures: list[ArmFigures], recommended: str, images: int) -> str:
    auroc = "; ".join(
        f"{arms.named(one.arm)} {one.auroc:.3f}"
        + (f" ({one.difference:+.3f}, {one.low:+.3f} to {one.high:+.3f})" if one.arm != "real" else "")
        for one in figures
    )
    if recommended != "real":
        choice = f"Learn from {arms.named(recommended)}."
    elif any(one.sure for one in figures):
        choice = "Learn from the photos only: nothing else is surely better, and some of it is worse."
    else:
        choice = "No difference could be shown: the photos only are the quickest choice."
    return (
        f"{choice} Image AUROC on {images} held-out good images and faint synthetic defects of {len(KINDS)} kinds on them, "
        f"with its difference to the photos only and an interval that holds with 90 % probability: {auroc}. Only a hint: on "
        f"labelled photos its sign was right in {RIGHT} of {COMPARED} comparisons (of the usual detector)."
    )


@dataclass(frozen=True)
class Lift:
    """The photos alone and what a detector learned from: mean image AUROC of each, and the difference's 90 % interval."""

    real: float
    tgvig: float
    difference: float
    low: float
    high: float
    images: int
    words: str


def lift(
    real: Detector, detector: Detector, arm: str, normals: Tensor, policy: ViewPolicy, seed: int = 0,
    ctx: RunContext = QUIET,
) -> Lift:  # fmt: skip
    """The advice about two pools only, quick enough for every training.

    Args:
        real: trained on the normals only.
        detector: trained on the pool `arm`.

    Raises:
        Stopped: the stop event was set.
    """
    found = advise({"real": real, arm: detector}, normals, policy, seed, ctx)
    alone, other = found.arms[0], found.arms[-1]
    return Lift(alone.auroc, other.auroc, other.difference, other.low, other.high, found.images, found.words)
