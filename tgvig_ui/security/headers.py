"""What every answer tells a browser, refusals and failures too: take it for no more than it is, let no other site read it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgvig_ui.gradio_compat import FILE, put_outside

NO_SCRIPTS = "sandbox allow-popups; default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'"
"""For a report that is opened: a part's name or a photo's must never become a script of this server."""
SHARING = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")
"""What lets another site's scripts read an answer; gradio says it to every site."""


class Marking:
    """ASGI middleware outside of all others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                _mark(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self.app(scope, receive, marked)


def _mark(headers: MutableHeaders, path: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"  # a part's id stands in the page's address
    for name in SHARING:
        del headers[name]
    if path.startswith(FILE) and "html" in headers.get("content-type", ""):
        headers["Content-Security-Policy"] = NO_SCRIPTS


@asynccontextmanager
async def outermost(app: Starlette) -> AsyncIterator[None]:
    """The app's lifespan: gradio puts what shares the answers around all middleware that it is given, so this comes later."""
    put_outside(app, Marking)
    yield
