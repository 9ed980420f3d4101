"""How a command is stopped: Ctrl-C and SIGTERM set the event that long steps look at."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set an event that long steps look at; a second Ctrl-C ends at once."""
    event = threading.Event()

    def asked(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        print("Stopping after what is being computed just now (Ctrl-C again to end at once)…", file=sys.stderr)
        event.set()

    former = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
