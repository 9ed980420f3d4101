"""What pydantic says of a value that does not fit, as one sentence (its errors() list: docs.pydantic.dev, Error handling)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from tgvig_core.utils.errors import TgvigError


def misfit(error: ValidationError) -> str:
    """The first thing that does not fit: "generating.images: Input should be a valid integer, not 'three'"."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "unexpected_keyword_argument":
        return f"There is no setting {where!r}"
    what = first["msg"] if first["type"].startswith("missing") else f"{first['msg']}, not {first['input']!r:.80}"
    return f"{where}: {what}" if where else what


@contextmanager
def fitting(remedy: str) -> Iterator[None]:
    """Turn pydantic's error into a sentence.

    Args:
        remedy: what to do about it.

    Raises:
        TgvigError: a value does not fit; it names the first one.
    """
    try:
        yield
    except ValidationError as error:
        raise TgvigError(f"{misfit(error)}: {remedy}") from error
