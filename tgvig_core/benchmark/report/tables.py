"""A table as text cells, and how its numbers are written: percent, mean ± sample standard deviation, differences with interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tgvig_core.benchmark import arms
from tgvig_core.benchmark.detectors.catalogue import detectors
from tgvig_core.benchmark.report.authors import DATASET, MVTEC
from tgvig_core.benchmark.results.statistics import Difference, Row, Spread, over_seeds, paired, shared

NOTHING = "–"
REAL, AUGMENT = "real", "augment"


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
    """How many images an arm takes that bears their number, generated ones or plain views; None of any other arm."""
    entry = arms.arm.entries().get(arm)
    return entry.facts.get("copies") if entry else None


def arm_name(arm: str) -> str:
    """An arm in words; one of another version by its name."""
    entry = arms.arm.entries().get(arm)
    return entry.title if entry else arm


def plain_views(arm: str) -> str | None:
    """The arm that adds as many plain views as this one adds generated images; None of arms that generate none.

    An arm that bears a number has a partner of that number; VQGAN-CLIP makes one image; all others make as many as
    `augment` has views (before outliers are excluded).
    """
    entry = arms.arm.entries().get(arm)
    return entry.facts.get("beside") if entry else None


def arms_of(rows: Iterable[Row]) -> list[str]:
    """The arms there are, in the order of their registry; strangers last."""
    order = {arm: place for place, arm in enumerate(arms.arm.names())}
    return sorted({row.arm for row in rows}, key=lambda arm: (order.get(arm, len(order)), arm))


def shots_of(rows: Iterable[Row]) -> list[int | str]:
    """The numbers of photos there are, `full` last."""
    return sorted({row.shots for row in rows}, key=lambda shots: (isinstance(shots, str), shots))


def settings(rows: Iterable[Row], *names: str) -> dict[tuple, list[Row]]:
    """The rows by the fields named, smallest number of photos and best known detector first."""
    found: dict[tuple, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(getattr(row, name) for name in names), []).append(row)
    order = {name: place for place, name in enumerate(detectors())}
    return {key: found[key] for key in sorted(found, key=lambda key: [_rank(part, order) for part in key])}


def _rank(part: int | str, order: Mapping[str, int]) -> tuple[int, int, str]:
    """Of a field: a detector by its place, a number by its value, any other text by the alphabet."""
    if part in order:
        return 0, order[str(part)], ""
    return (2, 0, part) if isinstance(part, str) else (1, part, "")


def shots_name(shots: int | str) -> str:
    """`1 photo`, `5 photos`, `all photos`."""
    return "all photos" if shots == "full" else f"{shots} photo{'s' if shots != 1 else ''}"


def detector_name(detector: str, backbone: str) -> str:
    """A detector with its backbone, in words; one without a backbone has a dash for it."""
    entry = detectors().get(detector)
    name = entry.title if entry else detector
    return name if backbone in ("", NOTHING) else f"{name} on {backbone}"


def is_mvtec(rows: Iterable[Row]) -> bool:
    """Whether all rows are of MVTec AD's categories, so that the authors' figures may stand beside."""
    return all(row.dataset == DATASET and row.category in MVTEC for row in rows)


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
    """What an arm has over `real` and over as many plain views, on the draws that its mean is of; nothing over itself."""
    same = shared(rows, figure)
    others = (None if arm == REAL else REAL, plain_views(arm))
    first, second = (change(paired(same, arm, other, figure) if other else None, scale, digits) for other in others)
    return first, second


def measured(rows: Sequence[Row], arm: str, figure: str, scale: float = 100, digits: int = 1) -> tuple[str, str, str]:
    """An arm's figure among the rows of all arms compared: mean ± std, what it has over `real`, what over plain views."""
    return number(over_seeds(rows, arm, figure), scale, digits), *against(rows, arm, figure, scale, digits)


def seeds(rows: Sequence[Row], arm: str, figure: str) -> str:
    """How many seeds an arm's mean is of."""
    found = over_seeds(rows, arm, figure)
    return str(found.seeds) if found else "0"


def over_any(rows: Iterable[Row], figure: str) -> bool:
    """Whether any row has the figure."""
    return any(row.figure(figure) is not None for row in rows)


def averaged(rows: Sequence[Row], figure: str) -> str:
    """The categories that the arms' means of a figure are of, in words, and those that are excluded."""
    used = {row.category for row in shared(rows, figure)}
    lost = {row.category for row in rows if row.figure(figure) is not None} - used
    names, others = (", ".join(sorted(some)) for some in (used, lost))
    words = {0: "no category", 1: f"the category {names} alone"}.get(len(used), f"the {len(used)} categories {names}")
    if not lost:
        return words
    verb, them = ("are", "them" if used else "all of them") if len(lost) > 1 else ("is", "it")
    return f"{words} ({others} {verb} left out, as no seed has {them} in every arm)"


def mean_over(words: Mapping[str, str]) -> str:
    """`Mean over the 2 categories a, b.` from what `averaged` says of each part of a table, once where all say the same."""
    parts: dict[str, list[str]] = {}
    for part, said in words.items():
        parts.setdefault(said, []).append(part)
    if len(parts) < 2:
        return f"Mean over {next(iter(parts), 'no category')}."
    each = (f"{', '.join(names)}: mean over {said}" for said, names in parts.items())
    return f"{'; '.join(each)}."
