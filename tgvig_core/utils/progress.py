"""How long steps tell how far they are, and how they are stopped: one value that every long step is handed, no globals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from tgvig_core.utils.errors import Stopped

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called as progress(step name in plain words, units done, units in total)."""


def silent(step: str, done: int, total: int) -> None:
    """The Progress of somebody who does not look."""


@dataclass(frozen=True)
class RunContext:
    """What whoever runs a long step hands to it.

    Attributes:
        progress: told how far the step is.
        stop: an event; once it is set, the step ends before its next unit of work. None where nobody can stop it.
    """

    progress: Progress = silent
    stop: threading.Event | None = None

    def check(self) -> None:
        """Look at the stop event.

        Raises:
            Stopped: the person asked for a stop.
        """
        if self.stop is not None and self.stop.is_set():
            raise Stopped

    def track(self, items: Iterable[T], step: str, total: int) -> Iterator[T]:
        """Yield items, reporting progress after each and looking at the stop event before each.

        Raises:
            Stopped: the person asked for a stop.
        """
        self.progress(step, 0, total)
        for done, item in enumerate(items, start=1):
            self.check()
            yield item
            self.progress(step, done, total)

    def telling(self, progress: Progress) -> RunContext:
        """The same stop, another listener."""
        return replace(self, progress=progress)


QUIET = RunContext()
"""Nobody looks, nobody stops."""
