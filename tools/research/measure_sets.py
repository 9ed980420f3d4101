"""How good generated sets are, with variance (Eq. 3 of TGVIG) and without (Eq. 2, Σ = 1): measures of the paper's Table 2.

    python -m tools.research.measure_sets --data DIR --out FILE --sets DIR [--categories bottle …]

From one photo of every category (seed 0) the best set α of 20 × 5 images. SSIM, PSNR and the perceptual distance are to
the nearest of *all* good training photos of the category, whether the generator saw them or not; diversity is the
perceptual distance of an image to the next one of the set. The first two rows compare photos with photos and the plain
views with photos. The sets are kept as PNG files for tools/scripts/contact_sheet.py.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from tgvig_core.fitting import pools
from tgvig_core.generation.set_quality import quality
from tgvig_core.photos.images import read_normals
from tgvig_core.runs.settings import SIZE
from tgvig_core.storage.run_folder import Run
from tools.research.cell import Cell

MOST_PHOTOS = 200
"""Enough to have a near one, and 160 MB."""


def parse() -> argparse.Namespace:
    """Options of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--categories", nargs="+", default=["bottle", "transistor", "tile"])
    parser.set_defaults(images=20, iterations=5, anchor="mean", pack="embedded")
    return parser.parse_args()


def sets(o: argparse.Namespace, cell: Cell) -> dict[str, Tensor]:
    """The sets to compare, by name."""
    found = {"plain views": pools.augment(cell.normals, o.images, cell.settings.policy, cell.seed).images[1:]}
    for name, variance in (("variance", True), ("no variance", False)):
        cell.settings = replace(cell.settings, variance=variance)
        found[name] = cell.generated()
    return found


def rows(o: argparse.Namespace, category: str) -> list[dict]:
    """One row for every set of a category."""
    cell = Cell(o, category, 1, 0)
    others = [path for path in sorted((cell.folder / "train" / "good").iterdir()) if path not in cell.chosen]
    real = read_normals(others[:MOST_PHOTOS]).tensor(SIZE)
    made = {"other photos": real[: o.images], **sets(o, cell)}
    found = []
    for name, images in made.items():
        # a photo is not compared with itself: the compared ones leave the pool
        pool = real[o.images :] if name == "other photos" else torch.cat([cell.normals, real])
        found.append({"category": category, "set": name, "photos": len(pool), **asdict(quality(images, pool))})
        if "variance" in name:
            Run(o.sets / f"{category} {name}").save_set(1, images)
    return found


def table(found: list[dict]) -> str:
    """Markdown."""
    lines = ["| category | set | SSIM | PSNR dB | perceptual | diversity |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row['category']} | {row['set']} | {row['ssim']:.3f} | {row['psnr']:.1f} | {row['perceptual']:.2f} "
        f"| {row['diversity']:.2f} |"
        for row in found
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, write a JSON line for every row, print the table."""
    o = parse()
    torch.set_num_threads(2)
    found = [row for category in o.categories for row in rows(o, category)]
    o.out.write_text("".join(json.dumps(row) + "\n" for row in found))
    print(table(found))


if __name__ == "__main__":
    main()
