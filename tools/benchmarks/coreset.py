"""The choice of the patches to remember (tgvig_core/detectors/coreset.py) against anomalib's KCenterGreedy and plain exact greedy.

    python -m tools.benchmarks.coreset

Patches: EfficientNet-Lite0's at stride 8 of the hex nut's good photos at 256 px, in as many small moves and lights as
photos are wanted. Each choice is made in a process of its own, which tells its seconds and what memory it took.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from anomalib.models.components.sampling import KCenterGreedy
from torch import Tensor

from tgvig_core.detectors.coreset import select
from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy, views
from tools.benchmarks.row import Row, show

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = (25, 50, 100, 200)
RATIO = 10
"""One patch in ten is remembered."""
PLAIN = 400
"""Picks whose time tells that of plain greedy over all: there every pick costs the same."""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "patches.npy"
        np.save(file, patches(max(PHOTOS)).numpy())
        return [beside_anomalib(file), many_photos(file)]


def patches(photos: int) -> Tensor:
    """N·1024×152 of N views."""
    parts = read_normals(sorted((ROOT / "assets/samples/hex_nut/train/good").iterdir())).tensor(256)
    generator = torch.Generator().manual_seed(0)
    each = [views(part, math.ceil(photos / len(parts)), ViewPolicy(), generator) for part in parts]
    images = torch.stack(each, dim=1).flatten(0, 1)[:photos]
    return PatchFeatures(EFFICIENTNET_LITE0, 256).grids(images).flatten(0, 2)


def beside_anomalib(file: Path, photos: int = 21) -> Row:
    """The same share of the same patches."""
    features = cut(file, photos)
    count = len(features) // RATIO
    ours, theirs = [chosen("ours", file, photos, count) for _ in range(3)], chosen("anomalib", file, photos, count)
    exact = radius(features, plain(features, count, ours[0]["picks"][0]))
    found, anomalib = radius(features, ours[0]["picks"]), radius(features, theirs["picks"])
    extra = max(run["extra"] for run in ours) / features.nbytes
    if len(set(ours[0]["picks"])) != count or found > 1.05 * exact or extra > 2:
        raise SystemExit(f"Coreset: radius {found:.3f} for {exact:.3f}, memory {extra:.2f} times the features' own.")
    notes = (
        f"covering radius {found:.3f}, plain exact greedy {exact:.3f}, anomalib {anomalib:.3f}; memory beside the "
        f"features {extra:.2f} times their own, anomalib {theirs['extra'] / features.nbytes:.2f} times"
    )
    what = f"coreset, {photos} photos at 256 px ({len(features):,} × {features.shape[1]}, 10 %)"
    return Row(what, "anomalib KCenterGreedy", min(run["seconds"] for run in ours), theirs["seconds"], 10, notes)


def many_photos(file: Path) -> Row:
    """How the time grows with the photos, and whether the most are done in two minutes and 3 GB."""
    goes = [[chosen("ours", file, photos, photos * 1024 // RATIO) for _ in range(2)] for photos in PHOTOS]
    runs = [min(two, key=lambda run: run["seconds"]) for two in goes]
    features = cut(file, PHOTOS[-1])
    count = len(features) // RATIO
    off, whole = off_greedy(features, runs[-1]["picks"]), max(run["peak"] for run in goes[-1]) / 1e9
    if off > 1e-3 or whole > 3:
        raise SystemExit(f"Coreset: a pick is {off:.2%} nearer than the farthest row, {whole:.2f} GB.")
    each = chosen("plain", file, PHOTOS[-1], PLAIN)["seconds"] / PLAIN
    seconds = [run["seconds"] for run in runs]
    power = statistics.linear_regression(np.log(PHOTOS), np.log(seconds)).slope
    times = ", ".join(f"{photos}: {taken:.2f} s" for photos, taken in zip(PHOTOS, seconds, strict=True))
    notes = (
        f"photos: seconds {times}; they grow as photos^{power:.2f}; plain exact greedy would take {each * count:.0f} s "
        f"(from {PLAIN} picks); every pick tried is the farthest row within {off:.1e}; whole process {whole:.2f} GB"
    )
    what = f"coreset, {PHOTOS[-1]} photos at 256 px ({len(features):,} × {features.shape[1]}, 10 %)"
    return Row(what, "", seconds[-1], None, 120, notes)


def cut(file: Path, photos: int) -> Tensor:
    """The patches of the first photos."""
    return torch.from_numpy(np.load(file, mmap_mode="r")[: photos * 1024].copy())


def plain(features: Tensor, count: int, first: int) -> list[int]:
    """Exact greedy with one product of all features with a vector per pick."""
    features = features - features.mean(0)
    norms = features.square().sum(1)
    nearest, picks = torch.full_like(norms, torch.inf), [first]
    while len(picks) < count:
        distance = torch.mv(features, features[picks[-1]]).mul_(-2).add_(norms).add_(norms[picks[-1]])
        nearest = torch.minimum(nearest, distance)
        nearest[picks[-1]] = -torch.inf
        picks.append(int(nearest.argmax()))
    return picks


def covered(features: Tensor, nearest: Tensor, picks: list[int]) -> Tensor:
    """Each row's distance to its nearest pick, after more picks."""
    parts = zip(features.split(4096), nearest.split(4096), strict=True)
    exactly = "donot_use_mm_for_euclid_dist" if len(features) < 30_000 else "use_mm_for_euclid_dist"
    return torch.cat(
        [torch.minimum(near, torch.cdist(rows, features[picks], compute_mode=exactly).amin(1)) for rows, near in parts]
    )


def radius(features: Tensor, picks: list[int]) -> float:
    """How far the farthest row is from its nearest pick."""
    features = features - features.mean(0)
    return covered(features, torch.full((len(features),), torch.inf), picks).max().item()


def off_greedy(features: Tensor, picks: list[int], steps: int = 40) -> float:
    """By what share, at most, the next pick is nearer than the farthest row, asked after every fortieth of the picks."""
    features, off = features - features.mean(0), 0.0
    nearest = torch.full((len(features),), torch.inf)
    size = math.ceil(len(picks) / steps)
    for start in range(0, len(picks) - size, size):
        nearest = covered(features, nearest, picks[start : start + size])
        off = max(off, 1 - (nearest[picks[start + size]] / nearest.max()).item())
    return off


def chosen(method: str, file: Path, photos: int, count: int) -> dict:
    """What `one` prints, from a process of its own; anomalib's outlives large buffers with malloc's limit fixed only."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tools.benchmarks.coreset",
        method,
        str(file),
        str(photos),
        str(count),
    ]
    surroundings = os.environ | ({"MALLOC_MMAP_THRESHOLD_": "1000000"} if method == "anomalib" else {})
    done = subprocess.run(command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def one(method: str, file: str, photos: str, count: str) -> None:
    """Print seconds, picks, bytes of memory beside the features and bytes of the whole process."""
    torch.manual_seed(0)
    features, picks = cut(Path(file), int(photos)), int(count)
    work = {
        "ours": lambda rows, wanted: select(rows, wanted).tolist(),
        "plain": lambda rows, wanted: plain(rows, wanted, 0),
        "anomalib": lambda rows, wanted: KCenterGreedy(rows, (wanted + 0.5) / len(rows)).select_coreset_idxs(),
    }[method]
    work(features[:1024].clone(), 100)  # what the libraries load at first
    Path("/proc/self/clear_refs").write_text("5")  # the largest so far is now what is held now
    before, begun = memory("VmRSS"), time.perf_counter()
    result = work(features, picks)
    seconds, peak = time.perf_counter() - begun, memory("VmHWM")
    print(json.dumps({"seconds": seconds, "picks": result, "extra": max(0, peak - before), "peak": peak}))


def memory(what: str) -> int:
    """Bytes that this process holds (VmRSS) or held at most (VmHWM); the rusage of a child starts at its parent's."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[what].split()[0]) * 1024


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1))
    if sys.argv[1:]:
        one(*sys.argv[1:])
    else:
        show(rows())
