"""`tgvig inspect` on an exported detector: photos a second in every format, its start, its memory over many photos.

    python -m tools.benchmarks.line --photos DIR [--count 10000]

DIR holds good photos (the first two train) and is inspected again and again; nothing here is labelled.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import torch

from tgvig_core.bundles.export import export
from tgvig_core.bundles.wishes import Wishes
from tgvig_core.photos.inputs import expand_inputs

COMMAND = [sys.executable, "-m", "tgvig_core"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--photos", required=True, help="folder of photos of one part")
    arguments.add_argument("--count", type=int, default=600, help="photos to inspect with each format")
    arguments.add_argument(
        "--long", type=int, default=10_000, help="photos to inspect with the first format, for the memory"
    )
    given = arguments.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photos = expand_inputs([given.photos])
        bundle = trained(photos[:2], work)
        few, many, long = (
            copies(photos, work / name, n) for name, n in (("few", 1), ("many", given.count), ("long", given.long))
        )
        start = {}
        print("| format | start and one photo, s | photos/s | peak memory, MB |\n|---|---|---|---|")
        for format in ("openvino", "onnx", "torch"):
            start[format] = inspected(bundle, few, work / "out", format)[0]
            seconds, memory = inspected(bundle, many, work / "out", format)
            rate = (given.count - 1) / (seconds - start[format])
            print(f"| {format} | {start[format]:.2f} | {rate:.1f} | {max(memory):.0f} |", flush=True)
        seconds, memory = inspected(bundle, long, work / "out", "openvino")
        tenth = len(memory) // 10
        print(
            f"\n{given.long} photos: {seconds:.0f} s; memory {memory[tenth]:.0f} MB after a tenth, {memory[-1]:.0f} MB at the end"
        )


def trained(normals: list[Path], work: Path) -> Path:
    """A bundle with all formats."""
    run = [*COMMAND, "run", *map(str, normals), "--object", "part", "--prompt", "a part", "--pack", "embedded", "--images", "20",
           "--iterations", "1", "--out", str(work / "run"), "--quiet"]  # fmt: skip
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    return export(work / "run", work / "bundle", Wishes())


def copies(photos: list[Path], folder: Path, count: int) -> Path:
    folder.mkdir()
    for place in range(count):
        shutil.copy(photos[place % len(photos)], folder / f"{place:05d}{photos[place % len(photos)].suffix}")
    return folder


def inspected(bundle: Path, photos: Path, out: Path, format: str) -> tuple[float, list[float]]:
    """Seconds of the whole command, and its resident MB from its first photo on."""
    shutil.rmtree(out, ignore_errors=True)
    begun = time.perf_counter()
    command = [*COMMAND, "inspect", str(bundle), str(photos), "--format", format, "--out", str(out), "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines() if process.poll() is None else []
            if (out / "scores.jsonl").exists():
                memory.extend(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS"))

    watcher = threading.Thread(target=look)
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - begun
    ended.set()
    watcher.join()
    if code not in (0, 1):
        raise SystemExit(f"{json.dumps(command)} ended with {code}")
    return seconds, memory or [0.0]


if __name__ == "__main__":
    main()
