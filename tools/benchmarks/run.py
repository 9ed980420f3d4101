"""`tgvig run` from one photo, 20 × 5 images, PatchCore, 20 inspected photos: seconds of the whole command, peak memory.

    python -m tools.benchmarks.run

The bundled rendered part. Start-up, imports and loading the models are inside; the first of two goes warms the files up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.benchmarks.row import Row, show

ROOT = Path(__file__).resolve().parents[2]
PART = ROOT / "assets" / "samples" / "hex_nut"
GOAL_GB = 2.5


def rows() -> list[Row]:
    seconds, peak, result = [whole() for _ in range(2)][1]
    steps = ", ".join(f"{step} {value:.1f}" for step, value in result["seconds"].items())
    memory = f"peak {peak:.2f} GB (goal {GOAL_GB:g}: {'met' if peak <= GOAL_GB else 'missed'})"
    what = f"`tgvig run`, 1 photo, 20 × 5 images, PatchCore, {len(result['images'])} inspected, warm"
    return [Row(what, "", seconds, None, 60, f"{memory}; seconds by step: {steps}")]


def whole() -> tuple[float, float, dict]:
    """Seconds and peak GB of the command in a process of its own, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tgvig_core", "run", str(PART / "train/good/000.jpg"), "--object", "metal nut",
                   "--test", str(PART / "test"), "--out", f"{folder}/run", "--images", "20", "--iterations", "5",
                   "--pack", "embedded", "--json"]  # fmt: skip
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        answer = process.stdout.read()  # type: ignore[union-attr]  # it is a pipe
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds, used.ru_maxrss / 1e6, json.loads(answer)


if __name__ == "__main__":
    show(rows())
