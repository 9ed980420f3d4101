"""Means over seeds and paired differences with a bootstrap interval (Efron and Tibshirani 1993; Davison and Hinkley 1997).

What is resampled are categories where there are two or more, each with the mean of its own pairs: seeds of one category
are not independent evidence, and a category's mean already carries the spread of its seeds (Davison and Hinkley, section
3.8: with replacement on the outer level only). Within a single category its pairs are resampled, and the interval speaks of
that category alone. Of a few units the interval is too narrow rather than too wide; tables say how many there were.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from scipy.stats import bootstrap

Row = Mapping[str, object]
"""A row of results.json."""

PAIR = ("dataset", "category", "shots", "seed", "detector", "backbone")
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


def value(row: Row, figure: str) -> float | None:
    """A figure of a row, None where it is missing, not a number, or the row has an error. `quality.ssim` looks inside."""
    found: object = row
    for part in figure.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    usable = isinstance(found, int | float) and math.isfinite(found) and not row.get("error")
    return float(found) if usable else None


def spread(values: Iterable[float]) -> Spread | None:
    """Mean ± sample standard deviation; None of nothing."""
    found = list(values)
    return Spread(fmean(found), stdev(found) if len(found) > 1 else None, len(found)) if found else None


def over_seeds(rows: Sequence[Row], figure: str) -> Spread | None:
    """The mean over categories of each seed, then mean ± std of these.

    Only seeds that have all the rows' categories count, so that no category weighs more in one seed than in another.
    None where no seed has them all.
    """
    by_seed: dict[object, dict[object, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if (found := value(row, figure)) is not None:
            by_seed[row["seed"]][_category(row)].append(found)
    every = {category for seed in by_seed.values() for category in seed}
    whole = [seed for seed in by_seed.values() if seed.keys() == every]
    return spread(fmean(map(fmean, seed.values())) for seed in whole)


def paired(rows: Sequence[Row], arm: str, against: str, figure: str, seed: int = 0) -> Difference | None:
    """What `arm` has over `against` where both were measured on the same draw with the same detector.

    Args:
        figure: a field of a row, see `value`. seed: of the resampling.

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


def _category(row: Row) -> tuple[object, object]:
    return row["dataset"], row["category"]


def _by_pair(rows: Sequence[Row], arm: str, figure: str) -> dict[tuple, float]:
    found = {tuple(row[name] for name in PAIR): value(row, figure) for row in rows if row["arm"] == arm}
    return {key: number for key, number in found.items() if number is not None}


def _interval(units: Sequence[float], seed: int) -> tuple[float, float]:
    """Percentiles: the corrected kinds (BCa) need more units than a benchmark has seeds, and fail where all are equal."""
    found = bootstrap(
        (np.asarray(units),), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)
