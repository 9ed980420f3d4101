"""Before gradio reads a request: which addresses there are, who may ask, how much may come, and whose files go out.

gradio offers far more than this page needs: it fetches web addresses for others, keeps histories at a hub, edits code. What is
not on the list below is not there. It also hands out whatever lies in the folder of parts; here only pictures and finished
files of parts that the asking person may see.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tgvig_core.photos.inputs import is_photo_name
from tgvig_ui.gradio_compat import FILE, NO_FILE, UPLOAD, logged_in
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store
from tgvig_ui.security import bodies
from tgvig_ui.security.hosts import Sites

SHOWN = r"/(config/?|theme\.css|favicon\.ico|robots\.txt|manifest\.json|pwa_icon(/\d+)?)?|/(assets|static|svelte)/.+"
ABOUT = r"/gradio_api/(app_id/?|startup-events|theme\.css)"
OPEN = re.compile(rf"{SHOWN}|{ABOUT}|/login/?")
"""What the page with the fields for name and password needs."""
READ = re.compile(
    rf"{SHOWN}|{ABOUT}|/logout|{FILE}.+|/gradio_api/(info/?|openapi\.json|queue/(data|status)|upload_progress)"
    r"|/gradio_api/heartbeat/[\w-]+|/gradio_api/call/(v2/)?\w+/\w+",
    re.DOTALL,
)
CALL = re.compile(r"/gradio_api/(queue/join|cancel|reset/?|(run|call|call/v2)/\w+/?)|/login/?")
MCP = re.compile(r"/gradio_api/mcp(/.*)?")
HANDED_OUT = re.compile(r"bundles/[^./][^/]*\.(zip|html)|generations/\d+/inspect/downloads/[0-9a-f]+/[^./][^/]*")
"""Files of a part beside its pictures."""
ONE_RANGE = re.compile(rb"bytes=(\d{1,15}-\d{0,15}|-\d{1,15})")
"""One stretch of a file; gradio fails at several. Without a header that it may leave out, a server sends the whole file."""


@dataclass(frozen=True)
class Rules:
    """What holds on this server.

    Attributes:
        sites: who may ask under which name. login: people give a name and a password.
        mcp: the tools for language models are offered.
        most_upload: bytes of one upload, all its photos together.
    """

    store: Store
    sites: Sites
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
        headers = [(name, value) for name, value in scope["headers"] if name != b"range" or ONE_RANGE.fullmatch(value)]
        try:
            await self.app(scope | {"headers": headers}, passed, send)
        except (AttributeError, TypeError) as error:
            if scope["path"] != UPLOAD or str(error) not in NO_FILE:
                raise
            refusal = JSONResponse({"detail": "This form has a field that is no file: upload photos only."}, 400)
            await refusal(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        """
        Raises:
            HTTPException: there is no such address, or this person or page may not ask for it.
        """
        path, headers = scope["path"], Headers(scope=scope)
        if not _known(scope["method"], path) and not (self.rules.mcp and MCP.fullmatch(path)):
            raise HTTPException(404, "There is nothing at this address.")
        self.rules.sites.admit(scope["method"], path, headers)
        user = logged_in(scope["app"], Request(scope).cookies) if self.rules.login else None
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
        size = bodies.upload_size(self.rules.most_upload) if upload else bodies.WORDS
        size.check(int(Headers(scope=scope).get("content-length", "0")))  # digits only: h11 refuses everything else
        bounded = bodies.bounded(receive, size)
        if scope["method"] != "POST" or upload or path.startswith("/login"):
            return bounded
        content = await bodies.whole(bounded)
        for given in bodies.paths(bodies.parsed(content), every=bool(MCP.fullmatch(path))):
            self._admit_given(given)
        return bodies.again(content, receive)

    def _admit_given(self, path: str) -> None:
        """
        Raises:
            HTTPException: what is given as an uploaded photo is a web address, or lies in the folder of parts, which gradio
                takes for files that everybody may use.
        """
        if bodies.is_address(path):
            raise HTTPException(400, "Photos are not fetched from web addresses: upload them.")
        try:
            inside = Path(os.path.realpath(path)).is_relative_to(self.rules.store.root)
        except ValueError as error:  # a NUL in it, which gradio fails at
            raise HTTPException(400, "This is no name of a file: upload the photo.") from error
        if inside and not self.rules.sites.local:
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
