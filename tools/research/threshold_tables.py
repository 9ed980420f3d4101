"""The tables of docs/thresholds.md and the numbers of `score_prior.py`, from the raw scores of measure_thresholds.py."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from sklearn.metrics import precision_recall_curve

from tgvig_core.detectors import score_prior
from tgvig_core.detectors.score_prior import Others
from tgvig_core.fitting.calibration import HeldOut, limits

RATES = (0.01, 0.05, 0.1)
PIXEL_LIMITS = {"patchcore": np.geomspace(8, 160, 151), "patchcore-fine": np.geomspace(0.08, 1.6, 151)}
"""Limits at which pixels are counted, 2 % apart."""
LAWS = {"patchcore": score_prior.PLAIN, "patchcore-fine": score_prior.UNIT}


def report(rows: list[dict]) -> str:
    """All of it as Markdown."""
    names = sorted({row["category"] for row in rows})
    lines = [f"all parts: {shown(fit(rows))}"]
    for left in names if len(names) > 2 else ():
        lines.append(f"  without {left}: {shown(fit([row for row in rows if row['category'] != left]))}")
    return "\n\n".join(["\n".join(lines), table(rows), rates(rows), reached(rows)])


def shown(others: Others) -> str:
    """Its numbers by name."""
    return ", ".join(f"{name} {value:.3f}" for name, value in asdict(others).items())


def fit(rows: Sequence[dict]) -> Others:
    """The law's numbers from cells of one detector."""
    one, few = [row for row in rows if row["shots"] == 1], [row for row in rows if row["shots"] > 1]
    names = sorted({row["category"] for row in rows})
    means = [
        statistics.mean(
            float(np.log(row["good"]).mean()) - math.log(np.mean(row["held"]))
            for row in one if row["category"] == name
        )
        for name in names
    ]  # fmt: skip
    falls = np.array([1 / row["remembered"] - 1 / row["shots"] for row in few])
    gaps = np.array([float(np.log(row["good"]).mean() - np.log(row["held"]).mean()) for row in few])
    spreads = np.array([float(np.log(row["good"]).std()) for row in few])
    fall = -float((falls * gaps).sum() / (falls**2).sum())
    counts = np.array([row["shots"] for row in few])
    left = float(((gaps + fall * falls) ** 2 - spreads**2 / counts).mean())
    within = math.sqrt(statistics.mean(float(np.log(row["good"]).var()) for row in rows))
    between = statistics.stdev(means) if len(means) > 1 else 0.0
    return Others(statistics.mean(means), between, fall, math.sqrt(max(left, 0.0)), within)


def at(row: dict, rate: float, others: Others | None = None) -> dict[str, float]:
    """What the shown threshold does in a cell.

    Args:
        others: numbers of the law in place of the app's.
    """
    others = others or LAWS[row["detector"]]
    held = HeldOut(torch.tensor(row["held"]), torch.tensor(row["held_peaks"]), row["shots"], row["remembered"], others)
    found = limits(held, rate)
    good, bad = np.array(row["good"]), np.array(row["bad"])
    tests = good[: row["tests"]]
    hits = int((bad > found.threshold).sum())
    limit = best_limit(tests, bad)
    return {
        "false_alarm": float((good > found.threshold).mean()), "miss": float((bad <= found.threshold).mean()),
        "test_false_alarm": float((tests > found.threshold).mean()),
        "f1": 2 * hits / max(hits + len(bad) + int((tests > found.threshold).sum()), 1),
        "pixel_false_alarm": float((np.array(row["good_peaks"]) > found.pixel_threshold).mean()),
        "pixel_f1": pixel_f1(row["pixels"], PIXEL_LIMITS[row["detector"]], found.pixel_threshold),
        "best_false_alarm": float((tests > limit).mean()), "best_miss": float((bad <= limit).mean()),
        # of so many photos a rate cannot be told from one that is a photo away
        "within": float(found.low - 1 / len(good) <= (good > found.threshold).mean() <= found.high + 1 / len(good)),
    }  # fmt: skip


def pixel_f1(counts: dict, limits: np.ndarray, limit: float) -> float:
    """F1 of the pixels at the nearest of the limits at which they were counted."""
    place = int(np.abs(np.log(limits / limit)).argmin())
    hit, false = counts["hit"][place], counts["false"][place]
    return 2 * hit / max(hit + false + counts["defective"], 1)


def best_limit(good: np.ndarray, bad: np.ndarray) -> float:
    """The limit of the best F1, which needs all labels; scores above it are called anomalous."""
    labels = [0] * len(good) + [1] * len(bad)
    precision, recall, found = precision_recall_curve(labels, np.concatenate([good, bad]))
    f1 = 2 * precision * recall / np.clip(precision + recall, 1e-12, None)
    return float(np.nextafter(found[f1[:-1].argmax()], -np.inf))


def percent(values: Sequence[float]) -> str:
    """Each draw's share in %."""
    return ", ".join(f"{100 * value:.0f}" for value in values)


def cells(rows: list[dict]) -> list[tuple[str, int, list[dict]]]:
    """The draws of each category and number of photos."""
    places = sorted({(row["category"], row["shots"]) for row in rows})
    return [
        (*place, sorted((r for r in rows if (r["category"], r["shots"]) == place), key=lambda r: r["seed"]))
        for place in places
    ]


def table(rows: list[dict]) -> str:
    """For a wished 5 %: false alarms, misses, F1 of photos and pixels, and the threshold of the best F1."""
    lines = [
        "| category | normals | false alarms | misses | F1 | pixel F1 | best F1: false alarms | misses |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for category, shots, draws in cells(rows):
        found = [at(row, 0.05) for row in draws]
        shares = [percent([one[name] for one in found]) for name in ("false_alarm", "miss", "f1", "pixel_f1")]
        best = [percent([one[name] for one in found]) for name in ("best_false_alarm", "best_miss")]
        lines.append(f"| {category} | {shots} | {' | '.join(shares + best)} |")
    return "\n".join(lines)


def rates(rows: list[dict]) -> str:
    """Mean false alarms of photos and of maps, and misses, for each wished rate."""
    head = [f"{100 * rate:.0f} %: false alarms, maps', misses" for rate in RATES]
    lines = [f"| category | normals | {' | '.join(head)} |", "|---|---|---|---|---|"]
    for category, shots, draws in cells(rows):
        shown = []
        for rate in RATES:
            found = [at(row, rate) for row in draws]
            names = ("false_alarm", "pixel_false_alarm", "miss")
            shown.append(", ".join(f"{100 * statistics.mean(one[name] for one in found):.1f}" for name in names))
        lines.append(f"| {category} | {shots} | {' | '.join(shown)} |")
    return "\n".join(lines)


def reached(rows: list[dict]) -> str:
    """How many draws come within a factor of 2 of the wished 5 %, and how many miss at most 10 points more than best F1."""
    lines = [
        "| normals | numbers from | false alarms 2.5 to 10 % | mean | inside the shown interval | misses ≤ best F1 + 10 | both |",
        "|---|---|---|---|---|---|---|",
    ]
    names = sorted({row["category"] for row in rows})
    for shots in sorted({row["shots"] for row in rows}):
        chosen = [row for row in rows if row["shots"] == shots]
        kinds = {"all parts": [at(row, 0.05) for row in chosen]}
        if len(names) > 2:
            kinds["the other parts"] = []
            for left in names:
                others = fit([row for row in rows if row["category"] != left])
                kinds["the other parts"] += [at(row, 0.05, others) for row in chosen if row["category"] == left]
        for kind, found in kinds.items():
            near = [0.025 <= one["false_alarm"] <= 0.1 for one in found]
            few = [one["miss"] <= one["best_miss"] + 0.1 for one in found]
            both = sum(a and b for a, b in zip(near, few, strict=True))
            mean = 100 * statistics.mean(one["false_alarm"] for one in found)
            inside = sum(int(one["within"]) for one in found)
            total = len(found)
            lines.append(f"| {shots} | {kind} | {sum(near)} of {total} | {mean:.1f} % | {inside} of {total} | "
                         f"{sum(few)} of {total} | {both} of {total} |")  # fmt: skip
    return "\n".join(lines)
