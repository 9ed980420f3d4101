"""One server for a folder of parts: a second one would run the first one's jobs once more, in the same files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tgvig_core.utils.errors import TgvigError

LOCK = ".server.lock"


@contextmanager
def held(runs: Path) -> Iterator[None]:
    """Hold a folder of parts for this process.

    The system gives the lock back when the process ends, however it ends.

    Raises:
        TgvigError: another server holds it, or the folder cannot be written to.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = FileLock(runs / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise TgvigError(
            f"Another tgvig server works in {runs}: use that one, or give this one another folder with --runs."
        ) from None
    except OSError as error:
        raise TgvigError(f"{runs} cannot be used for runs ({error.strerror}): choose another --runs.") from error
    try:
        yield
    finally:
        lock.release()
