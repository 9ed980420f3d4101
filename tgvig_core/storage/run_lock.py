"""One process at a time in a run's folder: two would write the same sets, the same journal and each other's state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tgvig_core.storage.run_folder import LOCK, Run, writing
from tgvig_core.utils.errors import TgvigError


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder of a run, which must be there, and remove what a process that died in it was just writing.

    The system gives the lock back when the process ends, however it ends.

    Raises:
        TgvigError: another process holds it, or the folder cannot be written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        with writing(folder):
            lock.acquire(timeout=0)
    except Timeout:
        raise TgvigError(
            f"Another process works in {folder}: wait until it has ended, or give another folder."
        ) from None
    try:
        Run(folder).sweep()
        yield
    finally:
        lock.release()
