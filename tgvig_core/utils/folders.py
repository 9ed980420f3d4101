"""The one folder for what can be computed or fetched again: ~/.cache/tgvig, or TGVIG_CACHE."""

from __future__ import annotations

import os
from pathlib import Path

from tgvig_core.utils.atomic_write import whole


def cache_dir() -> Path:
    """The base cache folder (not created here): $TGVIG_CACHE where it is set, else ~/.cache/tgvig."""
    given = os.environ.get("TGVIG_CACHE", "").strip()
    return Path(given).expanduser() if given else Path("~/.cache/tgvig").expanduser()


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache, whole or not at all; several processes may write the same one.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft:
        draft.write_bytes(content)


ASSETS = Path(__file__).resolve().parents[2] / "assets"
"""What ships with the project: weights, sample parts, encoded class names."""
