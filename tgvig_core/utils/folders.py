"""Where files lie that nobody chose: the cache (on Linux ~/.cache/tgvig, or TGVIG_CACHE), and what ships with the project."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from platformdirs import user_cache_path

from tgvig_core.utils.atomic_write import whole


def cache_dir() -> Path:
    """The base cache folder (not created here): $TGVIG_CACHE where it is set, else the system's usual place for tgvig."""
    given = os.environ.get("TGVIG_CACHE", "").strip()
    return Path(given).expanduser() if given else user_cache_path("tgvig", appauthor=False)


def keep(path: Path, content: bytes) -> None:
    """Write a file of the cache, whole or not at all; several processes may write the same one.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft:
        draft.write_bytes(content)


def assets() -> Path:
    """The folder of what ships with the project.

    In a checkout, installed from or not, it is assets/ beside the package: a Space runs app.py from one without installing
    it. A wheel brings the same files as the package tgvig_assets (setup.py).
    """
    beside = Path(__file__).resolve().parents[2] / "assets"
    if (beside / "checksums.sha256").is_file():
        return beside
    return Path(str(resources.files("tgvig_assets")))


ASSETS = assets()
"""What ships with the project: weights, sample parts, encoded class names."""
