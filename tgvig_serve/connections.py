"""HTTP connections that cannot be held open for nothing (slow loris): uvicorn's own, with a time limit for the headers.

uvicorn limits how long a connection may stay idle between two requests, but not how long the headers of one may take, how
long a client may go on sending after it was refused, or leave an answer unread. Bodies have a limit of their own, see app.py.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from tgvig_core.utils import strict_json

HEADER_SECONDS = 10.0
"""From the first byte (or from connecting) to the end of a request's headers."""

UNREAD_SECONDS = 60.0
"""How long the rest of an answer may lie in memory because its client does not read it."""

MOST_CONNECTIONS = 512
"""Open at once; more are closed as they come. Well under the 1024 open files that a process usually may have."""


class Connection(H11Protocol):
    """One client."""

    _patience: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # as in H11Protocol: a server's transports are of this kind
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_headers()
        else:
            self._stop_waiting()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_waiting()
        self._was_read()
        super().connection_lost(error)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._was_read()

    def _was_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _wait_for_headers(self) -> None:
        if self._patience is None:  # a byte now and then wins no time
            self._patience = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the one shape of every error, too."""
        body = strict_json.dumps(
            {"error": "This is not a valid HTTP request; check its first line and its headers."}
        ).encode()
        head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()
