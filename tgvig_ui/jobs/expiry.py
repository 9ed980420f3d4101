"""What nobody needs any more is removed quietly: parts that nobody has looked at for some hours, with all of theirs and never
while a job needs them, and what uploads that broke off have left.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from pathlib import Path

from tgvig_ui.gradio_compat import BROKEN_UPLOADS, upload_folder
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store

GONE = ".expired-"
"""Before the id of a part that is being removed: it is nobody's any more, even if the removal is cut short."""
EVERY = 600.0
"""Seconds between two sweeps, fewer where parts live for less than some hours."""
BROKEN_OFF = 3.0
"""Hours after which an upload that is not whole never will be: the first of many photos waits for the last."""


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


def sweep_uploads(folder: Path, now: float | None = None) -> list[Path]:
    """Remove what uploads that broke off have left in gradio's folder; returns the files."""
    limit = (time.time() if now is None else now) - BROKEN_OFF * 3600
    removed = []
    for file in folder.glob(BROKEN_UPLOADS):
        with contextlib.suppress(OSError):  # moved just now, or another user's
            if file.is_file() and file.stat().st_mtime < limit:
                file.unlink()
                removed.append(file)
    return removed


def begin(store: Store, executor: Executor, hours: float | None) -> threading.Event:
    """Sweep now and then in the background, until the event that is returned is set.

    Args:
        hours: after which a part that nobody looks at is removed, None for never.
    """
    ended = threading.Event()

    def go_on() -> None:
        while not ended.is_set():
            try:
                if hours:
                    sweep(store, executor, hours)
                sweep_uploads(upload_folder())
            except OSError as error:  # a disk that fails once may work the next time
                logging.getLogger(__name__).warning("Old parts could not be removed: %s", error)
            ended.wait(min(EVERY, hours * 360) if hours else EVERY)

    threading.Thread(target=go_on, name="tgvig-expiry", daemon=True).start()
    return ended
