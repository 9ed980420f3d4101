"""How often the shown threshold is wrong: false alarms and misses on labelled photos, from a few normals without labels.

    python -m tools.research.measure_thresholds --data DIR --out FILE [--detector patchcore-fine] [--categories bottle …] …

DIR holds categories in MVTec AD's layout (found at any depth). The detector remembers the normals alone. False alarms are
counted on good test photos and on good training photos that were not given to it. FILE gets a JSON line per cell as it
ends, with raw scores; the same command goes on where it was interrupted. At last it prints the numbers of `score_prior.py`
fitted to the cells of this detector, and the tables of docs/thresholds.md (`threshold_tables.py`).
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.fitting import pools
from tgvig_core.fitting.calibration import held_out
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals, read_photo, to_square, to_tensor
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask, read_test_folder
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.runs.settings import SIZE
from tools.research.remembering import Remembering
from tools.research.threshold_tables import PIXEL_LIMITS, report

MOST = 60
"""Good test photos, good training photos and photos of defects that are scored, drawn once."""


def main() -> None:
    """Measure what is missing, then print the tables."""
    print(report(measured(__doc__, measure, detectors.names())))


def measured(about: str, measure: Callable[[Part, int, int], dict], kinds: Sequence[str]) -> list[dict]:
    """The rows of a script over categories, numbers of photos and draws; what its file lacks is measured and added.

    Args:
        about: the script's help. measure: a cell's row from the part, the number of photos and the seed.
        kinds: of detectors, the first one where none is asked for.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--categories", nargs="+", default=["bottle", "transistor", "tile", "hazelnut"])
    parser.add_argument("--shots", nargs="+", type=int, default=[1, 2, 5, 10])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--detector", choices=kinds, default=kinds[0])
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    rows = [json.loads(line) for line in o.out.read_text().splitlines()] if o.out.exists() else []
    if strange := {row["detector"] for row in rows} - {o.detector}:
        parser.error(f"{o.out} holds what was measured with {', '.join(strange)}: give another --out for {o.detector}")
    known = {(row["category"], row["shots"], row["seed"]) for row in rows}
    for category in o.categories:
        asked = [(shots, seed) for seed in range(o.seeds) for shots in o.shots if (category, shots, seed) not in known]
        part = Part.read(folder_of(o.data, category), o.detector) if asked else None
        for shots, seed in asked:
            cell = {"detector": o.detector, "category": category, "shots": shots, "seed": seed}
            rows.append(cell | measure(part, shots, seed))
            with o.out.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    return rows


def folder_of(data: Path, category: str) -> Path:
    """The category's folder."""
    return next(path for path in sorted(data.rglob(category)) if (path / "train" / "good").is_dir())


@dataclass(frozen=True)
class Part:
    """A category: its training photos, test photos as N×3×S×S with masks N×S×S, and what its detectors have seen."""

    folder: Path
    kind: str
    train: list[Path]
    good: Tensor
    bad: Tensor
    bad_masks: Tensor
    seen: dict

    @classmethod
    def read(cls, folder: Path, kind: str) -> Part:
        """At most MOST test photos of either kind."""
        tests = read_test_folder(folder / "test")
        kinds = [[photo for photo in tests if bool(photo.defective) == bad] for bad in (False, True)]
        good, bad = (random.Random(0).sample(found, min(MOST, len(found))) for found in kinds)
        masks = torch.stack([read_mask(photo, SIZE) for photo in bad])
        return cls(folder, kind, sorted((folder / "train" / "good").iterdir()), read(good), read(bad), masks, {})

    def others(self, chosen: list[Path]) -> Tensor:
        """Good training photos that the detector does not get."""
        drawn = random.Random(0).sample(self.train, len(self.train))
        return read([LabelledPhoto(path, False) for path in drawn[: MOST + 10] if path not in chosen][:MOST])


def read(photos: list[LabelledPhoto]) -> Tensor:
    """N×3×S×S in [-1, 1]."""
    return torch.stack([to_tensor(to_square(read_photo(photo.path).pixels, SIZE)) for photo in photos])


def measure(part: Part, shots: int, seed: int) -> dict:
    """One cell: raw scores of what calibration holds out, of other good photos and of defects."""
    chosen = random.Random(seed).sample(part.train, shots)
    normals = read_normals(chosen).tensor(SIZE)
    pack, _ = registry.choose("embedded")
    detector = detectors.get(part.kind).build(registry.load_backbone(pack), SIZE)
    detector.features.extractor = Remembering(detector.features.extractor, part.seen)
    pool = pools.real(normals)
    detector.fit(pool.images, pool.groups, seed)
    held = held_out(detector, pool, detector, normals, ViewPolicy(), seed)
    good, bad = detector.score(torch.cat([part.good, part.others(chosen)])), detector.score(part.bad)
    peaks = {"good": good.maps.flatten(1).amax(1), "held": held.peaks}
    return {
        "remembered": held.remembered, "tests": len(part.good),
        "held": rounded(held.scores), "good": rounded(good.scores), "bad": rounded(bad.scores),
        "held_peaks": rounded(peaks["held"]), "good_peaks": rounded(peaks["good"]),
        "pixels": pixels(good.maps[: len(part.good)], bad.maps, part.bad_masks, PIXEL_LIMITS[part.kind]),
    }  # fmt: skip


def rounded(values: Tensor) -> list[float]:
    """Raw scores to four places."""
    return [round(value, 4) for value in values.tolist()]


def pixels(good: Tensor, bad: Tensor, masks: Tensor, limits: np.ndarray) -> dict[str, list[int] | int]:
    """How many defective and how many sound pixels of the test photos lie above each of the limits."""
    hit, sound = bad[masks].numpy(), torch.cat([good.flatten(), bad[~masks]]).numpy()
    above = [len(values) - np.searchsorted(np.sort(values), limits, "right") for values in (hit, sound)]
    return {"defective": int(masks.sum()), "hit": above[0].tolist(), "false": above[1].tolist()}


if __name__ == "__main__":
    main()
