"""Files and folders that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

DRAFTS = ".*.part*"
"""Matches what drafts are called while they are written, for who removes those of a killed process."""


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A draft beside the target, to be written; at the end it takes the target's place, after an error nothing is left.

    Beside it, because os.replace is atomic only within one file system; of a random name, because several processes may
    write the same file; with the target's ending, because some writers go by it. A folder takes a former one's place, too.

    Raises:
        OSError: it cannot be written.
    """
    draft = target.with_name(f".{uuid.uuid4().hex[:12]}.part{target.suffix[:16]}")
    try:
        yield draft
        if draft.is_dir() and target.is_dir():
            shutil.rmtree(target)
        os.replace(draft, target)
    finally:
        with contextlib.suppress(OSError):
            remove(draft)


def remove(path: Path) -> None:
    """A file or a folder with all it holds, where it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
