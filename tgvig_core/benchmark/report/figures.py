"""The paper's Figures 4 to 8 from one's own rows (Lee and Choi, CVPR 2024), as PNG files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tgvig_core.benchmark.report.paper_tables import PROMPTS
from tgvig_core.benchmark.report.tables import (
    AUGMENT,
    REAL,
    arm_name,
    arms_of,
    averaged,
    detector_name,
    mean_over,
    settings,
    shots_name,
    shots_of,
)
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.benchmark.results.statistics import over_seeds, spread
from tgvig_core.utils.atomic_write import whole

TGVIG = "tgvig"
COLOURS = {REAL: "#8A8F98", AUGMENT: "#56B4E9", TGVIG: "#0072B2"}
"""Of the arms that are compared in bars (Okabe and Ito's, which colour-blind people can tell apart)."""
ORANGE = "#D55E00"
MOST = 5
"""Categories that Fig. 4 shows: those that gain most."""
ACROSS = 3
"""Panels side by side in Fig. 8."""
DPI = 144


@dataclass(frozen=True)
class Picture:
    """A figure on disk.

    Attributes:
        path: of the PNG. title: with its number in the paper. caption: what it shows, for those who do not see it too.
    """

    path: Path
    title: str
    caption: str


def draw(rows: Sequence[Row], folder: Path) -> list[Picture]:
    """Draw what the rows allow into a folder, which is made.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole_rows = [row for row in rows if not row.error]
    found = []
    for drawer in (_gains, _one_shot, _prompts, _similarity):
        for name, figure, title, caption in drawer(whole_rows):
            path = folder / f"{_file_name(name)}.png"
            with whole(path) as draft:
                figure.savefig(draft, dpi=DPI)
            found.append(Picture(path, title, caption))
    return found


Drawn = Iterator[tuple[str, Figure, str, str]]
"""File name, figure, title and caption."""


def _gains(rows: Sequence[Row]) -> Drawn:
    """Fig. 4: averages by detector and number of photos, and the categories that gain most from one photo."""
    for (dataset,), group in settings(rows, "dataset").items():
        detectors = {which: own for which, own in settings(group, "detector", "backbone").items() if _both(own)}
        if not detectors:
            continue
        words: dict[str, str] = {}
        figure = Figure((8, 2.8 * len(detectors)), layout="constrained")
        axes = figure.subplots(len(detectors), 2, squeeze=False, width_ratios=(2, 3))
        for line, ((detector, backbone), own) in zip(axes, detectors.items(), strict=True):
            by_shots = {shots_name(one): [row for row in own if row.shots == one] for one in shots_of(own)}
            _bars(line[0], by_shots, "image_auroc")
            words |= {
                f"{detector_name(detector, backbone)}, {name}": averaged(_compared(some), "image_auroc")
                for name, some in by_shots.items()
            }
            fewest_name, fewest = next(iter(by_shots.items()))
            names = _most_improved(fewest)
            _bars(line[1], {name: [row for row in fewest if row.category == name] for name in names}, "image_auroc")
            line[0].set_title(detector_name(detector, backbone).replace(" on ", "\non "), loc="left")
            line[1].set_title(f"largest gains, {fewest_name}", loc="left")
        _legend(figure, axes[0, 0])
        yield (
            f"figure-4-{dataset}", figure, f"Figure 4. {dataset}: detectors and numbers of photos",
            "Image AUROC in percent, mean and standard deviation over seeds: on the left the average over categories, on "
            f"the right the {MOST} categories that gain most from TGVIG's images; the bars beside each other are of the same "
            f"draws. {mean_over(words)} The axes do not begin at 0.",
        )  # fmt: skip


def _most_improved(rows: Sequence[Row]) -> list[str]:
    gains = {}
    for (category,), own in settings(rows, "category").items():
        with_set, alone = (over_seeds(_compared(own), arm, "image_auroc") for arm in (TGVIG, REAL))
        if with_set and alone:
            gains[category] = with_set.mean - alone.mean
    return sorted(gains, key=gains.__getitem__, reverse=True)[:MOST]


def _one_shot(rows: Sequence[Row]) -> Drawn:
    """Fig. 5 (BTAD) and 6 (LOCO): detection and segmentation by category from one photo."""
    numbers = {"btad": "Figure 5", "loco": "Figure 6"}
    single = [row for row in rows if row.shots == 1 and row.detector == "patchcore"]
    for (dataset, backbone), group in settings(single, "dataset", "backbone").items():
        if dataset == "mvtec" or not _both(group):
            continue
        parts = {name: own for (name,), own in settings(group, "category").items()}
        figure = Figure((8, 2.8), layout="constrained")
        axes = figure.subplots(1, 2)
        for panel, name, key in zip(axes, ("Image AUROC", "Pixel AUROC"), ("image_auroc", "pixel_auroc"), strict=True):
            _bars(panel, parts, key)
            panel.set_title(name, loc="left")
        _legend(figure, axes[0])
        yield (
            f"figure-5-6-{dataset}-{backbone}", figure,
            f"{numbers.get(dataset, 'Like Figures 5 and 6')}. {dataset} from 1 photo, {detector_name('patchcore', backbone)}",
            "Image and pixel AUROC in percent by category, mean and standard deviation over the seeds "
            "that all arms have. The axes do not begin at 0.",
        )  # fmt: skip


def _both(rows: Sequence[Row]) -> bool:
    """Whether there is something to compare: a detector may have been measured on the photos alone."""
    return {TGVIG, REAL} <= {row.arm for row in rows}


def _compared(rows: Sequence[Row]) -> list[Row]:
    """Of the arms that are drawn: another one that failed takes no draw from them."""
    return [row for row in rows if row.arm in COLOURS]


def _bars(axes: Axes, groups: dict[str, list[Row]], figure: str) -> None:
    """Bars of the three arms for each group of rows; the axis begins where differences can be seen."""
    lowest = 100.0
    for place, (arm, colour) in enumerate(COLOURS.items()):
        for x, own in enumerate(groups.values()):
            if found := over_seeds(_compared(own), arm, figure):
                low = 100 * (found.mean - (found.std or 0))
                lowest = min(lowest, low)
                axes.bar(x + 0.26 * (place - 1), 100 * found.mean, 0.25, color=colour,
                         label=arm_name(arm), yerr=100 * found.std if found.std else None, error_kw={"lw": 1})  # fmt: skip
    axes.set_xticks(range(len(groups)), groups, rotation=30 if max(map(len, groups), default=0) > 8 else 0)
    axes.set_ylim(max(0, 10 * (lowest // 10) - 10), 100)
    _calm(axes)


def _legend(figure: Figure, axes: Axes) -> None:
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)


def _calm(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", lw=0.5, alpha=0.5)
    axes.set_axisbelow(True)


def _prompts(rows: Sequence[Row]) -> Drawn:
    """Fig. 7: how near the best set of each prompt comes to its prompt."""
    asked = [row for row in rows if row.arm in (*PROMPTS, TGVIG) and row.similarity]
    for (dataset, category, shots), group in settings(asked, "dataset", "category", "shots").items():
        arms = arms_of(group)
        if len(arms) < 2:
            continue
        figure = Figure((8, 0.35 * len(arms) + 0.8), layout="constrained")
        axes = figure.subplots()
        for y, arm in enumerate(reversed(arms)):
            best = {row.seed: max(row.similarity) for row in group if row.arm == arm and row.similarity}
            axes.plot(list(best.values()), [y] * len(best), "o", color=COLOURS[TGVIG], alpha=0.4, ms=4)
            if middle := spread(best.values()):
                axes.plot(middle.mean, y, "|", color=ORANGE, ms=16, mew=2)
        axes.set_yticks(range(len(arms)), [arm_name(arm).removeprefix("+ ") for arm in reversed(arms)])
        axes.set_ylim(-0.5, len(arms) - 0.5)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel("cosine similarity of the best set to its prompt")
        _calm(axes)
        yield (
            f"figure-7-{dataset}-{category}-{shots}", figure,
            f"Figure 7. {category} ({dataset}), {shots_name(shots)}: prompts and their images",
            "Similarity of the best set to the prompt it was chosen by: a dot for each seed, a line at the mean.",
        )  # fmt: skip


def _similarity(rows: Sequence[Row]) -> Drawn:
    """Fig. 8: similarity of the set to the best prompt by iteration."""
    curves = [row for row in rows if row.arm == TGVIG and row.similarity]
    for (dataset, shots), group in settings(curves, "dataset", "shots").items():
        parts = settings(group, "category")
        down, across = -(-len(parts) // ACROSS), min(ACROSS, len(parts))
        figure = Figure((2.7 * across + 0.6, 2.1 * down + 0.3), layout="constrained")
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for panel, ((category,), own) in zip(axes, parts.items(), strict=False):
            for curve in {
                row.seed: row.similarity for row in own if row.similarity
            }.values():  # the same for every detector
                best = max(range(len(curve)), key=curve.__getitem__)
                panel.plot(range(1, len(curve) + 1), curve, color=COLOURS[TGVIG], lw=1, alpha=0.7)
                panel.plot(best + 1, curve[best], "o", color=ORANGE, ms=5)
            panel.set_title(category, loc="left")
            panel.xaxis.get_major_locator().set_params(integer=True)
            _calm(panel)
        for panel in axes[len(parts) :]:
            panel.set_visible(False)
        figure.supxlabel("iteration")
        figure.supylabel("similarity to the prompt")
        yield (
            f"figure-8-{dataset}-{shots}", figure,
            f"Figure 8. {dataset}, {shots_name(shots)}: similarity of the generated set to the best prompt",
            "Cosine similarity by iteration, a line for each seed; the dot is the best set, which is the one that is kept.",
        )  # fmt: skip


def _file_name(name: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in name)
