"""What the tests of the HTTP API share: an inspector whose answers are worked out by hand, and a server on a free port."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from PIL import Image

from tgvig_core.bundles.bundle import Bundle
from tgvig_core.bundles.manifest import Manifest
from tgvig_core.inspection.inspector import Finding, Limits
from tgvig_core.utils.errors import TgvigError
from tgvig_serve.app import build
from tgvig_serve.desk import Desk
from tgvig_serve.running import configured, listen
from tgvig_serve.settings import Settings

PATIENCE = 300
"""Seconds after which a test gives up on something: far more than two busy cores need."""
get = functools.partial(httpx.get, timeout=PATIENCE)
post = functools.partial(httpx.post, timeout=PATIENCE)
SIDE = 64
LIMITS = Limits(threshold=100.0, pixel_threshold=150.0, steepness=2.0)
ABOUT = {
    "format": 1, "kind": "tgvig bundle",
    "object": "grey plate", "created": "2025-05-01T12:00:00+0000", "version": "0.0.1", "meaning": "Brighter is stranger.",
    "limits": {"threshold": 100.0, "pixel_threshold": 150.0, "steepness": 2.0, "high": None, "words": "Not sure."},
    "detector": {"name": "mean of red", "size": SIDE}, "agreement": {}, "versions": {"numpy": "2"},
    "command": "tgvig run /home/somebody/secret.png", "models": {"onnx": "onnx/model.onnx"},
    "files": {"onnx/model.onnx": {"sha256": "0", "bytes": 1}},
}  # fmt: skip


def bundle(**changes: object) -> Bundle:
    """ABOUT as an opened bundle of which there is no file."""
    about, path = ABOUT | changes, Path("plate.zip")
    return Bundle(path, Manifest.from_json(about, path), hashlib.sha256(json.dumps(about).encode()).hexdigest())


class MeanRed:
    """The score is the mean of the red channel, the map is the red channel itself. It may be held up by a gate.

    A wholly blue photo is one that the model fails on.
    """

    def __init__(self) -> None:
        self.size, self.limits = SIDE, LIMITS
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()

    def judge(self, squares: np.ndarray) -> list[Finding]:
        """See inspection.Inspector."""
        assert squares.shape[1:] == (SIDE, SIDE, 3) and squares.dtype == np.uint8
        self.batches.append(len(squares))
        self.busy.set()
        assert self.gate.wait(PATIENCE)
        if (squares == (0, 0, 255)).all((1, 2, 3)).any():
            raise TgvigError("The model gave a score that is not a number: export it again.")
        return [self._finding(square[..., 0].astype(np.float32)) for square in squares]

    def _finding(self, red: np.ndarray) -> Finding:
        score = float(red.mean())
        return Finding(score, 1 / (1 + (100 / max(score, 1e-9)) ** 2), score > 100, red)


@dataclass(frozen=True)
class Server:
    """A server that runs in a thread of this process."""

    url: str
    inspector: MeanRed
    desk: Desk
    connections: set
    """Those that are open, as uvicorn counts them."""

    def post(self, content: bytes, kind: str = "image/png", accept: str = "*/*") -> httpx.Response:
        """Inspect a raw body."""
        headers = {"Content-Type": kind, "Accept": accept}
        return post(f"{self.url}/inspect", content=content, headers=headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for an address."""
        return get(f"{self.url}{path}", headers=headers)

    def hold(self) -> None:
        """The next batch waits until the gate is opened."""
        self.inspector.batches.clear()
        self.inspector.busy.clear()
        self.inspector.gate.clear()

    def scoring(self) -> None:
        """Waits until a batch is being scored."""
        assert self.inspector.busy.wait(PATIENCE), "no batch came to be scored"


@contextlib.contextmanager
def serving(settings: Settings | None = None, ready: bool = True) -> Iterator[Server]:
    """A server of MeanRed; not `ready`, its model waits at the gate."""
    settings, inspector = settings or Settings(), MeanRed()
    if not ready:
        inspector.gate.clear()
    taken = listen("127.0.0.1", 0)
    app = build(bundle(), lambda: inspector, settings, lambda: None)
    server = uvicorn.Server(configured(app, settings))
    thread = threading.Thread(target=functools.partial(server.run, sockets=[taken]))
    thread.start()
    try:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        running = Server(url, inspector, app.state.desk, server.server_state.connections)
        soon(lambda: server.started and (not ready or running.get("/ready").status_code == 200))
        inspector.batches.clear()
        yield running
    finally:
        inspector.gate.set()
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


def soon(true: Callable[[], object], seconds: float = PATIENCE, what: str = "what the test waits for") -> None:
    """Waits until something has become true; a server that does not answer yet is asked again."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(httpx.TransportError):
            if true():
                return
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} seconds"
        time.sleep(0.01)


def png(pixels: np.ndarray) -> bytes:
    """The photo's file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def plate(red: int, width: int = 96, height: int = 48) -> bytes:
    """A plate of one colour, red of 0 to 255."""
    return png(np.full((height, width, 3), (red, 7, 7), dtype=np.uint8))


def spotted() -> bytes:
    """128 × 64 px, red 120, and 200 in a quarter: columns 32 to 95, rows 16 to 47; the mean is 140."""
    pixels = np.full((64, 128, 3), (120, 7, 7), dtype=np.uint8)
    pixels[16:48, 32:96, 0] = 200
    return png(pixels)


def connected(url: str) -> socket.socket:
    """A bare connection, for what no client library sends."""
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def reply(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def refused(answer: httpx.Response, status: int, *words: str) -> str:
    """The sentence, in the one shape that errors have."""
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    sentence = answer.json()["error"]
    assert "\n" not in sentence and "Traceback" not in sentence and all(word in sentence for word in words), sentence
    return sentence
