"""What PatchCore (Roth et al., CVPR 2022) gains or loses with few photos by layers, scale, norms, bank and score.

    python -m tools.research.measure_variants --data DIR --out FILE [--variants now unit …] [--shots 1] [--seeds 3] [--most 40]

DIR holds bottle, transistor, tile and hazelnut in MVTec AD's layout, at any depth. All variants see the same draws and the
same test photos, at most --most good and defective ones of each part. FILE gets a JSON line per cell as it ends; the same
command goes on where it was interrupted. The features are EfficientNet-Lite0's; nothing is generated. What was worth it became
`patchcore-fine` of `tgvig benchmark`; docs/benchmark.md has the table, and what did not help.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor
from torch.nn import functional as F

from tgvig_core.benchmark.cell import evenly
from tgvig_core.benchmark.data import datasets
from tgvig_core.detectors.coreset import select
from tgvig_core.inspection.metrics import pixel_metrics
from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.photos.images import read_normals, read_photo, to_square, to_tensor
from tgvig_core.photos.labelled_folder import read_mask
from tgvig_core.photos.views import ViewPolicy, views

CATEGORIES = ("bottle", "transistor", "tile", "hazelnut")
SIZE, MAP = 256, 64
"""px of the frame; side of the maps that are compared with masks."""


@dataclass(frozen=True)
class Variant:
    """One way to remember and compare; the defaults are the app's.

    Attributes:
        layers: blocks of EfficientNet-Lite0. seen: px at which it sees the frame. grid: patches a side, None for the first
            layer's. pool: side of the average over neighbours.
        unit: length 1 for each layer ("layer"), for all together ("all"), or neither ("").
        white: divide by the deviation of each channel ("std"), or of each principal axis ("pca"), over the bank.
        more: what joins the photos in the bank: "", "flips", "turns" or "views".
        share, least: of the patches that are remembered.
    """

    layers: tuple[int, ...] = (2, 4)
    seen: int = SIZE
    grid: int | None = None
    pool: int = 3
    unit: str = ""
    white: str = ""
    more: str = ""
    share: float = 0.1
    least: int = 1000


THREE = (2, 4, 6)
VARIANTS = {
    "anomalib": Variant(least=1),
    "now": Variant(),
    "all patches": Variant(share=1.0),
    "320 px": Variant(seen=320),
    "448 px": Variant(seen=448),
    "layers 4 6": Variant((4, 6)),
    "layers 2 4 6": Variant(THREE),
    "layers 1 2": Variant((1, 2)),
    "layers 2 3": Variant((2, 3)),
    "layer 4": Variant((4,)),
    "unit": Variant(unit="layer"),
    "unit, all together": Variant(unit="all"),
    "no pooling": Variant(pool=1),
    "pooling 5": Variant(pool=5),
    "with flips": Variant(more="flips", share=1.0),
    "with turns": Variant(more="turns", share=1.0),
    "with views": Variant(more="views", share=1.0),
    "deviations": Variant(white="std"),
    "2 4 6, unit": Variant(THREE, unit="layer"),
    "4 6, unit, 448 px": Variant((4, 6), 448, unit="layer"),
    "2 4 6, unit, 448 px": Variant(THREE, 448, unit="layer"),
    "2 4, unit, 448 px, grid 28": Variant((2, 4), 448, 28, unit="layer"),
    "fine: 2 4 6, unit, 448 px, grid 28": Variant(THREE, 448, 28, unit="layer"),
    "fine without unit": Variant(THREE, 448, 28),
    "fine, deviations": Variant(THREE, 448, 28, unit="layer", white="std"),
    "fine, principal axes": Variant(THREE, 448, 28, unit="layer", white="pca"),
    "fine, with flips": Variant(THREE, 448, 28, unit="layer", more="flips", share=1.0),
    "fine, with views": Variant(THREE, 448, 28, unit="layer", more="views", share=1.0),
    "fine, 512 px, grid 32": Variant(THREE, 512, 32, unit="layer"),
    "fine and layer 1": Variant((1, *THREE), 448, 28, unit="layer"),
    "fine without pooling": Variant(THREE, 448, 28, pool=1, unit="layer"),
}


class Features:
    """EfficientNet-Lite0's layers as patch features."""

    def __init__(self) -> None:
        self.network = load_efficientnet_lite0()
        self.mean, self.std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))

    @torch.inference_mode()
    def of(self, images: Tensor, variant: Variant) -> Tensor:
        """N×3×S×S in [-1, 1] to N×side×side×D."""
        return torch.cat([self._part(part, variant) for part in images.split(8)])

    def _part(self, images: Tensor, variant: Variant) -> Tensor:
        seen = F.interpolate(images, size=(variant.seen,) * 2, mode="bilinear", align_corners=False)
        x = self.network.bn1(self.network.conv_stem((seen * 0.5 + 0.5 - self.mean) / self.std))
        layers = []
        for place, block in enumerate(self.network.blocks[: max(variant.layers) + 1]):
            x = block(x)
            if place in variant.layers:
                layers.append(self._layer(x, variant))
        side = layers[0].shape[-1]
        grown = [F.interpolate(layer, size=(side, side), mode="bilinear") for layer in layers]
        joined = torch.cat(grown, 1)
        return (F.normalize(joined, dim=1) if variant.unit == "all" else joined).permute(0, 2, 3, 1)

    @staticmethod
    def _layer(layer: Tensor, variant: Variant) -> Tensor:
        layer = F.avg_pool2d(layer, variant.pool, 1, variant.pool // 2)
        if variant.grid and layer.shape[-1] > variant.grid:
            layer = F.adaptive_avg_pool2d(layer, variant.grid)
        return F.normalize(layer, dim=1) if variant.unit == "layer" else layer


def joined(normals: Tensor, more: str, seed: int) -> Tensor:
    """The images of the bank."""
    if more == "turns":
        return torch.cat([normals.rot90(quarter, (2, 3)) for quarter in range(4)])
    if more == "flips":
        return torch.cat([normals, normals.flip(3), normals.flip(2)])
    if more == "views":
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([normals, *(views(normal, 4, ViewPolicy(), generator) for normal in normals)])
    return normals


def whitening(features: Tensor, kind: str) -> Callable[[Tensor], Tensor]:
    """What is done to features before they are compared; a little is added to every deviation, or noise would count most.

    Args:
        features: of the bank's images, P×D.
    """
    if not kind:
        return lambda found: found
    mean = features.mean(0)
    if kind == "std":
        deviation = features.std(0)
        return lambda found: (found - mean) / (deviation + 0.5 * deviation.mean())
    values, axes = torch.linalg.eigh(torch.cov(features.T))
    turned = axes / (values.clamp_min(0) + 0.5 * values.mean()).sqrt()
    return lambda found: (found - mean) @ turned


@torch.inference_mode()
def distances(grids: Tensor, bank: Tensor) -> Tensor:
    """To the nearest remembered patch: N×side×side×D and R×D to N×side×side."""
    return torch.stack([torch.cdist(grid.flatten(0, 1), bank).amin(1).view(grid.shape[:2]) for grid in grids])


class Part:
    """A category's test photos and masks."""

    def __init__(self, data: Path, name: str, most: int) -> None:
        (category,) = datasets.read("folder", data, [name])
        self.train, tests = category.train, evenly(category.test, most)
        self.images = torch.stack([to_tensor(to_square(read_photo(test.path).pixels, SIZE)) for test in tests])
        self.labels = np.array([bool(test.defective) for test in tests])
        masks = torch.stack([read_mask(test, SIZE) for test in tests]).float()
        self.masks = F.adaptive_max_pool2d(masks[:, None], MAP)[:, 0] > 0

    def normals(self, shots: int, seed: int) -> Tensor:
        """The draw that `tgvig benchmark` makes with this seed."""
        return read_normals(random.Random(seed).sample(list(self.train), shots)).tensor(SIZE)


def measured(part: Part, features: Features, tests: Tensor, variant: Variant, shots: int, seed: int) -> dict:
    """The figures of one cell, in percent.

    Args:
        tests: the features of the part's test photos.
    """
    grids = features.of(joined(part.normals(shots, seed), variant.more, seed), variant)
    white = whitening(grids.flatten(0, 2), variant.white)
    rows = white(grids).flatten(0, 2)
    count = min(len(rows), max(variant.least, math.ceil(variant.share * len(rows))))
    found = distances(white(tests), rows[select(rows, count, seed)])
    flat = found.flatten(1)
    top = flat.topk(max(1, flat.shape[1] // 100), 1).values.mean(1)
    maps = F.interpolate(found[:, None], size=(MAP, MAP), mode="bilinear")[:, 0]
    return {
        "image_auroc": 100 * roc_auc_score(part.labels, flat.amax(1)),
        "image_auroc_top": 100 * roc_auc_score(part.labels, top),  # the mean of the strangest hundredth
        "pixel_ap": 100 * average_precision_score(part.masks.flatten(), maps.flatten()),
        "pro": 100 * pixel_metrics(maps, part.masks)["pro"],
        "bank": count,
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--shots", nargs="+", type=int, default=[1])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=40)
    return parser.parse_args()


def main() -> None:
    """Measure what is missing, then print the table."""
    o = parse()
    o.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in o.out.read_text().splitlines()] if o.out.exists() else []
    known = {(row["variant"], row["category"], row["shots"], row["seed"]) for row in rows}
    features, parts = Features(), {name: Part(o.data, name, o.most) for name in CATEGORIES}
    for name in o.variants:
        for category, part in parts.items():
            draws = [(shots, seed) for shots in o.shots for seed in range(o.seeds)]
            todo = [draw for draw in draws if (name, category, *draw) not in known]
            tests = features.of(part.images, VARIANTS[name]) if todo else None
            for shots, seed in todo:
                key = {"variant": name, "category": category, "shots": shots, "seed": seed}
                rows.append(key | measured(part, features, tests, VARIANTS[name], shots, seed))
                with o.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    for shots in o.shots:
        print(table([row for row in rows if row["shots"] == shots], shots), "\n")


def table(rows: list[dict], shots: int) -> str:
    """Markdown: the mean over seeds of each part, the mean of these, and what it has over anomalib's bank."""
    lines = [
        f"| {shots} photo{'s' * (shots > 1)} | image AUROC | over anomalib's | {' | '.join(CATEGORIES)} | pixel AP | PRO |",
        "|" + "---|" * (5 + len(CATEGORIES)),
    ]
    for name in dict.fromkeys(row["variant"] for row in rows):
        own, first = mean_of(rows, name, "image_auroc"), mean_of(rows, "anomalib", "image_auroc")
        gain = f"{fmean(own) - fmean(first):+.1f}" if first else "–"
        others = [f"{fmean(mean_of(rows, name, figure)):.1f}" for figure in ("pixel_ap", "pro")]
        lines.append(
            f"| {name} | {fmean(own):.1f} | {gain} | {' | '.join(f'{v:.1f}' for v in own)} | {' | '.join(others)} |"
        )
    return "\n".join(lines)


def mean_of(rows: list[dict], name: str, figure: str) -> list[float]:
    """Over seeds, of each part; empty where the variant was not measured."""
    found = [[row[figure] for row in rows if (row["variant"], row["category"]) == (name, part)] for part in CATEGORIES]
    return [fmean(values) for values in found if values]


if __name__ == "__main__":
    main()
