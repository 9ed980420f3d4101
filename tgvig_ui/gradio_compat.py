"""What gradio does not publish, and this page needs all the same: touched here and nowhere else (gradio 6.31.0, pinned exactly).

tests/ui/test_gradio_compat.py looks at each of these things by itself, and says what to change when an upgrade breaks one.
"""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from gradio import Request
    from gradio.state_holder import StateHolder
    from starlette.types import ASGIApp

FILE, UPLOAD = "/gradio_api/file=", "/gradio_api/upload"
"""Where gradio hands out a file, whose path follows, and takes uploads."""
BROKEN_UPLOADS = "tmp*"
"""What an upload is called in `upload_folder` until it is whole; then it moves to a folder named by its checksum."""
NO_FILE = ("'NoneType' object has no attribute 'filename'", "File is not an instance of GradioUploadFile")
"""How gradio fails at a form whose fields are not all files; it has not begun to answer then."""
NO_PORT = "empty port"
"""How gradio says that it cannot listen at an address."""
TAB_BAR = ".tab-wrapper"
"""The bar of tabs in the page, by its class."""
NO_CHANGE = "{__type__: 'update'}"
"""What a script of the browser answers to leave a component as it is."""


def import_gradio(mcp: bool) -> None:
    """Import gradio without its editor stubs (.pyi), which take 2 of its 4 seconds on two cores and serve nobody here.

    gradio leaves a component out whose source file `inspect.getfile` does not know; so, for the length of the import,
    it knows none of them. Should gradio change, the import is only as slow as it was.

    Args:
        mcp: load the MCP library, too (half a second); gradio does without one that cannot be imported.
    """
    found = inspect.getfile

    def unknown(thing: Any) -> str:
        if type(thing).__name__ == "ComponentMeta":
            raise OSError("no stubs wanted")
        return found(thing)

    inspect.getfile = unknown
    gc.disable()  # an import only adds: looking for what could be freed is in vain, and takes a quarter of a second
    if hidden := not mcp and "mcp" not in sys.modules:
        sys.modules["mcp"] = None  # type: ignore[assignment]  # how Python marks a module that cannot be imported
    try:
        import gradio  # noqa: F401
    finally:
        gc.enable()
        inspect.getfile = found
        if hidden:
            del sys.modules["mcp"]


def current_request() -> Request | None:
    """The request that is being answered in this thread or task; None outside an event of the page."""
    from gradio.context import LocalContext

    return LocalContext.request.get(None)


def logged_in(app: Any, cookies: Mapping[str, str]) -> str | None:
    """The name that a browser with these cookies has logged in with, as gradio.routes.get_current_user tells it."""
    kinds = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return app.tokens.get(next((cookies[kind] for kind in kinds if cookies.get(kind)), None))


def forget_callers(holder: StateHolder, now: datetime, many: int, idle: timedelta) -> None:
    """Drop callers that hold no state; should one come back, gradio begins anew with it, and nothing was lost.

    Args:
        holder: `state_holder` of gradio's app.
        many: callers that are borne before anybody looks. idle: after which one of them is dropped.
    """
    if len(holder.session_data) <= many:
        return
    with holder.lock:
        for caller, session in list(holder.session_data.items()):
            if not session.state_data and now - holder.time_last_used.get(caller, now) > idle:
                del holder.session_data[caller]
                holder.time_last_used.pop(caller, None)


def put_outside(app: Any, middleware: type) -> None:
    """Put a middleware outside of all others, also of the one that gradio puts around those that it is given.

    Args:
        app: gradio's, in its lifespan: its stack of middleware is made by then.
    """
    stack: ASGIApp = app.middleware_stack
    app.middleware_stack = middleware(stack)


def upload_folder() -> Path:
    """Where gradio keeps what was uploaded."""
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder())


def address_of(file: Path) -> str:
    """Where the server hands out a file."""
    return f"{FILE}{quote(str(file))}"
