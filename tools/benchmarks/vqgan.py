"""Seconds the compact VQGAN takes to encode (with its codes) and to decode one 256 px image.

    python -m tools.benchmarks.vqgan [--file FILE]

The median of 30 goes with two threads and with one, in float32. Measure on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from tgvig_core.models.checkpoints import load_vqgan
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.runs.settings import SIZE

ROOT = Path(__file__).resolve().parents[2]

WARM_UP, GOES = 3, 30


def main() -> None:
    """Measure once and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=ROOT / "assets" / "vqgan_compact_f8.safetensors")
    model = load_vqgan(parser.parse_args().file)
    print("| threads | encode s | decode s |\n|---|---|---|")
    for threads in (2, 1):
        torch.set_num_threads(threads)
        print(f"| {threads} | {' | '.join(f'{seconds:.3f}' for seconds in measure(model))} |")


@torch.inference_mode()
def measure(model: Vqgan) -> tuple[float, float]:
    """Median seconds of encoding and of decoding."""
    image = torch.rand(1, 3, SIZE, SIZE).mul(2).sub(1).contiguous(memory_format=torch.channels_last)
    rows = []
    for _ in range(WARM_UP + GOES):
        start = time.perf_counter()
        latent = model.quantise(model.encode(image))[0]
        middle = time.perf_counter()
        model.decode(latent)
        rows.append((middle - start, time.perf_counter() - middle))
    encode, decode = zip(*rows[WARM_UP:], strict=True)
    return statistics.median(encode), statistics.median(decode)


if __name__ == "__main__":
    main()
