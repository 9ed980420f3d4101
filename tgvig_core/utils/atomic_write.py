"""Files and folders that appear whole or not at all, wherever a process dies while it writes them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

_DRAFT = re.compile(r"\.[0-9a-f]{32}\.part(\..*)?")


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A draft beside the target, to be written; at the end it takes the target's place, after an error nothing is left.

    Beside it, because os.replace is atomic only within one file system; of a random name, because several processes may
    write the same file; with the target's ending, because some writers go by it. A folder takes a former one's place, too:
    whoever dies between those two leaves neither of them under its name.

    Raises:
        OSError: it cannot be written.
    """
    draft = _beside(target)
    try:
        yield draft
        if draft.is_dir() and target.is_dir():
            _exchange(draft, target)
        else:
            os.replace(draft, target)
    finally:
        with contextlib.suppress(OSError):
            remove(draft)


def _exchange(draft: Path, target: Path) -> None:
    """A folder for another one, which stays should that fail."""
    former = _beside(target)
    os.replace(target, former)  # at once, and not file by file
    try:
        os.replace(draft, target)
    except BaseException:
        os.replace(former, target)
        raise
    with contextlib.suppress(OSError):  # by now a draft like any other
        remove(former)


def drafts(folder: Path) -> list[Path]:
    """What a process that died while it wrote has left in a folder; also what another one is just writing there."""
    with contextlib.suppress(FileNotFoundError):
        return [path for path in folder.iterdir() if is_draft(path)]
    return []


def is_draft(path: Path) -> bool:
    """Whether a file or folder has the name of a draft."""
    return _DRAFT.fullmatch(path.name) is not None


def remove(path: Path) -> None:
    """A file or a folder with all it holds, where it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    return target.with_name(f".{uuid.uuid4().hex}.part{target.suffix[:16]}")
