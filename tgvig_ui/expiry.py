"""Parts that nobody has looked at for some hours are removed with all of theirs, quietly and never while a job needs them."""

from __future__ import annotations

import logging
import shutil
import threading
import time

from tgvig_ui.executor import Executor
from tgvig_ui.store import Part, Store

GONE = ".expired-"
"""Before the id of a part that is being removed: it is nobody's any more, even if the removal is cut short."""
EVERY = 600.0
"""Seconds between two sweeps, fewer where parts live for less than some hours."""


def sweep(store: Store, executor: Executor, hours: float, now: float | None = None) -> list[str]:
    """Remove what was last used more than `hours` ago; returns the ids.

    Args:
        now: seconds since 1970, None for this moment.
    """
    limit = (time.time() if now is None else now) - hours * 3600
    removed = [part.id for part in store.all() if part.last_used() < limit and _set_aside(store, executor, part, limit)]
    for folder in store.root.glob(f"{GONE}*"):
        shutil.rmtree(folder, ignore_errors=True)
    return removed


def _set_aside(store: Store, executor: Executor, part: Part, limit: float) -> bool:
    """Give an old part another name, in one step; not one that has a job, or that somebody looks at just now."""

    def rename() -> None:
        if part.last_used() < limit:
            part.folder.rename(store.root / f"{GONE}{part.id}")

    return executor.without_job(part.folder, rename) and not part.folder.exists()


def begin(store: Store, executor: Executor, hours: float) -> threading.Event:
    """Sweep now and then in the background, until the event that is returned is set."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            try:
                sweep(store, executor, hours)
            except OSError as error:  # a disk that fails once may work the next time
                logging.getLogger(__name__).warning("Old parts could not be removed: %s", error)
            ended.wait(min(EVERY, hours * 360))

    threading.Thread(target=go_on, name="tgvig-expiry", daemon=True).start()
    return ended
