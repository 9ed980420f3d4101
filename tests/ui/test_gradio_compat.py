"""What the page needs of gradio and gradio does not publish, thing by thing: each failure says what an upgrade has changed.

After an upgrade of gradio: set its new version in the requirements and in VERSION, run this file, and follow each message.
"""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import gradio
import gradio as gr
import pytest
from gradio import component_meta, context, http_server, route_utils, routes, state_holder, utils
from gradio.routes import App
from starlette.routing import Match

from tgvig_ui import gradio_compat as compat
from tgvig_ui.security import requests

VERSION = "6.31.0"
FRONTEND = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
STYLED = ("gradio-container", "fillable", "fixed-height", "tab-wrapper", "selected")
"""Classes of gradio's own elements that page/style.css speaks of."""
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def app() -> App:
    with gr.Blocks() as page:
        gr.Button().click(lambda: 1, None, gr.Number(), api_name="ask")
    page.queue()
    return App.create_app(page)


def test_it_is_the_version_that_all_of_this_was_read_from() -> None:
    assert gradio.__version__ == VERSION, (
        f"gradio is {gradio.__version__}, not {VERSION}: run this file; where all else passes, set VERSION here and the "
        "pin in the requirements to the new one, then run tests/e2e."
    )
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert f"gradio[mcp]=={VERSION}" in pinned, "Pin exactly the version that this file was read from."


def test_only_the_compat_file_reaches_what_gradio_does_not_publish() -> None:
    inner = (
        "from gradio.",
        "import gradio.",
        "gr.routes",
        "gr.context",
        "gr.blocks",
        "gradio_api/file",
        "middleware_stack",
    )
    found = [
        f"{file.relative_to(ROOT)}: {word}"
        for file in sorted((ROOT / "tgvig_ui").rglob("*.py"))
        if file.name != "gradio_compat.py"
        for word in inner
        if word in file.read_text(encoding="utf-8")
    ]
    assert not found, f"Reach it through tgvig_ui/gradio_compat.py, and test it here: {found}"


def test_the_import_leaves_out_the_stubs_and_mcp() -> None:
    source = inspect.getsource(component_meta.create_or_modify_pyi)
    assert "inspect.getfile(" in source and "except OSError" in source, (
        "component_meta.create_or_modify_pyi no longer asks inspect.getfile, or bears no OSError: see how it finds a "
        "component's file, and make import_gradio's `unknown` refuse it there."
    )
    assert type(gr.Textbox).__name__ == "ComponentMeta", "Components have another metaclass: name it in `unknown`."
    code = (
        "import sys; from tgvig_ui.gradio_compat import import_gradio; import_gradio(mcp=False); import inspect; "
        "print('gradio' in sys.modules, 'mcp' in sys.modules, inspect.getfile.__module__)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False", "inspect"], (
        "gradio cannot be imported without the MCP library any more, or something is left behind: see import_gradio."
    )


def test_the_request_that_is_answered_is_found() -> None:
    assert compat.current_request() is None
    token = context.LocalContext.request.set(asked := gr.Request(username="me"))
    try:
        assert compat.current_request() is asked, (
            "gradio.context.LocalContext no longer holds the request: see where gradio.route_utils puts it, and read it "
            "from there in current_request."
        )
    finally:
        context.LocalContext.request.reset(token)
    assert "LocalContext.request.set" in inspect.getsource(utils), (
        "gradio no longer sets LocalContext.request: see where it keeps the request now."
    )


@pytest.mark.parametrize("kind", ["access-token", "access-token-unsecure"])
def test_who_has_logged_in_is_known_by_the_cookie(app: App, kind: str) -> None:
    source = inspect.getsource(routes)
    assert f'f"{kind}-{{app.cookie_id}}"' in source and "app.tokens" in source, (
        "routes.get_current_user tells people apart in another way: do the same in gradio_compat.logged_in."
    )
    app.tokens["secret"] = "me"
    assert compat.logged_in(app, {f"{kind}-{app.cookie_id}": "secret"}) == "me"
    assert compat.logged_in(app, {f"{kind}-{app.cookie_id}": "guess"}) is None
    assert compat.logged_in(app, {f"{kind}-other": "secret"}) is None


def test_what_is_kept_of_callers_can_be_dropped(app: App) -> None:
    holder = app.state_holder
    holder["caller"]
    try:
        kept = (holder.session_data["caller"].state_data, holder.time_last_used["caller"], holder.lock.locked())
    except (AttributeError, KeyError) as error:
        pytest.fail(
            f"gradio.state_holder keeps callers in another way ({error}): see StateHolder and mend forget_callers."
        )
    assert kept[0] == {} and isinstance(kept[1], datetime)
    assert state_holder.StateHolder().capacity == 10_000, (
        "gradio keeps another number of callers by itself: if it is small, sessions.Forgetful and forget_callers can go."
    )


def test_a_middleware_can_be_put_outside_of_all_others(app: App) -> None:
    seen = []

    class Outer:
        def __init__(self, inner) -> None:
            self.inner = inner

        async def __call__(self, scope, receive, send) -> None:
            seen.append(scope["path"])
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def call() -> None:
        app.middleware_stack = app.build_middleware_stack()
        compat.put_outside(app, Outer)
        sent = []

        async def send(message) -> None:
            sent.append(message)

        await app({"type": "http", "path": "/seen", "method": "GET", "headers": []}, None, send)

    with ThreadPoolExecutor() as pool:  # a browser of another test may have an event loop in this one
        pool.submit(asyncio.run, call()).result()
    assert seen == ["/seen"], (
        "Starlette no longer asks app.middleware_stack: find what the app calls first, and wrap it in put_outside."
    )


def answered(app: App, path: str, method: str = "GET") -> bool:
    """Whether gradio's app has this address."""
    scope = {"type": "http", "path": path, "root_path": "", "method": method, "headers": [], "path_params": {}}
    return any(route.matches(scope)[0] is Match.FULL for route in app.routes)


@pytest.mark.parametrize(
    ("method", "address"),
    [("GET", path) for path in (
        "/", "/config", "/theme.css", "/logout", "/gradio_api/queue/data", "/gradio_api/info", "/gradio_api/app_id",
        "/gradio_api/startup-events", "/gradio_api/heartbeat/abc", "/gradio_api/call/ask/abc", "/gradio_api/upload_progress",
    )] + [("POST", path) for path in (
        "/login", compat.UPLOAD, "/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/run/ask",
        "/gradio_api/call/ask",
    )],
)  # fmt: skip
def test_the_addresses_that_are_let_in_are_gradios(app: App, method: str, address: str) -> None:
    allowed = requests.READ if method == "GET" else requests.CALL
    assert allowed.fullmatch(address) or address == compat.UPLOAD
    assert answered(app, address, method), (
        f"gradio no longer has {method} {address}: open the page in a browser, see which addresses are answered with 404, "
        "and mend the lists of security/requests.py (and FILE and UPLOAD of gradio_compat.py)."
    )
    assert not answered(app, "/gradio_api/there-is-none", method)


def test_files_are_handed_out_where_the_page_asks_for_them(app: App) -> None:
    assert compat.address_of(Path("/a b/ü.png")) == "/gradio_api/file=/a%20b/%C3%BC.png"
    assert answered(app, f"{compat.FILE}/a.png"), "gradio hands out files elsewhere: mend FILE."
    assert requests.READ.fullmatch(compat.address_of(Path("/a b/ü.png")))


def test_uploads_lie_where_broken_ones_are_looked_for(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert compat.upload_folder() == tmp_path, "gradio.utils.get_upload_folder answers otherwise: see upload_folder."
    source = inspect.getsource(route_utils)
    assert 'f"tmp{' in source and "NamedTemporaryFile(delete=False, dir=self.upload_dir)" in source, (
        "An upload that is not whole has another name: see GradioMultiPartParser, and mend BROKEN_UPLOADS."
    )


def test_gradio_fails_at_a_field_that_is_no_file_as_it_did() -> None:
    assert compat.NO_FILE[1] in inspect.getsource(route_utils), (
        "gradio says otherwise that a field is no file, or refuses it by itself: send a form with a text field to "
        "/gradio_api/upload and see; mend NO_FILE, or drop it with what asks for it in security/requests.py."
    )


def test_gradio_says_that_an_address_is_taken_as_it_did() -> None:
    assert compat.NO_PORT in inspect.getsource(http_server), (
        "gradio says otherwise that it cannot listen: start the app at a taken port, and mend NO_PORT."
    )


def test_the_browser_keeps_what_a_script_says_to_keep() -> None:
    assert gr.update() == {"__type__": "update"}, (
        "An update is told to the browser in another way: see gr.update, and mend NO_CHANGE (page/follow.py uses it)."
    )
    assert compat.NO_CHANGE == "{__type__: 'update'}" and compat.TAB_BAR.removeprefix(".") in STYLED


@pytest.fixture(scope="module")
def frontend() -> str:
    """Style sheets of gradio's page, and the scripts that hold the classes of its own elements."""
    files = [file for kind in ("*.css", "*.js") for file in FRONTEND.rglob(kind)]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


@pytest.mark.parametrize("name", STYLED)
def test_the_classes_that_the_style_sheet_speaks_of_are_gradios(frontend: str, name: str) -> None:
    assert name in frontend, (
        f"gradio's page has no class {name!r} any more: look at the element in a browser and mend page/style.css"
        f"{' and TAB_BAR' if name == 'tab-wrapper' else ''}."
    )
