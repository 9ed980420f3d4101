"""The one folder for what can be computed or fetched again: ~/.cache/tgvig, or TGVIG_CACHE."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_dir() -> Path:
    """The base cache folder (not created here): $TGVIG_CACHE where it is set, else ~/.cache/tgvig."""
    given = os.environ.get("TGVIG_CACHE", "").strip()
    return Path(given).expanduser() if given else Path("~/.cache/tgvig").expanduser()


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache, whole or not at all; several processes may write the same one.

    Raises:
        OSError: it cannot be written.
    """
    draft = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".draft-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(draft, path)
    except OSError:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
        raise


ASSETS = Path(__file__).resolve().parent.parent / "assets"
"""What ships with the project: weights, sample parts, encoded class names."""
