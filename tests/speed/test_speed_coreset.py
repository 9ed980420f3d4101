"""The choice of patches stays faster than one look at every row for every pick, by a ratio taken in turns."""

from __future__ import annotations

import pytest
import torch

from tgvig_core.detectors.coreset import select
from tools.benchmarks.coreset import patches, plain
from tools.benchmarks.row import alternately

LEAST = 1.6
"""A third of the 4.9 measured: other work on the machine must not fail it."""


@pytest.mark.slow
def test_faster_than_plain_greedy() -> None:
    features = patches(21)
    count = len(features) // 10
    first = select(features, 1).item()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ours, theirs = alternately(lambda: select(features, count), lambda: plain(features, count, first), 2)
    finally:
        torch.set_num_threads(threads)
    assert theirs / ours > LEAST, f"{theirs:.2f} s / {ours:.2f} s"
