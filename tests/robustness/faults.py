"""Faults: processes that die anywhere, disks, files, clocks, memory and networks that fail in the middle of things.

All of it runs in a process of its own, which computes with one thread and is forked for every trial (forked.py).
python -m tests.robustness.faults [PART ...] prints the rows as JSON, a line each.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.robustness.forked import ALONE
from tests.robustness.row import Row

PARTS = ("kill", "afterwards", "app_killed", "disk", "damage", "misfortune", "download")


def rows(parts: Sequence[str] = PARTS) -> Iterator[Row]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.robustness.faults", *parts]
    with subprocess.Popen(command, env=os.environ | ALONE, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield Row(**json.loads(line))
    if process.returncode:
        yield Row("the faults themselves", 1, 0, f"ended with exit code {process.returncode}")


def main() -> None:
    from tests.robustness.small_run import Recipe, SmallRun

    with tempfile.TemporaryDirectory(prefix="tgvig-faults-") as folder:
        small = SmallRun(Path(folder).resolve(), Recipe())
        for part in sys.argv[1:] or PARTS:
            for row in importlib.import_module(f"tests.robustness.{part}").rows(small):
                print(json.dumps(dataclasses.asdict(row)), flush=True)


if __name__ == "__main__":
    main()
