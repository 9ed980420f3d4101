"""How often the shown threshold is wrong: false alarms and misses on labelled photos, from a few normals without labels.

    python tools/measure_thresholds.py --data DIR --out FILE [--rate 0.05] [--shots 1 2 5 10] [--seeds 3]

DIR holds categories in MVTec AD's layout (found at any depth). The detector remembers the normals alone. Next to the
threshold of `calibration.py` stands the one with the best F1, which needs all labels. FILE gets a JSON line per cell as
it ends; the same command goes on where it was interrupted. At last it prints the prior of `single_photo.py`, fitted to
the cells with one photo: from all parts, and from all but each.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import precision_recall_curve
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tgvig_core import packs
from tgvig_core.augment import ViewPolicy
from tgvig_core.calibration import calibrate
from tgvig_core.detectors import PatchCore
from tgvig_core.images import read_normals, read_photo, to_square, to_tensor
from tgvig_core.settings import SIZE
from tgvig_core.single_photo import factor

MOST_DEFECTS = 60
"""Photos of defects that are scored, drawn once; good ones are all scored."""


def main() -> None:
    """Measure what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--categories", nargs="+", default=["bottle", "transistor", "tile", "hazelnut"])
    parser.add_argument("--shots", nargs="+", type=int, default=[1, 2, 5, 10])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.05)
    o = parser.parse_args()
    rows = [json.loads(line) for line in o.out.read_text().splitlines()] if o.out.exists() else []
    known = {(row["category"], row["shots"], row["seed"], row["rate"]) for row in rows}
    for category in o.categories:
        tests = None
        for shots in o.shots:
            for seed in range(o.seeds):
                if (category, shots, seed, o.rate) not in known:
                    tests = tests or test_photos(folder_of(o.data, category))
                    rows.append(measure(folder_of(o.data, category), tests, shots, seed, o.rate))
                    with o.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    rows = [row for row in rows if row["rate"] == o.rate]
    print(table(rows))
    print(prior(rows))


def folder_of(data: Path, category: str) -> Path:
    """The category's folder."""
    return next(path for path in sorted(data.rglob(category)) if (path / "train" / "good").is_dir())


def test_photos(folder: Path) -> tuple[list[Path], list[Path]]:
    """Good and defective photos."""
    photos = sorted(path for path in (folder / "test").rglob("*") if path.is_file())
    good = [path for path in photos if path.parent.name == "good"]
    bad = [path for path in photos if path.parent.name != "good"]
    return good, random.Random(0).sample(bad, min(MOST_DEFECTS, len(bad)))


def measure(folder: Path, tests: tuple[list[Path], list[Path]], shots: int, seed: int, rate: float) -> dict:
    """One cell."""
    chosen = random.Random(seed).sample(sorted((folder / "train" / "good").iterdir()), shots)
    normals = read_normals(chosen).tensor(SIZE)
    pack, _ = packs.choose("embedded")
    detector = PatchCore(packs.load_backbone(pack), SIZE)
    detector.fit(normals, range(shots), seed)
    found = calibrate(detector, detector, normals, ViewPolicy(), rate, seed)
    (good, good_peaks), (bad, _) = (scored(detector, photos) for photos in tests)
    row = {"category": folder.name, "shots": shots, "seed": seed, "rate": rate, "low": found.low, "high": found.high,
           "threshold": found.threshold} | shares(good, bad, found.threshold)  # fmt: skip
    row |= {f"oracle_{name}": value for name, value in shares(good, bad, best_threshold(good, bad)).items()}
    row["pixel_false_alarm"] = float((good_peaks > found.pixel_threshold).float().mean())
    if shots == 1:  # how much higher than its own views other good photos score
        for name, values, limit in (("score", good, found.threshold), ("peak", good_peaks, found.pixel_threshold)):
            logs = (values * factor(rate) / limit).log()
            row[f"{name}_logs"] = [round(value, 4) for value in logs.tolist()]
    return row


def scored(detector: PatchCore, photos: list[Path]) -> tuple[Tensor, Tensor]:
    """Scores and highest pixels."""
    found = [detector.score(to_tensor(to_square(read_photo(path).pixels, SIZE))[None]) for path in photos]
    return torch.cat([one.scores for one in found]), torch.stack([one.maps.max() for one in found])


def shares(good: Tensor, bad: Tensor, threshold: float) -> dict[str, float]:
    """False alarms and misses at a threshold."""
    return {"false_alarm": float((good > threshold).float().mean()), "miss": float((bad <= threshold).float().mean())}


def best_threshold(good: Tensor, bad: Tensor) -> float:
    """The threshold of the best F1; scores above it are called anomalous."""
    labels = [0] * len(good) + [1] * len(bad)
    precision, recall, limits = precision_recall_curve(labels, torch.cat([good, bad]).numpy())
    f1 = 2 * precision * recall / np.clip(precision + recall, 1e-12, None)
    return float(np.nextafter(np.float32(limits[f1[:-1].argmax()]), np.float32(-np.inf)))


def table(rows: list[dict]) -> str:
    """Markdown: each seed's shares in %."""
    lines = [
        "| category | normals | false alarms | misses | best F1: false alarms | misses |",
        "|---|---|---|---|---|---|",
    ]
    names = ("false_alarm", "miss", "oracle_false_alarm", "oracle_miss")
    for category, shots in sorted({(row["category"], row["shots"]) for row in rows}):
        cell = sorted((r for r in rows if (r["category"], r["shots"]) == (category, shots)), key=lambda r: r["seed"])
        values = [", ".join(f"{100 * row[name]:.0f}" for row in cell) for name in names]
        lines.append(f"| {category} | {shots} | {' | '.join(values)} |")
    return "\n".join(lines)


def prior(rows: list[dict]) -> str:
    """The three numbers of single_photo.py, and what each part's false alarms would be with those of the others."""
    one = [row for row in rows if row["shots"] == 1]
    names, lines = sorted({row["category"] for row in one}), []
    for kind in ("score", "peak") if len(names) > 2 else ():
        lines.append(f"{kind}: MEAN, BETWEEN, WITHIN = {', '.join(f'{value:.3f}' for value in fit(one, kind))}")
        for left in names:
            mean, between, within = fit([row for row in one if row["category"] != left], kind)
            limit = mean + statistics.NormalDist().inv_cdf(1 - one[0]["rate"]) * math.hypot(between, within)
            rates = [np.mean(np.array(row[f"{kind}_logs"]) > limit) for row in one if row["category"] == left]
            said = ", ".join(f"{100 * rate:.0f}" for rate in rates)
            lines.append(f"  {left}, from the others (factor {math.exp(limit):.2f}): false alarms {said} %")
    return "\n".join(lines)


def fit(rows: list[dict], kind: str) -> tuple[float, float, float]:
    """Mean of the parts' means of log(score / mean of the held-out views'), its spread, the spread within a part."""
    logs = {name: np.concatenate([r[f"{kind}_logs"] for r in rows if r["category"] == name])
            for name in sorted({row["category"] for row in rows})}  # fmt: skip
    means = [float(values.mean()) for values in logs.values()]
    within = math.sqrt(statistics.mean(float(values.var()) for values in logs.values()))
    return statistics.mean(means), statistics.stdev(means), within


if __name__ == "__main__":
    main()
