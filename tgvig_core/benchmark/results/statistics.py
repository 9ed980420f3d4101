"""Means over seeds and paired differences with a bootstrap interval (Efron and Tibshirani 1993; Davison and Hinkley 1997).

What is resampled are categories where there are two or more, each with the mean of its own pairs: seeds of one category
are not independent evidence, and a category's mean already carries the spread of its seeds (Davison and Hinkley, section
3.8: with replacement on the outer level only). Within a single category its pairs are resampled, and the interval speaks of
that category alone. Of a few units the interval is too narrow rather than too wide; tables say how many there were.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.stats import bootstrap

from tgvig_core.benchmark.results.rows import Row

DRAW = ("dataset", "category", "shots", "seed")
"""What rows share whose detectors learned from the same photos."""
PAIR = (*DRAW, "detector", "backbone")
"""What two rows share that differ in their arm only: same photos, same test photos, same detector."""
CONFIDENCE = 0.95
RESAMPLES = 4999


@dataclass(frozen=True)
class Spread:
    """A mean over seeds.

    Attributes:
        mean: in the unit of the figure. std: sample standard deviation (n − 1); None of a single seed. seeds: n.
    """

    mean: float
    std: float | None
    seeds: int


@dataclass(frozen=True)
class Difference:
    """How much one arm has over another one.

    Attributes:
        mean: of the units' means, in the unit of the figure; positive where the first arm is larger.
        low, high: 95 % percentile bootstrap interval of the mean.
        pairs: draws that both arms measured. units: what was resampled, `categories` or `seeds`.
    """

    mean: float
    low: float
    high: float
    pairs: int
    units: str


def spread(values: Iterable[float]) -> Spread | None:
    """Mean ± sample standard deviation; None of nothing."""
    found = list(values)
    return Spread(fmean(found), stdev(found) if len(found) > 1 else None, len(found)) if found else None


def shared(rows: Sequence[Row], figure: str) -> list[Row]:
    """The rows that all arms may be averaged over: those of the draws that every arm has the figure of.

    A category in which one arm failed would otherwise drop out of that arm's mean only, and the arms' means would be of
    other parts. Of these draws the seeds count that have all their categories, so that no category weighs more in one
    seed than in another. An arm that has the figure nowhere is not compared.

    Args:
        rows: of the arms that are compared, of one number of photos and one detector (or of a figure that is the same
            for every detector).
    """
    usable = [row for row in rows if row.figure(figure) is not None]
    by_arm: dict[object, set[tuple]] = defaultdict(set)
    for row in usable:
        by_arm[row.arm].add(_draw(row))
    draws = set.intersection(*by_arm.values()) if by_arm else set()
    seeds = Counter(seed for *_, seed in draws)
    most = len({draw[:-1] for draw in draws})
    return [row for row in usable if _draw(row) in draws and seeds[row.seed] == most]


def over_seeds(rows: Sequence[Row], arm: str, figure: str) -> Spread | None:
    """An arm's mean over the categories of each seed, then mean ± std of these.

    Args:
        rows: of all arms that are compared: the mean is over the draws that they share, see `shared`.

    Returns:
        None where they share none, or the arm has no such figure.
    """
    by_seed: dict[object, dict[object, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in shared(rows, figure):
        if row.arm == arm and (value := row.figure(figure)) is not None:
            by_seed[row.seed][row.category].append(value)
    return spread(fmean(map(fmean, seed.values())) for seed in by_seed.values())


def paired(rows: Sequence[Row], arm: str, against: str, figure: str, seed: int = 0) -> Difference | None:
    """What `arm` has over `against` where both were measured on the same draw with the same detector.

    Args:
        figure: see Row.figure. seed: of the resampling.

    Returns:
        None for fewer than two pairs.
    """
    first, second = (_by_pair(rows, name, figure) for name in (arm, against))
    by_category: dict[object, list[float]] = defaultdict(list)
    for key in sorted(first.keys() & second.keys(), key=repr):
        by_category[key[:2]].append(first[key] - second[key])
    pairs = sum(map(len, by_category.values()))
    if pairs < 2:
        return None
    several = len(by_category) > 1
    units = [fmean(found) for found in by_category.values()] if several else next(iter(by_category.values()))
    low, high = _interval(units, seed)
    return Difference(fmean(units), low, high, pairs, "categories" if several else "seeds")


def _draw(row: Row) -> tuple:
    return tuple(getattr(row, name) for name in DRAW)


def _by_pair(rows: Sequence[Row], arm: str, figure: str) -> dict[tuple, float]:
    found = {tuple(getattr(row, name) for name in PAIR): row.figure(figure) for row in rows if row.arm == arm}
    return {key: number for key, number in found.items() if number is not None}


def _interval(units: Sequence[float], seed: int) -> tuple[float, float]:
    """Percentiles: the corrected kinds (BCa) need more units than a benchmark has seeds, and fail where all are equal."""
    found = bootstrap(
        (np.asarray(units),), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)
