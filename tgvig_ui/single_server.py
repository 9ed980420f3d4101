"""One server for a folder of parts, and a port that is free: both are looked at before any job is taken up."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tgvig_core.utils.errors import TgvigError

LOCK = ".server.lock"


@contextmanager
def alone(runs: Path) -> Iterator[None]:
    """Hold a folder of parts: a second server would run the first one's jobs once more, in the same files.

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


def check_port(port: int) -> None:
    """See that nobody listens on a port of this machine.

    Raises:
        TgvigError: somebody does, or it is no port that this program may use.
    """
    try:
        with socket.socket() as probe:
            if sys.platform != "win32":  # there it would share the port instead of only reusing a closed one
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "not a port"
        raise TgvigError(f"Port {port} cannot be used ({why}): give a free one, such as --port 7861.") from error
