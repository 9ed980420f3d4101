"""Start the web app from the command line's options (typer); desktop, Docker and Spaces take the same way."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import gradio as gr
import typer
from starlette.middleware import Middleware

from tgvig_core.packs.registry import choices
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS, cache_dir
from tgvig_ui.gradio_compat import NO_PORT
from tgvig_ui.jobs import expiry, zero_gpu
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.jobs.server import Server
from tgvig_ui.jobs.service import Options, Service
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.page import assemble
from tgvig_ui.parts.folder_lock import held
from tgvig_ui.parts.part import MAX_BYTES
from tgvig_ui.parts.store import Store
from tgvig_ui.security.headers import outermost
from tgvig_ui.security.hosts import Sites, own_hosts
from tgvig_ui.security.requests import Guard, Rules
from tgvig_ui.security.sessions import Forgetful
from tgvig_ui.security.visitors import Limits, on_a_space, user

STYLE = Path(__file__).with_name("page") / "style.css"
SPACE_DISK = Path("/data")
"""The lasting disk of a Space that has one."""
LOCAL = ("127.0.0.1", "localhost", "::1")
LEAST_HOURS = 0.1
"""Of --expire-hours: some looks at a part (Part.look) must fit in."""


def serve(
    host: Annotated[
        str, typer.Option(envvar="GRADIO_SERVER_NAME", help="address to listen on; 0.0.0.0 lets other machines in")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="GRADIO_SERVER_PORT", help="port")] = 7860,
    runs: Annotated[Path | None, typer.Option(help="where parts and their runs are kept")] = None,
    models_dir: Annotated[Path | None, typer.Option(help="folder with model files brought by hand")] = None,
    pack: Annotated[str, typer.Option(envvar="TGVIG_PACK", help=f"models: {', '.join(choices())}")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    auth: Annotated[
        list[str] | None,
        typer.Option(
            envvar="TGVIG_AUTH",
            help="USER:PASSWORD that visitors must give; again for each user, who sees their own parts",
        ),
    ] = None,
    max_upload: Annotated[str, typer.Option(help="largest file that may be uploaded")] = "100mb",
    public: Annotated[
        bool | None,
        typer.Option(
            envvar="TGVIG_PUBLIC", help="limits for strangers (by itself on a Hugging Face Space)", show_default=False
        ),
    ] = None,
    expire_hours: Annotated[
        float | None,
        typer.Option(
            help="remove parts that nobody looks at for so long (--public: 24; else never)", show_default=False
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option(help="a public link through gradio's relay (off: nothing leaves this machine)")
    ] = False,
    mcp: Annotated[bool, typer.Option("--mcp", help="also offer the named endpoints as MCP tools")] = False,
) -> None:
    """Open the web app."""
    limits = _limits(on_a_space() if public is None else public, expire_hours)
    options, users, folder = _options(pack, models_dir, device), _users(auth or ()), runs or default_runs()
    if mcp and users:
        raise TgvigError(
            "--mcp works without --auth only, as gradio calls its tools without a login: leave out one of them."
        )
    hosts = own_hosts(share, on_a_space())
    with held(folder):
        check_port(port)  # before `make`, which takes up an earlier server's jobs
        hours = limits.hours if limits else expire_hours
        # who logs in may be anybody, such as people that a proxy on this machine lets in
        local = host in LOCAL and not share and not limits and not users
        server = make(folder, options, local, limits, hours, login=bool(users))
        sites = _sites(server, hosts)
        page = _page(server)
        server.service.warm_up()
        expired = expiry.begin(server.store, server.executor, hours)
        try:
            page.launch(
                server_name=host, server_port=port, share=share, auth=users or None, mcp_server=mcp,
                run_history=False, enable_monitoring=False,
                app_kwargs={"middleware": [_guard(server, sites, mcp), Middleware(Forgetful)], "lifespan": outermost},
                max_file_size=f"{limits.megabytes}mb" if limits else max_upload,
                ssr_mode=False, css_paths=STYLE, head=assemble.SCRIPT, footer_links=["api"], show_error=True,
                theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            )  # fmt: skip
        except OSError as error:
            if NO_PORT not in str(error):
                raise
            raise TgvigError(f"No page can be served at {host}, port {port}: give another --host or --port.") from error
        except KeyboardInterrupt:
            pass  # asked to end after the page's first answer and before gradio waits for that: as good an end as later
        finally:
            expired.set()
            server.executor.close()


def default_runs() -> Path:
    """The folder of parts that nobody chose: on a Space its lasting disk where it has one, else the cache folder."""
    lasting = on_a_space() and os.access(SPACE_DISK, os.W_OK)
    return (SPACE_DISK / "tgvig" if lasting else cache_dir()) / "parts"


def check_port(port: int) -> None:
    """See that nobody listens on a port of this machine.

    Raises:
        TgvigError: somebody does, or it is no port that this program may use.
    """
    try:
        with socket.socket() as probe:
            if sys.platform != "win32":  # there it would share the port instead of only reusing a closed one
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "not a port"
        raise TgvigError(f"Port {port} cannot be used ({why}): give a free one, such as --port 7861.") from error


def _limits(public: bool, hours: float | None) -> Limits | None:
    if hours is not None and not hours >= LEAST_HOURS:
        raise TgvigError(
            f"{hours:g} hours are too few, as a look at a part is noted once a minute: give --expire-hours above "
            f"{LEAST_HOURS:g}."
        )
    if not public:
        return None
    return Limits() if hours is None else Limits(hours=hours)


def _options(pack: str, models_dir: Path | None, device: str) -> Options:
    """ZeroGPU has a GPU only inside `zero_gpu.iterate`: all else runs on the processor, with models that suit one."""
    if zero_gpu.ACTIVE:
        return Options("embedded" if pack == "auto" else pack, models_dir, "cpu")
    return Options(pack, models_dir, device)


def _users(auth: Sequence[str]) -> list[tuple[str, str]]:
    """Names and passwords.

    Raises:
        TgvigError: one lacks either, or a name comes twice.
    """
    found = [(name.strip(), password) for name, _, password in (given.partition(":") for given in auth)]
    if not all(name and password for name, password in found):
        raise TgvigError("--auth needs USER:PASSWORD.")
    if len(dict(found)) < len(found):
        raise TgvigError("--auth names a user twice: give each user once.")
    return found


def _sites(server: Server, hosts: tuple[str, ...]) -> Sites:
    """Who may ask under which name: any where people log in, as a cookie belongs to one name, and where all are strangers."""
    login = server.store.user is not None
    names = None if login or server.limits else hosts
    return Sites(server.local, names, strangers=server.limits is not None and not login, framed=on_a_space())


def _guard(server: Server, sites: Sites, mcp: bool) -> Middleware:
    """What stands before gradio's app."""
    limits = server.limits
    upload = limits.tests * limits.megabytes * 1_000_000 if limits else MAX_BYTES
    return Middleware(Guard, rules=Rules(server.store, sites, server.store.user is not None, mcp, upload))


def _page(server: Server) -> gr.Blocks:
    gr.set_static_paths(server.store.root)  # pictures are served where they lie, not hashed and copied for every look
    page = assemble.build(server)
    page.queue(max_size=64, default_concurrency_limit=8)  # on ZeroGPU gradio would let one event wait, and not more
    return page


def make(
    runs: Path, options: Options, local: bool, limits: Limits | None = None, hours: float | None = None,
    login: bool = False,
) -> Server:  # fmt: skip
    """The server's parts; jobs that an earlier server left unfinished are queued again.

    Args:
        limits: of a server for strangers. hours: after which a part that nobody looks at may be removed.
        login: whether people log in, and see their own parts only.
    """
    service, lender = Service(options), zero_gpu.Lender() if zero_gpu.ACTIVE else None
    executor = Executor(Jobs(service, lender).work, limits)
    store = Store(runs, hours, user if login else None)
    server = Server(store, service, executor, ASSETS / "samples", local, limits, lender)
    server.executor.recover(server.store)
    return server


def main() -> None:
    """Entry point: a TgvigError is one sentence and exit code 2."""
    try:
        typer.run(serve)
    except TgvigError as error:
        print(f"tgvig: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def main_and_out() -> NoReturn:
    """`main`, and the end of the process with its exit code at once.

    SIGINT and SIGTERM both end the app in good order. Python handles only SIGINT by itself, and not even that in a process
    that inherited it as ignored, which is how a shell starts what it puts into the background: gradio waits for a
    KeyboardInterrupt that would then never come.

    At the end nothing is left to tidy up. Python would take torch apart first, for 5 seconds and longer on a busy machine,
    while whoever stopped the server (systemd, docker stop) waits for it, and not for ever.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:  # before the page was there
        code = 130
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
