"""A folder that photos arrive in: each is taken once, as soon as it is whole. By looking, which works on network shares too."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from tgvig_core.photos.inputs import is_photo_name
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import NOTES

EVERY = 0.5
"""Seconds between two looks. A file that has not changed from one to the next is whole."""

Stamp = tuple[int, int]
"""Size in bytes and time of the last change in ns."""


def arriving(
    folder: Path, known: Iterable[tuple[Path, Stamp]], stop: threading.Event, every: float = EVERY
) -> Iterator[list[tuple[Path, Stamp]]]:
    """The photos that have become whole since the last look, oldest first, for ever; an empty list where there is none.

    A file that is written anew under its name counts as a new photo. Only what lies in the folder is remembered. A folder
    that cannot be listed for a while (a share that is mounted anew) is waited for.

    Args:
        known: what was taken before. stop: ends it. every: seconds between two looks.

    Raises:
        TgvigError: the folder cannot be listed at the start.
    """
    taken, lost = dict(known), False
    before: dict = {}
    _look(folder)
    while not stop.is_set():
        try:
            now, lost = _look(folder), False
        except TgvigError as error:
            if not lost:
                NOTES.warning("%s Waiting for it.", error)
            lost = True
            yield []
            stop.wait(every)
            continue
        whole = [(path, stamp) for path, stamp in now.items() if before.get(path) == stamp and taken.get(path) != stamp]
        taken = {path: stamp for path, stamp in taken.items() if path in now} | dict(whole)
        before = now
        yield sorted(whole, key=lambda one: one[1][1])
        stop.wait(every)


def _look(folder: Path) -> dict[Path, Stamp]:
    try:
        with os.scandir(folder) as entries:
            found = {}
            for entry in entries:
                path = Path(entry.path)
                if is_photo_name(path) and (stamp := stamp_of(path)) and stamp[0]:
                    found[path] = stamp
            return found
    except OSError as error:
        raise TgvigError(
            f"The folder {folder} cannot be watched ({error.strerror}): check that it is there."
        ) from error


def stamp_of(path: Path) -> Stamp | None:
    """None where the file has gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def heatmap_name(path: Path, stamp: Stamp) -> str:
    """Of a watched photo: a name under which another photo may arrive later is not enough."""
    return f"{path.stem}_{stamp[1]}_{path.suffix[1:].lower()}.png"
