"""The photo files that a person points at: files, folders, patterns; in natural order (natsort)."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from natsort import natsort_keygen, ns

from tgvig_core.utils.errors import TgvigError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
READS = "PNG, JPEG, TIFF, BMP and WebP"
MAGIC = {
    b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"II*\0": ".tif", b"MM\0*": ".tif", b"BM": ".bmp", b"RIFF": ".webp",
}  # fmt: skip


def expand_inputs(inputs: Sequence[str | Path]) -> list[Path]:
    """The photo files that files, folders and patterns (`*.png`, `parts/**/*.jpg`) stand for.

    A file counts whatever it is called. Of a folder, the photos directly inside count; of a folder or a pattern, only
    names with a photo's extension that do not start with a dot. Inputs keep their order; inside a folder or a pattern
    the order is natural (part2 before part10). A file reached twice comes once, at its first place.

    Raises:
        TgvigError: an input does not exist, cannot be listed, or matches no photo.
    """
    found: dict[Path, Path] = {}
    for given in inputs:
        for path in _expand(given):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _expand(given: str | Path) -> list[Path]:
    path = Path(given).expanduser()
    if os.path.isdir(path):
        return _photos_in(path)
    if os.path.lexists(path):
        return [path]
    if not any(sign in str(path) for sign in "*?["):
        raise TgvigError(f"{path} does not exist, or its folder may not be read; check the path.")
    matches = [Path(name) for name in glob.glob(str(path), recursive=True) if os.path.isfile(name)]
    photos = sorted(filter(is_photo_name, matches), key=_natural)
    if not photos:
        raise TgvigError(f"The pattern {path} matches no photo ({READS}); check the folder and the extension in it.")
    return photos


def _photos_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=_natural)
    except OSError as error:
        raise TgvigError(f"The folder {folder} cannot be listed ({error.strerror}); check its permissions.") from error
    photos = [entry for entry in entries if is_photo_name(entry) and os.path.isfile(entry)]
    if not photos:
        inner = next((entry for entry in entries if os.path.isdir(entry) and not entry.name.startswith(".")), None)
        remedy = f"name a folder inside it, such as {inner}, or" if inner else "name the folder that holds them, or"
        raise TgvigError(f"The folder {folder} holds no photo directly inside ({READS}); {remedy} the files.")
    return photos


def is_photo_name(path: Path) -> bool:
    """Whether a name found in a folder counts as a photo's: its extension is one of SUFFIXES, and it is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def lacking_suffix(path: Path) -> str:
    """The extension that a photo needs to be known by its name, by its first bytes; empty where its name has one.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix.lower() in SUFFIXES:
        return ""
    with open(path, "rb") as file:
        start = file.read(4)
    return next((suffix for magic, suffix in MAGIC.items() if start.startswith(magic)), ".tif")


_natural_part = natsort_keygen(alg=ns.IGNORECASE)


def _natural(path: Path) -> tuple[list, str]:
    """Folder by folder; the plain name settles what is left (A.png and a.png, 1.png and 01.png)."""
    return [_natural_part(part) for part in path.parts], str(path)
