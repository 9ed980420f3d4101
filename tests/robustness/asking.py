"""Requests as no well-meaning client sends them: the path as it is given, any header, any body; and a victim that counts."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode, urlsplit

PATIENCE = 600
"""Seconds that any answer may take."""
MOST = 20_000_000
"""Bytes of an answer that are looked at."""


@dataclass(frozen=True)
class Answer:
    """Status (0: the server closed without one, and the body says how), headers in lower case, and the body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def refused(self) -> bool:
        """Neither an answer nor a failure of the server."""
        return self.status == 0 or 400 <= self.status < 500

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Asker:
    """A client of one server, with the headers that it always sends."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request on a connection of its own; `body` is bytes, an iterable of bytes (chunked), or JSON.

        Underscores in header names stand for hyphens.
        """
        given = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, (dict, list)):
            body, given = json.dumps(body).encode(), {"Content-Type": "application/json"} | given
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        connection._validate_path = lambda path: None  # also a path that no client would send
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent
                connection.request(method, path, body, given)
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read(MOST))
        except (http.client.HTTPException, ConnectionError) as error:
            return Answer(0, body=repr(error).encode())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.ask("POST", path, body, **headers)

    def called(self, endpoint: str, *data: object) -> str:
        """What a named endpoint of the web app says, refusals included."""
        answer = self.post(f"/gradio_api/call/{endpoint}", {"data": list(data)})
        if answer.status != 200:
            return f"{answer.status} {answer.text}"
        return self.get(f"/gradio_api/call/{endpoint}/{json.loads(answer.body)['event_id']}").text

    def event(self, fn: int, session: str, data: list, query: str = "") -> str:
        """What an event of the page brings, by the number that the page's own scripts call it by."""
        body = {"data": data, "fn_index": fn, "session_hash": session, "event_data": None, "trigger_id": None}
        answer = self.post(f"/gradio_api/queue/join{query}", body)
        if answer.status != 200:
            return f"{answer.status} {answer.text}"
        return self.get(f"/gradio_api/queue/data?{urlencode({'session_hash': session})}").text

    def logged_in(self, name: str, password: str) -> Asker:
        """The same client after the page's login.

        Raises:
            AssertionError: it was refused.
        """
        form = urlencode({"username": name, "password": password}).encode()
        answer = self.post("/login", form, Content_Type="application/x-www-form-urlencoded")
        assert answer.status == 200, answer.text
        cookies = re.findall(r"access-token[\w-]*=[\w-]+", answer.headers["set-cookie"])
        return Asker(self.url, self.headers | {"Cookie": "; ".join(cookies)})

    def uploaded(self, name: str, content: bytes) -> Answer:
        """Upload a file to the web app."""
        head = f'--xx\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        kind = "multipart/form-data; boundary=xx"
        return self.post("/gradio_api/upload", head + content + b"\r\n--xx--\r\n", Content_Type=kind)


@contextlib.contextmanager
def victim() -> Iterator[tuple[int, list[str]]]:
    """A server on this machine that nobody should be sent to: its port, and what it was asked for."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"inside")

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()
