"""Before gradio reads a request: which addresses there are, who may ask, how much may come, and whose files go out.

gradio offers far more than this page needs: it fetches web addresses for others, keeps histories at a hub, edits code. What is
not on the list below is not there. It also hands out whatever lies in the folder of parts; here only pictures and finished
files of parts that the asking person may see.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgvig_core.photo_files import is_photo_name
from tgvig_ui.store import Part, Store

MOST_WORDS = 4_000_000
"""Bytes of a call's JSON: the names of MAX_TESTS uploaded photos take a quarter of it."""
FORM = 1_000_000
"""Bytes of an upload beside its photos."""
ANY_SITE = ("", "same-origin", "none")
"""Sec-Fetch-Site of this page, of a person's own typing, and of programs, which send none."""
SHOWN = r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?)?|/(assets|static|svelte)/.+"
ABOUT = r"/gradio_api/((app_id|user|login_check|token)/?|startup-events|theme\.css)"
OPEN = re.compile(rf"{SHOWN}|{ABOUT}|/login/?")
"""What the page with the fields for name and password needs."""
FILE = "/gradio_api/file="
READ = re.compile(
    rf"{SHOWN}|{ABOUT}|/logout|{FILE}.+|/gradio_api/(info/?|openapi\.json|queue/(data|status)|upload_progress)"
    r"|/gradio_api/heartbeat/[\w-]+|/gradio_api/call/(v2/)?\w+/\w+",
    re.DOTALL,
)
CALL = re.compile(r"/gradio_api/(queue/join|cancel|reset/?|(run|call|call/v2)/\w+/?)|/login/?")
UPLOAD, MCP = "/gradio_api/upload", re.compile(r"/gradio_api/mcp(/.*)?")
HANDED_OUT = re.compile(r"bundles/[^./][^/]*\.(zip|html)|generations/\d+/inspect/downloads/[0-9a-f]+/[^./][^/]*")
"""Files of a part beside its pictures."""
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
NO_SCRIPTS = "sandbox allow-popups; default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'"
"""For a report that is opened: a part's name or a photo's must never become a script of this server."""


@dataclass(frozen=True)
class Rules:
    """What holds on this server.

    Attributes:
        local: only the person at this machine uses it. login: people give a name and a password.
        mcp: the tools for language models are offered.
        most_upload: bytes of one upload, all its photos together.
    """

    store: Store
    local: bool
    login: bool
    mcp: bool
    most_upload: int


class Guard:
    """ASGI middleware around gradio's app."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app, self.rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self._admit(scope)
            passed = await self._body(scope, receive)
        except HTTPException as refusal:
            await JSONResponse({"detail": refusal.detail}, refusal.status_code)(scope, receive, send)
            return
        await self.app(scope, passed, _marked(scope, send))

    def _admit(self, scope: Scope) -> None:
        """
        Raises:
            HTTPException: there is no such address, or this person or page may not ask for it.
        """
        path, reading, headers = scope["path"], scope["method"] in ("GET", "HEAD"), Headers(scope=scope)
        if not _known(scope["method"], path) and not (self.rules.mcp and MCP.fullmatch(path)):
            raise HTTPException(404, "There is nothing at this address.")
        if self.rules.local and _name(headers.get("host", "")) not in LOCAL_NAMES:
            raise HTTPException(
                403, "This server is for its own computer only: ask for 127.0.0.1, or start it with --host."
            )
        if (self.rules.local or self.rules.login) and not reading and headers.get("sec-fetch-site", "") not in ANY_SITE:
            raise HTTPException(403, "Another site's page may not call this server: open its own page.")
        user = _user(scope) if self.rules.login else None
        if self.rules.login and user is None and not OPEN.fullmatch(path):
            raise HTTPException(401, "This server asks for a name and a password: log in at its page.")
        if path.startswith(FILE):
            self._admit_file(path.removeprefix(FILE), user)

    def _admit_file(self, name: str, user: str | None) -> None:
        """
        Raises:
            HTTPException: a web address, or a file in the folder of parts that is not for this person.
        """
        if "://" in name:
            raise HTTPException(403, "Only files of this server are handed out.")
        try:
            asked, lies = Path(os.path.abspath(name)), Path(os.path.realpath(name))
        except ValueError as error:  # a NUL in it
            raise HTTPException(404, "There is nothing at this address.") from error
        root = self.rules.store.root
        if not asked.is_relative_to(root) and not lies.is_relative_to(root):
            return  # gradio's own rules: what was uploaded, under a name that is a checksum
        inside = lies.relative_to(root) if lies.is_relative_to(root) else Path()
        part = self.rules.store.seen_by(inside.parts[0], user) if inside.parts else None
        if part is None or asked != lies or not _handed_out(part, lies):
            raise HTTPException(403, "This file is not handed out.")

    async def _body(self, scope: Scope, receive: Receive) -> Receive:
        """The request's body as it may be read, never more than is allowed.

        Raises:
            HTTPException: too many bytes, or a web address in place of an uploaded photo.
        """
        path = scope["path"]
        upload = path == UPLOAD
        most = self.rules.most_upload + FORM if upload else MOST_WORDS
        if int(Headers(scope=scope).get("content-length", "0")) > most:  # digits only: h11 refuses everything else
            raise _too_much(most)
        bounded = _bounded(receive, most)
        if scope["method"] != "POST" or upload or path.startswith("/login"):
            return bounded
        content = await _whole(bounded)
        for given in _paths(_parsed(content), every=bool(MCP.fullmatch(path))):
            self._admit_given(given)
        return _again(content, receive)

    def _admit_given(self, path: str) -> None:
        """
        Raises:
            HTTPException: what is given as an uploaded photo is a web address, or lies in the folder of parts, which gradio
                takes for files that everybody may use.
        """
        if _is_address(path):
            raise HTTPException(400, "Photos are not fetched from web addresses: upload them.")
        try:
            inside = Path(os.path.realpath(path)).is_relative_to(self.rules.store.root)
        except ValueError as error:  # a NUL in it, which gradio fails at
            raise HTTPException(400, "This is no name of a file: upload the photo.") from error
        if inside and not self.rules.local:
            raise HTTPException(400, "Photos must be uploaded: those of other parts are not taken.")


def _known(method: str, path: str) -> bool:
    """Whether there is such an address; no name in it may be longer than a disk takes, which gradio fails at."""
    if max(map(len, path.encode("utf-8", "surrogateescape").split(b"/"))) > 255:
        return False
    if method in ("GET", "HEAD"):
        return bool(READ.fullmatch(path))
    return method == "POST" and (path == UPLOAD or bool(CALL.fullmatch(path)))


def _handed_out(part: Part, file: Path) -> bool:
    inside = file.relative_to(part.folder)
    return not any(name.startswith(".") for name in inside.parts) and (
        is_photo_name(file) or bool(HANDED_OUT.fullmatch(inside.as_posix()))
    )


def _name(host: str) -> str:
    """Of a Host header, without the port."""
    return re.sub(r":\d*$", "", host).lower()


def _user(scope: Scope) -> str | None:
    """Who has logged in, as gradio.routes.get_current_user tells it."""
    app, cookies = scope["app"], Request(scope).cookies
    kinds = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    token = next((cookies[kind] for kind in kinds if cookies.get(kind)), None)
    return app.tokens.get(token)


def _marked(scope: Scope, send: Send) -> Send:
    """Answers that no browser takes for more than they are."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "same-origin"  # a part's id stands in the page's address
            if scope["path"].startswith(FILE) and "html" in headers.get("content-type", ""):
                headers["Content-Security-Policy"] = NO_SCRIPTS
        await send(message)

    return marked


def _too_much(most: int) -> HTTPException:
    return HTTPException(413, f"This request is over the limit of {most / 1e6:g} MB: send fewer photos at once.")


def _bounded(receive: Receive, most: int) -> Receive:
    """A chunked body says no length beforehand, so it is counted as it comes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_much(most)
        return message

    return counted


async def _whole(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)
        parts.append(message.get("body", b""))
    return b"".join(parts)


def _again(content: bytes, receive: Receive) -> Receive:
    """The same body once more, then whatever comes after it."""
    left = [{"type": "http.request", "body": content, "more_body": False}]

    async def given() -> Message:
        return left.pop() if left else await receive()

    return given


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):  # gradio says what is wrong with it
        return None


def _paths(value: object, every: bool) -> Iterator[str]:
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


def _is_address(text: str) -> bool:
    return bool(re.match(r"\s*(https?|ftp|file):", text, re.IGNORECASE))
