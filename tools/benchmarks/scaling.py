"""How the cost grows: seconds against normals, generated images, image side, bank and test photos, each with its exponent.

    python -m tools.benchmarks.scaling [--out docs]

Writes scaling.jsonl and scaling.png. A cost that grows like n^a is a straight line of slope a in a plot with logarithms
on both axes; a is fitted by least squares over the upper half of the sizes, where what is paid once no longer counts.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib import pyplot

from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.generation.vqgan import VqganGenerator
from tgvig_core.inspection.inspector import Inspector, Limits, judged
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy, views
from tools.benchmarks.row import seconds

ROOT = Path(__file__).resolve().parents[2]
PART = ROOT / "assets" / "samples" / "hex_nut"
Cost = Callable[[int], Callable[[], object]]
"""A size to what is to be timed; what is made ready beforehand does not count."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    folder = parser.parse_args().out
    torch.set_num_threads(os.cpu_count() or 1)
    rows = []
    for what, sizes, cost, repeats in costs():
        times = in_turns([cost(size) for size in sizes], repeats)
        rows.append({"what": what, "sizes": sizes, "seconds": times, "exponent": line(sizes, times)[0]})
        print(f"| {what} | {', '.join(map(str, sizes))} | {', '.join(f'{t:.3g}' for t in times)} | "
              f"{rows[-1]['exponent']:.2f} |", flush=True)  # fmt: skip
    (folder / "scaling.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    draw(rows, folder / "scaling.png")


def in_turns(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """The fastest go of each, a go of every size in each round: a busy minute then hits them all alike."""
    return np.min([[seconds(work) for work in works] for _ in range(rounds)], axis=0).tolist()


def line(sizes: list[int], times: list[float]) -> tuple[float, float]:
    """Slope and height of log seconds over log size, upper half of the sizes."""
    half = len(sizes) // 2
    slope, height = np.polyfit(np.log(sizes[half:]), np.log(times[half:]), 1)
    return float(slope), float(height)


def costs() -> Iterator[tuple[str, list[int], Cost, int]]:
    """What is measured: its name, the sizes, the cost, how many goes."""
    model = registry.load_generator(registry.choose("embedded")[0]).eval()
    yield "learning from normals (256 px, a tenth remembered)", [12, 25, 50, 100, 200], learning, 3
    yield "one set of generated images", [5, 10, 20, 40, 80], lambda count: generating(model, count, 256), 4
    yield "side of the 20 generated images, px", [128, 192, 256, 384, 512], lambda side: generating(model, 20, side), 4
    yield "side of a scored photo, px", [128, 192, 256, 384, 512], lambda side: scoring(side, 2150), 60
    banks = [1000, 2000, 4000, 8000, 16000, 32000]
    yield "patches in the bank, one photo scored", banks, lambda bank: scoring(256, bank), 40
    yield "inspected photos, with heatmaps", [10, 20, 40, 80, 160], inspecting, 4


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def normal(side: int) -> torch.Tensor:
    return read_normals([PART / "train" / "good" / "000.jpg"]).tensor(side)


def learning(count: int) -> Callable[[], object]:
    pool = views(normal(256)[0], count, ViewPolicy(), seeded())
    return lambda: PatchCore(EFFICIENTNET_LITE0).fit(pool, range(count))


def generating(model: torch.nn.Module, count: int, side: int) -> Callable[[], object]:
    photo = normal(side)
    return lambda: VqganGenerator(model).sample(photo, count, seeded())


def remembering(side: int, bank: int) -> PatchCore:
    """A detector with real features in its bank, as many as are asked for."""
    detector = PatchCore(EFFICIENTNET_LITE0, side)
    pool = views(normal(side)[0], -(-bank * 64 // side**2) + 1, ViewPolicy(), seeded())
    detector.model.memory_bank = detector.features.grids(pool).flatten(0, 2)[:bank].clone()
    return detector


def scoring(side: int, bank: int) -> Callable[[], object]:
    detector, photo = remembering(side, bank), normal(side)
    return lambda: detector.score(photo)


def inspecting(count: int) -> Callable[[], object]:
    files = sorted((PART / "test").rglob("*.jpg"))
    photos = [(files[place % len(files)], f"{place}.png") for place in range(count)]
    inspector = Inspector(remembering(256, 2150), Limits(10.0, 10.0, 1.0))

    def inspected() -> None:
        with tempfile.TemporaryDirectory() as folder:
            assert len(list(judged(inspector, photos, Path(folder)))) == count

    return inspected


def draw(rows: list[dict], target: Path) -> None:
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(2, 3, figsize=(12, 7), layout="constrained")
    for row, axis in zip(rows, axes.flat, strict=True):
        sizes, times = row["sizes"], row["seconds"]
        upper, (slope, height) = np.array(sizes[len(sizes) // 2 :], float), line(sizes, times)
        axis.loglog(sizes, times, "o-", color="#2a6f97")
        axis.loglog(upper, np.exp(height) * upper**slope, "--", color="#888888")
        axis.set_title(f"{row['what']}\nseconds ~ n^{slope:.2f}", fontsize=10)
        axis.set_ylabel("seconds", fontsize=9)
        axis.set_xticks(sizes, [str(size) for size in sizes], fontsize=8)
        axis.set_yticks(times, [f"{time:.2g}" for time in times], fontsize=8)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
