"""`tgvig serve`: open the bundle, take the port, serve."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.bundles.runtimes import load_inspector
from tgvig_core.utils.errors import TgvigError
from tgvig_serve.app import build
from tgvig_serve.running import listen, run
from tgvig_serve.settings import Settings, read_token

Format = Annotated[str, typer.Option("--format", help="of a bundle: auto, openvino, onnx or torch")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda (torch only)")]


def open_and_serve(
    path: Path, host: str, port: int, settings: Settings, format: str, device: str, threads: int | None
) -> None:
    """Serve a bundle until the process is asked to stop.

    Raises:
        TgvigError: the bundle cannot be used or the port not be taken.
    """
    bundle = open_bundle(path)
    taken = listen(host, port)
    load = functools.partial(load_inspector, bundle, format, device, threads)
    run(taken, host, functools.partial(build, bundle, load, settings), settings)


def serve(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="what `tgvig export` made: a folder or a ZIP")],
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 for other machines")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="port to listen on; 0 takes a free one")] = 8000,
    format: Format = "auto", device: Device = "auto",
    threads: Annotated[int, typer.Option(min=0, help="of the computation; 0: all cores")] = 0,
    token_file: Annotated[Path | None, typer.Option(
        help="file with the token that requests must show; or set TGVIG_TOKEN. The token itself is no option, because "
             "every user of a machine can list the options of its processes")] = None,
    max_mb: Annotated[float, typer.Option(help="largest request in MB")] = 20.0,
    max_megapixels: Annotated[float, typer.Option(help="largest photo in megapixels")] = 64.0,
    timeout: Annotated[float, typer.Option(help="seconds from a request to its answer, upload included")] = 30.0,
    places: Annotated[int, typer.Option(help="photos taken in at once; the next one is asked to come later")] = 32,
    batch: Annotated[int, typer.Option(help="most photos scored in one call")] = 8,
) -> None:  # fmt: skip
    """Put a bundle behind a small HTTP API, described at /docs. Ctrl-C or SIGTERM finishes what was taken in."""
    settings = Settings(max_mb, max_megapixels, timeout, places, batch, read_token(token_file))
    open_and_serve(bundle, host, port, settings, format, device, threads or None)


def main(arguments: list[str] | None = None) -> None:
    """`tgvig serve` and `tgvig-serve`.

    Args:
        arguments: those after the command's name; None takes the process's own.
    """
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(serve)
    try:
        command(arguments, prog_name="tgvig serve")
    except TgvigError as error:
        print(f"tgvig: {error}", file=sys.stderr)
        raise SystemExit(2) from None
