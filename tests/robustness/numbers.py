"""Numbers stay right: nothing that is no number gets through, poor photos do no harm, and repeating gives the same."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.robustness.row import Row


def rows() -> Iterator[Row]:
    from tests.robustness import greedy, not_numbers, plain_runs, steady
    from tgvig_core.packs import registry  # takes seconds, and other sections do without

    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory(prefix="tgvig-numbers-") as made:
        folder = Path(made)
        yield from not_numbers.rows(folder)
        yield from greedy.rows()
        models = registry.load(registry.PACKS["embedded"], None, "cpu")
        yield from steady.rows(models.encoder, copy.deepcopy(models.generator).eval())
        (folder / "runs").mkdir()
        yield from plain_runs.rows(folder / "runs", models)
