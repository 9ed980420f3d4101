"""`tgvig serve`: open the bundle, take the port, serve."""

from __future__ import annotations

import functools
from pathlib import Path

from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.bundles.runtimes import load_inspector
from tgvig_serve.app import build
from tgvig_serve.running import listen, run
from tgvig_serve.settings import Settings


def serve(path: Path, host: str, port: int, settings: Settings, format: str, device: str, threads: int | None) -> None:
    """Serve a bundle until the process is asked to stop.

    Raises:
        TgvigError: the bundle cannot be used or the port not be taken.
    """
    bundle = open_bundle(path)
    taken = listen(host, port)
    load = functools.partial(load_inspector, bundle, format, device, threads)
    run(taken, host, functools.partial(build, bundle.about, load, settings), settings)
