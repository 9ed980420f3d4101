"""One process that serves an app with uvicorn until SIGTERM or Ctrl-C, and then finishes what was taken in."""

from __future__ import annotations

import ipaddress
import logging
import math
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from tgvig_core.utils.errors import TgvigError
from tgvig_serve.connections import Connection
from tgvig_serve.settings import TOKEN_VARIABLE, Settings

log = logging.getLogger("tgvig_serve")


def run(taken: socket.socket, host: str, make: Callable[[Callable[[], None]], FastAPI], settings: Settings) -> None:
    """Serve an app on a listening socket; the process ends with what the model's loading raised, if it did.

    Args:
        make: from a function that ends the server to the app.
    """
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", level=logging.WARNING)
    log.setLevel(logging.INFO)

    def stop() -> None:
        server.should_exit = True

    app = make(stop)
    server = uvicorn.Server(configured(app, settings))
    address = f"[{host}]" if ":" in host else host
    log.info("Serving at http://%s:%d, described at /docs. Ctrl-C ends it.", address, taken.getsockname()[1])
    if settings.token is None and not _only_here(host):
        log.warning("Whoever reaches this port may use it: set %s to ask for a token.", TOKEN_VARIABLE)
    # uvicorn raises the signal again when it has finished; a stop that was asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[taken])
    if app.state.desk.failure is not None:
        raise app.state.desk.failure


def configured(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn runs an app: quietly, with connections that cannot be held open, and with time to finish."""
    return uvicorn.Config(
        app, http=Connection, ws="none", log_config=None, log_level="warning", access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=math.ceil(settings.seconds) + 5,
    )  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the port; port 0 takes a free one.

    Raises:
        TgvigError: the port is taken, not allowed or no port, or the machine has no such address.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise TgvigError(
            f"Port {port} of {host} cannot be taken ({error}); choose another with --port or --host."
        ) from error


def _only_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
