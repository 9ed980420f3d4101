"""Made once for all workers, as pytest-xdist's documentation shows: whoever comes first makes it, the others wait for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, which `make` is handed before it exists. Nobody may change it afterwards."""
    base = factory.getbasetemp()
    # a worker's own folder is popen-gw0 in that of the whole session
    root = base.parent if base.name.startswith("popen-") else base
    folder, done = root / name, root / f"{name}.made"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder
