"""Start the web app from the command line's options (typer); desktop, Docker and Spaces take the same way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import gradio as gr
import typer

from tgvig_core.errors import TgvigError
from tgvig_core.paths import cache_dir
from tgvig_ui import assemble
from tgvig_ui.alone import alone, check_port
from tgvig_ui.executor import Executor
from tgvig_ui.jobs import Jobs
from tgvig_ui.server import Server
from tgvig_ui.service import Options, Service
from tgvig_ui.store import Store

ROOT = Path(__file__).resolve().parent.parent
STYLE = Path(__file__).with_name("style.css")
LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    host: Annotated[str, typer.Option(help="address to listen on; 0.0.0.0 lets other machines in")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port")] = 7860,
    runs: Annotated[Path | None, typer.Option(help="where parts and their runs are kept")] = None,
    models_dir: Annotated[Path | None, typer.Option(help="folder with model files brought by hand")] = None,
    pack: Annotated[str, typer.Option(help="models: auto, embedded, paper or strong")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    auth: Annotated[str, typer.Option(help="USER:PASSWORD that visitors must give")] = "",
    max_upload: Annotated[str, typer.Option(help="largest file that may be uploaded")] = "100mb",
    share: Annotated[
        bool, typer.Option(help="a public link through gradio's relay (off: nothing leaves this machine)")
    ] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="also offer the named endpoints as MCP tools")] = False,
) -> None:
    """Open the web app."""
    options, user, folder = Options(pack, models_dir, device), _user(auth), runs or cache_dir() / "parts"
    with alone(folder):
        check_port(port)  # before `make`, which takes up an earlier server's jobs
        server = make(folder, options, host in LOCAL and not share)
        page = _page(server)
        server.service.warm_up()
        try:
            page.launch(
                server_name=host, server_port=port, share=share, auth=user, max_file_size=max_upload, mcp_server=mcp,
                ssr_mode=False, css_paths=STYLE, head=assemble.SCRIPT, footer_links=["api"], show_error=True,
                theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            )  # fmt: skip
        except OSError as error:
            if "empty port" not in str(error):  # how gradio says that it cannot listen there
                raise
            raise TgvigError(f"No page can be served at {host}, port {port}: give another --host or --port.") from error
        finally:
            server.executor.close()


def _user(auth: str) -> tuple | None:
    if auth and ":" not in auth:
        raise TgvigError("--auth needs USER:PASSWORD.")
    return tuple(auth.split(":", 1)) if auth else None


def _page(server: Server) -> gr.Blocks:
    gr.set_static_paths(server.store.root)  # pictures are served where they lie, not hashed and copied for every look
    page = assemble.build(server)
    page.queue(default_concurrency_limit=8)
    return page


def make(runs: Path, options: Options, local: bool) -> Server:
    """The server's parts; jobs that an earlier server left unfinished are queued again."""
    service = Service(options)
    server = Server(Store(runs), service, Executor(Jobs(service).work), ROOT / "assets" / "samples", local)
    server.executor.recover(server.store)
    return server


def main() -> None:
    """Entry point: a TgvigError is one sentence and exit code 2."""
    try:
        typer.run(serve)
    except TgvigError as error:
        print(f"tgvig: {error}", file=sys.stderr)
        raise SystemExit(2) from None
