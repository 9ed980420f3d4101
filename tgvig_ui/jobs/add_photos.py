"""Photos on their way into a part: the normals get all of them or none, and the server's disk is not for everybody."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path

from tgvig_core.photos.images import read_normals, read_photo
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import MAX_PHOTOS, Part
from tgvig_ui.parts.photo_names import with_own_names

_adding = threading.Lock()  # a button pressed twice: both calls would find the photo missing, and both would add it


def only_local(server: Server) -> None:
    """Refuse to read a typed path for a person elsewhere: the field is hidden from them, its handler is not.

    Raises:
        TgvigError: the server lets other machines in.
    """
    if not server.local:
        raise TgvigError("Folders on the server's disk are not read for visitors: upload the photos instead.")


def check_given(server: Server, part: Part | None, given: Sequence[Path], tests: bool = False) -> None:
    """Refuse more or larger photos than a public server takes.

    Args:
        part: where they would be added; None for a new part.
        tests: photos to inspect, not of good parts.

    Raises:
        TgvigError: names the limit.
    """
    if server.limits:
        present = (part.tests() if tests else part.photos()) if part else ()
        server.limits.check_photos(len(present), given, tests)
        server.limits.check_room(part.bytes() if part else 0)


def add_normals(part: Part, given: Sequence[Path]) -> None:
    """Copy photos to the normals.

    Raises:
        TgvigError: too many, or one that is there already; nothing is added then.
    """
    with _adding:
        _add(part, given)


def add_unknown_normals(part: Part, given: Sequence[Path]) -> int:
    """Copy those photos that are not among the normals yet, pixel for pixel; returns how many.

    Raises:
        TgvigError: too many; nothing is added then.
    """
    with _adding:
        known = {_pixels(path) for path in part.photos()}
        fresh = [path for key, path in {_pixels(path): path for path in given}.items() if key not in known]
        if fresh:
            _add(part, fresh)
    return len(fresh)


def _add(part: Part, given: Sequence[Path]) -> None:
    copies = part.add_photos(given)
    try:
        read_normals(part.photos(), MAX_PHOTOS)  # the same photo twice, too many megapixels
    except TgvigError as error:
        said = with_own_names(str(error), part.photos())
        for path in copies:
            path.unlink()
        raise TgvigError(said) from error


def _pixels(path: Path) -> tuple:
    """The same for photos that `read_normals` calls the same."""
    pixels = read_photo(path).pixels
    return pixels.shape, hashlib.sha256(pixels.tobytes()).digest()
