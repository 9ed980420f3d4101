"""Files that nobody trained here: each is compared with its checksum before it is used. assets/ has a list, packages pip's RECORD.
assets/samples are photos to try the program with, read like anybody's.

(cd assets && find texts walk vqgan* -type f | LC_ALL=C sort | xargs sha256sum > checksums.sha256) writes the list anew.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import logging
from importlib import metadata
from pathlib import Path

from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS

NOTES = logging.getLogger("tgvig_core")
LIST = ASSETS / "checksums.sha256"
"""As sha256sum writes and checks it."""


def check_shipped(file: Path) -> None:
    """See that a file of assets/ is the one that came with the project.

    Raises:
        TgvigError: it is another, missing, or not on the list; the message names it.
    """
    if listed().get(file.relative_to(ASSETS).as_posix()) != _seen(file):
        raise TgvigError(f"{file} was changed or damaged (SHA-256): take the project's files again.")


def check_packaged(package: str, folder: Path) -> None:
    """See that the files of an installed package that lie in a folder are those that its publisher sent.

    A package that did not come through pip, such as a distribution's, may have no checksums: then a warning says so.

    Raises:
        TgvigError: one is another or missing; the message names it.
    """
    compared, folder = 0, folder.resolve()
    for entry in metadata.files(package) or ():
        file = Path(entry.locate()).resolve()  # an environment may be reached through a link
        if entry.hash is None or entry.hash.mode != "sha256" or not file.is_relative_to(folder):
            continue
        if _seen(file) != base64.urlsafe_b64decode(entry.hash.value + "==").hex():
            raise TgvigError(
                f"{file} was changed or damaged (SHA-256): install it again, pip install --force-reinstall {package}."
            )
        compared += 1
    if not compared:
        NOTES.warning(
            "The files of the package %s in %s were not compared, as it was installed without checksums: install it with pip.",
            package,
            folder,
        )


@functools.cache
def listed() -> dict[str, str]:
    """The SHA-256 of each file that is checked, by its path in assets/."""
    lines = LIST.read_text(encoding="utf-8").splitlines() if LIST.is_file() else []
    return {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}


def sha256(file: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _seen(file: Path) -> str:
    """Its checksum; empty where the file cannot be read: no list has that."""
    try:
        return sha256(file)
    except OSError:
        return ""
