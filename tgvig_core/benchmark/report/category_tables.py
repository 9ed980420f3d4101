"""Every category by detector and number of photos, laid out like the tables in the authors' repository; and all other figures."""

from __future__ import annotations

from collections.abc import Sequence

from tgvig_core.benchmark.report import authors
from tgvig_core.benchmark.report.tables import (
    NOTHING,
    Table,
    arm_name,
    arms_of,
    averaged,
    detector_name,
    is_mvtec,
    mean_over,
    measured,
    number,
    over_any,
    seeds,
    settings,
    shots_name,
    shots_of,
)
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.benchmark.results.statistics import over_seeds

BY_CATEGORY = {"image_auroc": "Image AUROC", "pixel_auroc": "Pixel AUROC", "pro": "PRO"}
OTHERS = {
    "image_ap": ("Image AP ↑", 100, 1),
    "f1_max": ("F1-max ↑", 100, 1),
    "pixel_ap": ("Pixel AP ↑", 100, 1),
    "false_alarm": ("False alarms ↓", 100, 1),
    "miss": ("Missed defects ↓", 100, 1),
    "seconds": ("Seconds a cell ↓", 1, 1),
    "peak_mb": ("Peak memory, MB ↓", 1, 0),
}
"""Figure: what it is called, what it is multiplied by, digits."""


def by_category(rows: Sequence[Row]) -> list[Table]:
    """A table for each data set, detector, backbone and figure: shots and arms down, categories across."""
    found = []
    for (dataset, detector, backbone), group in settings(rows, "dataset", "detector", "backbone").items():
        for figure, name in BY_CATEGORY.items():
            if over_any(group, figure):
                found.append(_by_category(f"{name}, {dataset}, {detector_name(detector, backbone)}", figure, group))
    return found


def _by_category(title: str, figure: str, rows: list[Row]) -> Table:
    categories = sorted({row.category for row in rows})
    detector = rows[0].detector
    beside = figure == "image_auroc" and is_mvtec(rows) and detector in authors.AVERAGES
    lines: list[tuple[str, ...]] = []
    by_shots = {shots: [row for row in rows if row.shots == shots] for shots in shots_of(rows)}
    for shots, here in by_shots.items():
        lines += [_line(here, arm, figure, categories) for arm in arms_of(here)]
        if beside and shots in authors.AVERAGES[detector]:
            lines.append(_authors_line(detector, shots, categories))
    return Table(
        title,
        ("Photos", "Learned from", "Seeds", "Average", "− real", "− augment", *categories),
        tuple(lines),
        mean_over({shots_name(shots): averaged(here, figure) for shots, here in by_shots.items()})
        + (
            f" The authors' average is over all fifteen, with their own backbone and settings. {authors.CAVEAT}"
            if beside
            else ""
        ),
    )


def _line(rows: list[Row], arm: str, figure: str, categories: list[str]) -> tuple[str, ...]:
    each = (number(over_seeds([row for row in rows if row.category == name], arm, figure)) for name in categories)
    shots = shots_name(rows[0].shots)
    return shots, arm_name(arm), seeds(rows, arm, figure), *measured(rows, arm, figure), *each


def _authors_line(detector: str, shots: int | str, categories: list[str]) -> tuple[str, ...]:
    each = authors.CATEGORIES.get(detector, {}).get(shots, {})
    theirs = (f"{each[name]:.1f}" if name in each else NOTHING for name in categories)
    average = f"{authors.AVERAGES[detector][shots]:.1f}"
    return shots_name(shots), "Authors' TGVIG", NOTHING, average, NOTHING, NOTHING, *theirs


def all_figures(rows: Sequence[Row]) -> list[Table]:
    """A table for each data set, detector, backbone and number of photos: every figure that the others leave out."""
    found = []
    for (dataset, detector, backbone, shots), group in settings(
        rows, "dataset", "detector", "backbone", "shots"
    ).items():
        lines: list[tuple[str, ...]] = []
        words = {}
        for figure, (name, scale, digits) in OTHERS.items():
            if over_any(group, figure):
                words[name] = averaged(group, figure)
                lines.append((name,))
                lines += [
                    (arm_name(arm), seeds(group, arm, figure), *measured(group, arm, figure, scale, digits))
                    for arm in arms_of(group)
                ]
        if lines:
            title = f"{dataset}, {shots_name(shots)}, {detector_name(detector, backbone)}"
            found.append(Table(title, ("Learned from", "Seeds", "Mean", "− real", "− augment"), tuple(lines),
                               mean_over(words)))  # fmt: skip
    return found
