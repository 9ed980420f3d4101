"""What photos are called in front of the person: their own names, without the number and the folder of the store."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tgvig_core.utils.errors import TgvigError, one_line


def own_name(path: Path) -> str:
    """A stored photo's own name: without the number that `Part.add_photos` put before it."""
    return re.sub(r"^\d{4}_", "", path.name)


def under_own_name(error: TgvigError, path: Path) -> str:
    """What is wrong with a photo that is still where it was uploaded to, without that folder."""
    return str(error).replace(one_line(str(path)), one_line(path.name))


def storable(name: str) -> str:
    """A name that every page and disk can hold: what is not printable (a byte that is no text, too) becomes _, and of a
    long one the last 80 characters and 240 bytes stay."""
    clean = "".join(sign if sign.isprintable() else "_" for sign in name)
    return clean[-80:].encode()[-240:].decode(errors="ignore")


def own_names(photos: Sequence[Path]) -> dict[Path, str]:
    """The own name of each stored photo; where several share one, their place (from 1) tells them apart."""
    count = Counter(map(own_name, photos))
    return {
        path: own_name(path) if count[own_name(path)] == 1 else f"{own_name(path)} (photo {place})"
        for place, path in enumerate(photos, 1)
    }


def with_own_names(text: str, photos: Sequence[Path]) -> str:
    """A sentence that names stored photos, in the person's own names; a path on the server's disk becomes a name, too."""
    shown = {stored: name for path, name in own_names(photos).items() for stored in (str(path), path.name)}
    if not shown:
        return text
    # in one pass, the longest first: an own name may itself look like a stored one
    stored = "|".join(re.escape(name) for name in sorted(shown, key=len, reverse=True))
    return re.sub(stored, lambda found: shown[found[0]], text)
