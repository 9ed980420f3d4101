"""The photo in a request: the multipart field `photo`, or the raw body with an image's content type. Never on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from tgvig_serve.problems import Problem

UNNAMED = "The photo"
LONGEST_NAME = 80


@dataclass(frozen=True)
class Sent:
    """A photo as it came: what messages call it, and its bytes."""

    name: str
    content: bytes = field(repr=False)


async def photo_of(request: Request, most_bytes: int) -> Sent:
    """Read the request's photo.

    Args:
        most_bytes: what the guard lets through; a form's parts stay in memory up to there.

    Raises:
        Problem: there is no photo, or it comes in another way. ClientDisconnect: the client left.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        sent = await _of_form(request, most_bytes)
    elif kind.startswith("image/"):
        sent = Sent(UNNAMED, await request.body())
    else:
        raise Problem(
            415,
            "Send the photo as multipart field 'photo', or as the whole body with a Content-Type such as image/png.",
        )
    if not sent.content:
        raise Problem(400, f"{sent.name} is empty (0 bytes); send the file's content.")
    return sent


async def _of_form(request: Request, most_bytes: int) -> Sent:
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=8, max_part_size=10_000)
    parser.spool_max_size = most_bytes  # 1 MB otherwise, the rest on disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(
            400, f"The form cannot be read ({error.message.rstrip('.')}); send one file as field 'photo'."
        ) from error
    try:
        photo = form.get("photo")
        if not isinstance(photo, UploadFile):
            raise Problem(400, "The form has no file in a field named 'photo'; send the photo under that name.")
        return Sent(harmless(photo.filename or ""), await photo.read())
    finally:
        await form.close()


def harmless(name: str) -> str:
    """A client's file name for messages: its last part, printable, LONGEST_NAME characters at most."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:LONGEST_NAME] or UNNAMED
