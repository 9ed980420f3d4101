"""A request's body before gradio reads it: how much may come, and the names of photos in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive


@dataclass(frozen=True)
class Size:
    """The largest body that is read, and what is said of a larger one."""

    most: int
    refusal: str

    def check(self, count: int) -> None:
        """
        Raises:
            HTTPException: so many bytes are too many.
        """
        if count > self.most:
            raise HTTPException(413, self.refusal)


MOST_WORDS = 4_000_000
"""Bytes of a call's JSON: the names of MAX_TESTS uploaded photos take a quarter of it."""
WORDS = Size(
    MOST_WORDS,
    f"This call is over the limit of {MOST_WORDS / 1e6:g} MB: write less, and name photos that were uploaded.",
)
FORM = 1_000_000
"""Bytes of an upload beside its photos."""


def upload_size(photos: int) -> Size:
    """Of an upload whose photos may take so many bytes."""
    return Size(photos + FORM, f"This upload is over the limit of {photos / 1e6:g} MB: send fewer photos at once.")


def bounded(receive: Receive, size: Size) -> Receive:
    """A chunked body says no length beforehand, so it is counted as it comes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        size.check(seen)
        return message

    return counted


async def whole(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)
        parts.append(message.get("body", b""))
    return b"".join(parts)


def again(content: bytes, receive: Receive) -> Receive:
    """The same body once more, then whatever comes after it."""
    left = [{"type": "http.request", "body": content, "more_body": False}]

    async def given() -> Message:
        return left.pop() if left else await receive()

    return given


def parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # gradio says what is wrong with it
        return None


def paths(value: object, every: bool) -> Iterator[str]:
    """The texts in a call that gradio would take for a file's path; `every` text of a tool's call, which names no kinds."""
    left = [("", value)]
    while left:
        key, found = left.pop()
        if isinstance(found, dict):
            left += found.items()
        elif isinstance(found, list):
            left += [(key, inner) for inner in found]
        elif isinstance(found, str) and (every or key == "path"):
            yield found


def is_address(text: str) -> bool:
    return bool(re.match(r"\s*(https?|ftp|file):", text, re.IGNORECASE))
