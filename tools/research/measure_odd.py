"""How often a defective photo among good ones is named, and how often a good one is.

    python -m tools.research.measure_odd --data DIR --out FILE [--draws 40]

DIR holds categories in MVTec AD's layout (found at any depth). A draw takes six photos of train/good and a defective one,
the kinds of defect in turn; compared are five good photos with the defective one, the five alone, and all six good ones.
FILE gets a JSON line per draw, with the peak of every photo; the same command goes on where it was interrupted. At last
it prints the rates at OUTLIER_FACTOR, and what the other categories would have chosen for each.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.diagnosis.outlier_photos import OUTLIER_FACTOR, held_out_maps, outlier_places
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_core.runs.settings import SIZE
from tools.research.measure_thresholds import folder_of

GOOD, SETS = 5, ("mixed", "five", "six")
WISHED = 0.02
"""Share of good photos that may be named: what the factors from the other categories are set for."""


def main() -> None:
    """Measure what is missing, then print the tables."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--categories", nargs="+", default=["bottle", "transistor", "tile", "hazelnut"])
    parser.add_argument("--draws", type=int, default=40)
    o = parser.parse_args()
    rows = [json.loads(line) for line in o.out.read_text().splitlines()] if o.out.exists() else []
    known = {(row["category"], row["seed"]) for row in rows}
    for category in o.categories:
        wanted = [seed for seed in range(o.draws) if (category, seed) not in known]
        features = Features() if wanted else None
        for seed in wanted:
            rows.append(measure(folder_of(o.data, category), seed, features))
            with o.out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    print(table(rows))
    print(left_out(rows))


class Features:
    """The features of photos, formed once."""

    def __init__(self) -> None:
        self.features = PatchFeatures(registry.load_backbone(registry.choose("embedded")[0]), SIZE)
        self.kept: dict[Path, Tensor] = {}

    def of(self, path: Path) -> Tensor:
        """1×h×w×D."""
        if path not in self.kept:
            self.kept[path] = self.features(to_tensor(to_square(read_photo(path).pixels, SIZE))[None])
        return self.kept[path]


def measure(folder: Path, seed: int, features: Features) -> dict:
    """The peaks in one draw's three sets; the defective photo is the last one of `mixed`."""
    draw = random.Random(seed)
    good = draw.sample(sorted((folder / "train" / "good").iterdir()), GOOD + 1)
    kinds = sorted(path for path in (folder / "test").iterdir() if path.is_dir() and path.name != "good")
    defect = draw.choice(sorted(kinds[seed % len(kinds)].iterdir()))
    row: dict = {"category": folder.name, "seed": seed, "defect": f"{defect.parent.name}/{defect.name}"}
    for name, photos in zip(SETS, ([*good[:GOOD], defect], good[:GOOD], good), strict=True):
        maps = held_out_maps(torch.cat([features.of(photo) for photo in photos]))
        row[name] = [round(peak, 4) for peak in maps.amax((1, 2)).tolist()]
    return row


def table(rows: list[dict]) -> str:
    """Markdown: in which share of the draws what was named."""
    lines = [
        "| category | defective photo named | good photo named beside it | five good: any named | six good: any named "
        "| good photos named, of all |",
        "|---|---|---|---|---|---|",
    ]
    for category in dict.fromkeys(row["category"] for row in rows):
        found = [named(row) for row in rows if row["category"] == category]
        facts = [[GOOD in one["mixed"] for one in found], [bool(one["mixed"] - {GOOD}) for one in found],
                 [bool(one["five"]) for one in found], [bool(one["six"]) for one in found]]  # fmt: skip
        photos = sum(len(one[name] - {GOOD} if name == "mixed" else one[name]) for one in found for name in SETS)
        total = len(found) * (3 * GOOD + 1)
        shares = [f"{sum(fact)} of {len(fact)}" for fact in facts] + [f"{100 * photos / total:.1f} %"]
        lines.append(f"| {category} | {' | '.join(shares)} |")
    return "\n".join(lines)


def named(row: dict) -> dict[str, set[int]]:
    """The places that are called odd in each set of a draw."""
    return {name: set(outlier_places(torch.tensor(row[name]))) for name in SETS}


def left_out(rows: list[dict]) -> str:
    """For each category the factor that keeps the others' good photos at WISHED, and what it does on this one."""
    lines = [f"OUTLIER_FACTOR is {OUTLIER_FACTOR}."]
    for category in dict.fromkeys(row["category"] for row in rows):
        own, others = ([r for r in rows if (r["category"] == category) == same] for same in (True, False))
        factor = float(np.quantile(good_ratios(others), 1 - WISHED)) if others else OUTLIER_FACTOR
        found = np.mean([ratios(row["mixed"])[GOOD] > factor for row in own])
        wrong = np.mean(good_ratios(own) > factor)
        lines.append(f"  {category}, from the others ({factor:.2f}): defective {found:.0%}, good photos {wrong:.1%}")
    return "\n".join(lines)


def ratios(peaks: list[float]) -> np.ndarray:
    """Each photo's peak over the median of the others'."""
    return np.array([peak / np.median(np.delete(peaks, at)) for at, peak in enumerate(peaks)])


def good_ratios(rows: list[dict]) -> np.ndarray:
    """Those of the good photos among good ones."""
    return np.concatenate([ratios(row[name]) for row in rows for name in ("five", "six")])


if __name__ == "__main__":
    main()
