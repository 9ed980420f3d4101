"""A server on this machine that breaks off in the middle of a file, as a bad line does; and a hub that is one."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "1" * 40


class Breaking(ThreadingHTTPServer):
    """Serves one file under every path.

    Attributes:
        content: the file. marked: whether it has an ETag. ranges: whether it gives parts of it.
        breaks: bytes after which each of the next answers breaks off; then it breaks no more.
        refuses: the status by which it answers every request for the file; 0 for none.
        spoiled: whether what it sends is not what its ETag says.
        begun: for each answer with bytes of the file, the byte it began at. sent: bytes of the file that left so far.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.content, self.marked, self.ranges, self.refuses = content, True, True, 0
        self.breaks: list[int] = []
        self.begun: list[int] = []
        self.spoiled = False
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def mark(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()}"'

    def handle_error(self, request, client_address) -> None:
        """A client that goes away is what this is for."""


class _Answer(BaseHTTPRequestHandler):
    server: Breaking

    def log_message(self, *given) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:  # noqa: N802
        self._head(0)

    def do_GET(self) -> None:  # noqa: N802
        if self.path == "/":
            self.send_response(204)
            self.end_headers()
            return
        begin = 0
        asked = self.headers.get("Range", "")
        if (
            asked.startswith("bytes=")
            and self.server.ranges
            and self.headers.get("If-Range", self.server.mark) == self.server.mark
        ):
            begin = int(asked.removeprefix("bytes=").split("-")[0])
        if self._head(begin):
            self.server.begun.append(begin)
            rest = bytes(reversed(self.server.content)) if self.server.spoiled else self.server.content[begin:]
            left = self.server.breaks.pop(0) if self.server.breaks else len(rest)
            self.server.sent += len(rest[:left])  # before it leaves: whoever has it may look at once
            try:
                self.wfile.write(rest[:left])
            except OSError:  # nobody took it
                self.server.sent -= len(rest[:left])
                raise
            self.close_connection = True

    def _head(self, begin: int) -> bool:
        server, size = self.server, len(self.server.content)
        if server.refuses:
            self.send_response(server.refuses)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(size - begin))
        self.send_header("X-Repo-Commit", COMMIT)  # what the hub's client asks for
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{size - 1}/{size}")
        if server.marked:
            self.send_header("ETag", server.mark)
        self.end_headers()
        return True


@contextmanager
def breaking(content: bytes) -> Iterator[Breaking]:
    """A running server."""
    server = Breaking(content)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
