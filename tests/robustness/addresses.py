"""What intruders write into an address: a file's path in every disguise, every address that gradio knows, addresses inside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import gradio.routes

FILE_PREFIXES = (
    "/gradio_api/file=", "/gradio_api/file/", "/file=", "/file/", "/static/", "/assets/", "/svelte/", "/",
    "/gradio_api/proxy=", "/gradio_api/custom_component/x/client/component/", "/gradio_api/stream/x/1/2/", "/pwa_icon/",
    "/gradio_api/call/rank/", "/?deep_link=", "/gradio_api/deep_link?session_hash=", "/gradio_api/mcp/",
)  # fmt: skip
"""Where a path might be read from."""

NEEDED = (
    *(("GET", path) for path in (
        "/", "/assets/1", "/config", "/config/", "/favicon.ico", "/gradio_api/app_id", "/gradio_api/app_id/",
        "/gradio_api/call/1/1", "/gradio_api/call/v2/1/1", "/gradio_api/file=1", "/gradio_api/heartbeat/1",
        "/gradio_api/info", "/gradio_api/info/", "/gradio_api/openapi.json", "/gradio_api/queue/data",
        "/gradio_api/queue/status", "/gradio_api/startup-events", "/gradio_api/theme.css", "/gradio_api/upload_progress",
        "/logout", "/manifest.json", "/pwa_icon", "/pwa_icon/1", "/robots.txt", "/static/1", "/svelte/1", "/theme.css")),
    ("HEAD", "/"), ("HEAD", "/gradio_api/file=1"),
    *(("POST", path) for path in (
        "/gradio_api/call/1", "/gradio_api/call/1/", "/gradio_api/call/v2/1", "/gradio_api/call/v2/1/", "/gradio_api/cancel",
        "/gradio_api/queue/join", "/gradio_api/reset", "/gradio_api/reset/", "/gradio_api/run/1", "/gradio_api/run/1/",
        "/gradio_api/upload", "/login", "/login/")),
)  # fmt: skip
"""Those of `gradios` that the page, gradio's client and programs need; no list of the app's own is asked."""


def disguises(file: str) -> list[str]:
    """An absolute path as it might slip through: plain, climbing, encoded once and twice, with backslashes, with a NUL."""
    up = "../" * 14 + file.lstrip("/")
    dots = up.replace("../", "%2e%2e/")
    return [
        quote(file), f"/{quote(file)}", quote(up), quote(up, safe=""), dots, dots.replace("/", "%2f"), quote(dots),
        quote(up.replace("../", "....//")), quote(up.replace("../", "..;/")), quote(up.replace("/", "\\")),
        up.replace("/", "%5c"), up.replace("/", "%255c"), up.replace("../", "%c0%ae%c0%ae%c0%af"),
        up.replace("../", "%ef%bc%8e%ef%bc%8e/"), f"{quote(file)}%00", f"{quote(file)}%00.png", f"%00{quote(file)}",
        f"{quote(file)}%0d%0aX-Seen:%201", f"file://{quote(file)}", f"FILE://{quote(file)}", f"file:{quote(file)}",
        f"./{quote(up)}", f"%20{quote(file)}", f"{quote(file)}/", f"{quote(file)}?.png", f"{quote(file)}%23.png",
        f"/proc/self/root{quote(file)}", f"/proc/self/cwd/{quote(up)}",
    ]  # fmt: skip


def everywhere(file: str) -> Iterator[str]:
    """Every disguise at every prefix, and some through a folder that exists."""
    for prefix in FILE_PREFIXES:
        for path in disguises(file):
            yield prefix + path


def through(folder: Path, file: str) -> Iterator[str]:
    """Out of a folder whose files are handed out, to a file elsewhere."""
    up = "../" * (len(folder.parts) - 1) + file.lstrip("/")
    for path in (up, up.replace("../", "%2e%2e/"), up.replace("../", "%2e%2e%2f"), up.replace("/", "%5c")):
        yield f"/gradio_api/file={quote(str(folder))}/{path}"


def gradios() -> list[tuple[str, str]]:
    """Method and address of every route in gradio's own source, parameters filled in; also those that an option adds."""
    found = set()
    for node in ast.walk(ast.parse(Path(gradio.routes.__file__).read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        method, owner = node.func.attr, getattr(node.func.value, "id", "")
        path = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        if owner in ("app", "router") and method in ("get", "post", "put", "delete", "head", "patch") and path:
            filled = re.sub(r"\{(\w+)(:path)?\}", "1", path)
            found.add((method.upper(), filled if owner == "app" else f"/gradio_api{filled}"))
    return sorted(found)


def inside(port: int) -> list[str]:
    """Addresses of a server on this machine, as they are written to look like others."""
    hosts = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::1]",
             "[::ffff:127.0.0.1]", "user@127.0.0.1", "example.com#@127.0.0.1", "127.0.0.1.", "LOCALHOST")  # fmt: skip
    return [*(f"http://{host}:{port}/x.png" for host in hosts), f"HTTP://127.0.0.1:{port}/x.png",
            f"https://127.0.0.1:{port}/x.png", f" http://127.0.0.1:{port}/x.png", f"ftp://127.0.0.1:{port}/x.png",
            f"http://169.254.169.254:{port}/latest/meta-data", f"//127.0.0.1:{port}/x.png"]  # fmt: skip
