"""Pictures that lie inside a page, as data URIs (RFC 2397)."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tgvig_core.photos.images import read_photo
from tgvig_core.utils.errors import TgvigError

MAX_SIDE = 480
"""Longest side of a picture, px, unless a page asks for less."""
QUALITY = 82


@dataclass(frozen=True)
class EmbeddedPicture:
    """A picture for an <img>: its data URI, and its size in px."""

    source: str
    width: int
    height: int


def picture(path: Path, side: int = MAX_SIDE) -> EmbeddedPicture | None:
    """The photo as JPEG, its longest side at most `side` px; None where it cannot be read (any more)."""
    try:
        image = Image.fromarray(read_photo(path).pixels)
    except TgvigError:
        return None
    image.thumbnail((side, side))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=QUALITY)
    return EmbeddedPicture(data_uri(data.getvalue(), "image/jpeg"), image.width, image.height)


def data_uri(data: bytes, kind: str) -> str:
    """A file's bytes as an address that holds them; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
