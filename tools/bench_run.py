"""How long the method takes here: `tgvig run` from one photo, 20 × 5 images, PatchCore, 20 inspected photos; peak memory.

    python tools/bench_run.py [--photo FILE --test DIR --object NAME]

By default it takes the bundled rendered part. Start-up, imports and model loading are inside the first figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PART = ROOT / "assets" / "samples" / "hex_nut"


def main() -> None:
    """Run once in a fresh folder and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, default=PART / "train" / "good" / "000.jpg")
    parser.add_argument("--test", type=Path, default=PART / "test")
    parser.add_argument("--object", default="metal nut")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tgvig_core", "run", str(o.photo), "--object", o.object, "--test", str(o.test),
                   "--out", f"{folder}/run", "--images", "20", "--iterations", "5", "--pack", "embedded", "--json"]  # fmt: skip
        start = time.perf_counter()
        answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        total = time.perf_counter() - start
    result = json.loads(answer.stdout)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print("| what | measured | goal |\n|---|---|---|")
    print(f"| `tgvig run`, 1 photo, 20 × 5 images, {len(result['images'])} inspected | {total:.1f} s | 90 s |")
    print(f"| peak memory | {peak:.2f} GB | 3 GB |")
    print(f"| detector trained from 1 + 20 images at 256 px, calibrated | {result['seconds']['train']:.1f} s | 15 s |")
    print("\nseconds by step:", "  ".join(f"{step} {value:.1f}" for step, value in result["seconds"].items()))


if __name__ == "__main__":
    main()
