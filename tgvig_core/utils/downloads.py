"""A large file over HTTP that goes on where it broke off: Range and If-Range of RFC 9110, sections 13.1.5 and 14.2."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from tgvig_core.utils.progress import QUIET, RunContext

WAIT = 20
"""Seconds without a byte after which a server is given up."""
BLOCK = 1 << 20


def download(source: str, target: Path, least: float, ctx: RunContext = QUIET) -> None:
    """Fetch a file; it appears under its name when all of it is there.

    What came before an interruption stays beside it where the server marks its files by an ETag: the next call asks for
    the rest of that very file.

    Args:
        source: https:// or file://. target: in a folder that is there. least: bytes that the file has at least.

    Raises:
        OSError, http.client.HTTPException: no answer, it broke off, or it is too small. Stopped: the stop event was set.
    """
    with _asked(source, target) as (answer, done, size):
        part = _part(target, answer)
        for other in set(target.parent.glob(f"{target.name}.*part")) - {part}:  # of a file that is no longer offered
            other.unlink()
        _take(answer, part, done, size, ctx)
    came = part.stat().st_size
    if came < max(size, least) or 0 < size < came:
        if came >= size:  # all that there is
            part.unlink()
        raise OSError(f"only {came / 1e6:.1f} MB came")
    os.replace(part, target)


def _part(target: Path, answer) -> Path:
    """The draft of a file, which carries its ETag; a weak one does not promise the same bytes."""
    mark = answer.headers.get("ETag") or ""
    name = quote(mark, safe="")
    kept = answer.headers.get("Content-Length") and not mark.startswith("W/") and len(name) < 150
    return target.with_name(f"{target.name}.{name if kept else ''}.part")


@contextmanager
def _asked(source: str, target: Path) -> Iterator[tuple]:
    """The answer, how many bytes of its file are there already, and how many it has; 0 where nobody knows."""
    drafts = sorted(target.parent.glob(f"{target.name}.?*.part"))
    have, mark = (drafts[0].stat().st_size, _mark(drafts[0])) if drafts else (0, "")
    headers = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(source, headers=headers), timeout=WAIT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        drafts[0].unlink()  # nothing follows what is there, and yet it was not taken for whole
        answer = urllib.request.urlopen(source, timeout=WAIT)
    with answer:
        done = have if (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-") else 0
        length = answer.headers.get("Content-Length")
        yield answer, done, done + int(length) if length else 0


def _mark(part: Path) -> str:
    return unquote(part.name.rsplit(".", 2)[1])


def _take(answer, part: Path, done: int, size: int, ctx: RunContext) -> None:
    """Write what comes, after the `done` bytes that are there; a connection that breaks off early may raise nothing."""
    name = part.name.removesuffix(".part").rpartition(".")[0]
    try:
        with part.open("ab" if done else "wb") as out:
            while block := answer.read(BLOCK):
                ctx.check()
                out.write(block)
                done += len(block)
                ctx.progress(f"Fetching {name}", min(done, size or done), size or done)
    finally:
        if not _mark(part) and done < size:
            part.unlink(missing_ok=True)
