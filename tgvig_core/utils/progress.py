"""How long steps tell how far they are, and how they are stopped: one callback and one event, no globals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tgvig_core.utils.errors import Stopped

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called as progress(step name in plain words, units done, units in total)."""


def silent(step: str, done: int, total: int) -> None:
    """The Progress of somebody who does not look."""


def check(stop: threading.Event | None) -> None:
    """Raise Stopped when the stop event is set.

    Raises:
        Stopped: the person asked for a stop.
    """
    if stop is not None and stop.is_set():
        raise Stopped


def track(
    items: Iterable[T], step: str, total: int, progress: Progress = silent, stop: threading.Event | None = None
) -> Iterator[T]:
    """Yield items, reporting progress after each and looking at the stop event before each.

    Raises:
        Stopped: the person asked for a stop.
    """
    progress(step, 0, total)
    for done, item in enumerate(items, start=1):
        check(stop)
        yield item
        progress(step, done, total)
