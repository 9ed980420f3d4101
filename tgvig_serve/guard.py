"""Before anything reads a request: its token and its size. After it: one line in the log and the counters."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgvig_serve.metrics import Metrics
from tgvig_serve.problems import Problem, too_many_bytes
from tgvig_serve.settings import Settings

log = logging.getLogger("tgvig_serve")

OPEN = frozenset({"/health", "/ready"})
"""What an orchestrator asks without a token."""

PATHS = OPEN | {"/inspect", "/about", "/metrics", "/docs", "/openapi.json"}
"""What is counted under its own name; a stranger's paths would make the metrics grow without end."""


class Guard:
    """ASGI middleware around the whole app; no body is read beyond the limit, whatever reads it."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics
        self._digest = _digest(settings.token) if settings.token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            problem = self._refusal(scope)
            await (problem.response() if problem else self.app)(scope, self._bounded(receive), noting)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if self._digest is not None and scope["path"] not in OPEN:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(_digest(given.strip()), self._digest):
                sentence = (
                    "This server asks for a token: send the header 'Authorization: Bearer TOKEN' with the right one."
                )
                return Problem(401, sentence, {"WWW-Authenticate": 'Bearer realm="tgvig"'})
        length = headers.get("content-length", "0")  # digits only: h11 refuses everything else
        return too_many_bytes(self.settings.megabytes) if int(length) > self.settings.most_bytes else None

    def _bounded(self, receive: Receive) -> Receive:
        """A chunked body says no length beforehand, so it is counted as it comes."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.settings.most_bytes:
                raise too_many_bytes(self.settings.megabytes)
            return message

        return counted

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        path, verdict = scope["path"], scope["state"].get("verdict", "")
        known = path if path in PATHS else "other"
        self.metrics.requests.labels(known, str(status)).inc()
        self.metrics.seconds.labels(known).observe(seconds)
        shown = quote(path)[:100]  # a line break in a path must not begin a line of the log
        log.info("%s %s %d %.0f ms %s", scope["method"], shown, status, 1000 * seconds, verdict)


def _digest(token: str) -> bytes:
    # Digests are equally long, so that comparing them tells nothing, not even the token's length.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
