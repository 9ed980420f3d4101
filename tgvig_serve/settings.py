"""What the server allows: sizes, times, how many at once, and the token. A value out of range is one sentence."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tgvig_core.photos.reading import MAX_PIXELS
from tgvig_core.utils.errors import TgvigError

TOKEN_VARIABLE = "TGVIG_TOKEN"


@dataclass(frozen=True)
class Settings:
    """The limits of one server.

    Attributes:
        megabytes: the largest body of a request, in 10⁶ bytes.
        megapixels: the largest photo, in 10⁶ pixels; at most what `photo_files` reads.
        seconds: from the arrival of a request to its answer, upload included.
        places: inspections that are taken in at once; the next one is asked to come later. Bounds memory to about
            places × megabytes, plus the two photos that are decoded at a time.
        batch: the most photos that are scored in one call.
        token: what requests have to show; None lets everybody in.

    Raises:
        TgvigError: a value is out of range.
    """

    megabytes: float = 20.0
    megapixels: float = MAX_PIXELS / 1e6
    seconds: float = 30.0
    places: int = 32
    batch: int = 8
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        ranges = {
            "megabytes": (0.001, 1000),
            "megapixels": (0.001, MAX_PIXELS / 1e6),
            "seconds": (0.1, 3600),
            "places": (1, 10_000),
            "batch": (1, 64),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:  # not a number is refused too
                raise TgvigError(f"{name} {value:g} is out of range: give {least:g} to {most:g}.")

    @property
    def most_bytes(self) -> int:
        """The largest body in bytes."""
        return int(self.megabytes * 1e6)

    @property
    def most_pixels(self) -> int:
        """The largest photo in pixels."""
        return int(self.megapixels * 1e6)


def read_token(file: Path | None) -> str | None:
    """The token of a file or of the environment variable TGVIG_TOKEN; None where neither is given.

    Never from the command line, which every user of the machine can list.

    Raises:
        TgvigError: the file cannot be read, or what is given is empty or cannot stand in a header.
    """
    if file is None:
        where, text = TOKEN_VARIABLE, os.environ.get(TOKEN_VARIABLE)
    else:
        try:
            where, text = str(file), file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TgvigError(f"The token cannot be read from {file} ({error}); check the path.") from error
    if text is None:
        return None
    token = text.strip()
    # An empty token would let everybody in where somebody meant to keep them out.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TgvigError(f"{where} holds no token: give one word of plain letters and digits, or leave it out.")
    return token
