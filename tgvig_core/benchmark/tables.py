"""A table as text cells, and how its numbers are written: percent, mean ± sample standard deviation, differences with interval."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tgvig_core.benchmark.authors import MVTEC
from tgvig_core.benchmark.statistics import Difference, Row, Spread, over_seeds, paired

NOTHING = "–"
REAL, AUGMENT = "real", "augment"
ARMS = {
    REAL: "Original photos",
    AUGMENT: "+ plain augmented views",
    "vqgan-clip-word": "+ VQGAN-CLIP, only the word",
    "vqgan-clip-naive": "+ VQGAN-CLIP, naïve prompt",
    "vqgan-clip": "+ VQGAN-CLIP, ranked prompt",
    "tgvig-word": "+ TGVIG, only the word",
    "tgvig-naive": "+ TGVIG, naïve prompt",
    "tgvig-worst": "+ TGVIG, worst prompt",
    "tgvig-notext": "+ TGVIG without text",
    "tgvig-novariance": "+ TGVIG without variance",
    "tgvig-view": "+ TGVIG around single views",
    "tgvig-gated": "+ TGVIG, odd images left out",
    "tgvig": "+ TGVIG",
}
"""What the detector learns from, in the order of the tables."""
DETECTORS = {
    "patchcore": "PatchCore",
    "patchcore-deep": "PatchCore, later layers",
    "patchcore-deep-unit": "PatchCore, later layers of unit length",
    "patchcore-fine": "PatchCore, fine",
    "patchcore-anomalib": "PatchCore (anomalib's defaults)",
    "cflow": "CFlow",
    "reverse-distillation": "Reverse Distillation",
    "efficient-ad": "EfficientAD",
    "winclip": "WinCLIP",
    "anomaly-dino": "AnomalyDINO",
}
_COPIES = re.compile(r"tgvig-n(\d+)")


@dataclass(frozen=True)
class Table:
    """A table to be shown.

    Attributes:
        title: of what it is, with data set, shots, detector and backbone.
        head: the columns' names. rows: as many cells each; a row of one cell is a heading across.
        note: what a reader must know of it.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def copies(arm: str) -> int | None:
    """How many generated images an arm of the ablation takes; None of any other arm."""
    found = _COPIES.fullmatch(arm)
    return int(found[1]) if found else None


def arm_name(arm: str) -> str:
    """An arm in words."""
    count = copies(arm)
    return f"+ TGVIG, {count} image{'s' if count > 1 else ''}" if count else ARMS.get(arm, arm)


def arms_of(rows: Iterable[Row]) -> list[str]:
    """The arms there are, in the order of the tables; strangers last."""
    known = list(ARMS)
    order = {arm: place for place, arm in enumerate(known)}
    return sorted({row["arm"] for row in rows}, key=lambda arm: (order.get(arm, len(known)), copies(arm) or 0, arm))


def shots_of(rows: Iterable[Row]) -> list[int | str]:
    """The numbers of photos there are, `full` last."""
    return sorted({row["shots"] for row in rows}, key=lambda shots: (isinstance(shots, str), shots))


def settings(rows: Iterable[Row], *names: str) -> dict[tuple, list[Row]]:
    """The rows by the fields named, smallest number of photos and best known detector first."""
    found: dict[tuple, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return {key: found[key] for key in sorted(found, key=lambda key: [_rank(part) for part in key])}


def _rank(part: object) -> tuple[int, int, str]:
    """Of a field: a detector by its place in DETECTORS, a number by its value, any other text by the alphabet."""
    if part in DETECTORS:
        return 0, list(DETECTORS).index(part), ""
    return (2, 0, part) if isinstance(part, str) else (1, part, "")


def shots_name(shots: int | str) -> str:
    """`1 photo`, `5 photos`, `all photos`."""
    return "all photos" if shots == "full" else f"{shots} photo{'s' if shots != 1 else ''}"


def detector_name(detector: str, backbone: str) -> str:
    """A detector with its backbone, in words."""
    name = DETECTORS.get(detector, detector)
    return f"{name} on {backbone}" if backbone else name


def is_mvtec(rows: Iterable[Row]) -> bool:
    """Whether every category bears a name of MVTec AD's, so that the authors' figures may stand beside."""
    return {row["category"] for row in rows} <= set(MVTEC)


def number(found: Spread | None, scale: float = 100, digits: int = 1) -> str:
    """`79.1 ± 0.6`; of a single seed without the spread."""
    if found is None:
        return NOTHING
    mean = f"{scale * found.mean:.{digits}f}"
    return mean if found.std is None else f"{mean} ± {scale * found.std:.{digits}f}"


def change(found: Difference | None, scale: float = 100, digits: int = 1) -> str:
    """`+4.6 [+3.9, +5.2]`."""
    if found is None:
        return NOTHING
    mean, low, high = (f"{scale * part:+.{digits}f}" for part in (found.mean, found.low, found.high))
    return f"{mean} [{low}, {high}]"


def against(rows: Sequence[Row], arm: str, figure: str, scale: float = 100, digits: int = 1) -> tuple[str, str]:
    """What an arm has over `real` and over `augment`; nothing over itself."""
    found = (None if arm == other else paired(rows, arm, other, figure) for other in (REAL, AUGMENT))
    first, second = (change(one, scale, digits) for one in found)
    return first, second


def measured(rows: Sequence[Row], arm: str, figure: str, scale: float = 100, digits: int = 1) -> tuple[str, str, str]:
    """An arm's figure: mean ± std, what it has over `real`, what over `augment`."""
    own = over_seeds([row for row in rows if row["arm"] == arm], figure)
    return number(own, scale, digits), *against(rows, arm, figure, scale, digits)


def seeds(rows: Sequence[Row], arm: str, figure: str) -> str:
    """How many seeds an arm's mean is of."""
    found = over_seeds([row for row in rows if row["arm"] == arm], figure)
    return str(found.seeds) if found else "0"
