"""The addresses of the API: POST /inspect, and GET /about, /health, /ready, /metrics, /docs, /openapi.json."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer

from tgvig_core import __version__
from tgvig_core.bundles.bundle import Bundle
from tgvig_core.bundles.manifest import Manifest
from tgvig_core.inspection.inspector import Inspector
from tgvig_serve import docs_page, problems
from tgvig_serve.answers import About, Answer, State, Trouble, headers_of
from tgvig_serve.bodies import Sent, photo_of
from tgvig_serve.desk import Desk, Served
from tgvig_serve.guard import Guard
from tgvig_serve.metrics import CONTENT_TYPE_LATEST, Metrics
from tgvig_serve.problems import GONE, Problem
from tgvig_serve.settings import Settings

Result = TypeVar("Result")
Responses = dict[int | str, dict[str, Any]]
"""By status, as FastAPI takes them."""

DESCRIPTION = """Send a photo of a part, get a score, a verdict, its anomalous regions, or a heatmap.

Photos are PNG, JPEG, TIFF, BMP or WebP. They are kept in memory until they are answered, never stored and never logged.

Every answer that is not 200 is {"error": "one sentence"}."""

_FILE = {"type": "string", "format": "binary"}
PHOTO_BODY = {
    "requestBody": {
        "required": True,
        "description": "The photo, as the file it is: in a form's field 'photo', or as the whole body.",
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": ["photo"], "properties": {"photo": _FILE}}
            },
            "image/*": {"schema": _FILE},
        },
    }
}

REFUSALS = {
    400: "There is no photo in the request, or the form cannot be read.",
    401: "The token is missing or wrong (where the server asks for one).",
    408: "The photo did not arrive in time.",
    413: "The request has too many bytes, or the photo too many pixels.",
    415: "It is not a photo of a known format.",
    422: "The photo is damaged, too small, animated, or holds numbers without a known white.",
    500: "The server failed; its log says why.",
    503: "The model is being loaded, or all places are taken; Retry-After says in how many seconds to ask again.",
    504: "The photo was not scored in time.",
}


def build(bundle: Bundle, load: Callable[[], Inspector], settings: Settings, on_failure: Callable[[], None]) -> FastAPI:
    """The app.

    Args:
        bundle: what is served. load: its inspector; called in a thread once the app has started.
        on_failure: called when that raised; the app's `state.desk.failure` then says what.
    """
    about, metrics = bundle.about, Metrics()
    served = Served(about.object or "a part without a name", bundle.sha256[:16], load)
    desk = Desk(served, settings, metrics, on_failure)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with desk.working():
            yield

    app = FastAPI(
        title=f"tgvig: {served.object}", version=__version__, description=DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None,  # they load scripts from elsewhere
    )  # fmt: skip
    app.state.desk = desk
    problems.install(app)
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    # The guard checks the token; this describes it.
    token = [Depends(HTTPBearer(auto_error=False, description="the server's token"))] if settings.token else []
    _add_inspect(app, desk, token)
    _add_about(app, About(**_about(served, about, settings)), token)
    _add_states(app, desk)
    _add_metrics(app, metrics, token)
    return app


def _add_inspect(app: FastAPI, desk: Desk, token: list) -> None:
    responses: Responses = {status: {"model": Trouble, "description": text} for status, text in REFUSALS.items()}
    responses[200] = {
        "model": Answer,
        "description": "The answer; with 'Accept: image/png' the heatmap at the photo's own size, the same facts in its headers.",
        "content": {"image/png": {"schema": _FILE}},
    }

    @app.post("/inspect", summary="Inspect a photo", responses=responses, openapi_extra=PHOTO_BODY, dependencies=token)
    async def inspect(request: Request) -> Response:
        """Score one photo. Several requests at once are scored together; each gets its own photo's answer."""
        started = time.perf_counter()
        deadline = asyncio.get_running_loop().time() + desk.settings.seconds
        desk.check_ready()
        with desk.place():
            sent = await _received(request, deadline, desk.settings)
            picture = wants_picture(request.headers.get("accept", ""))
            answer, png = await _unless_gone(
                request, desk.look(sent, picture, started), deadline, desk.settings.seconds
            )
        request.state.verdict = answer.verdict
        desk.metrics.verdicts.labels(answer.verdict).inc()
        desk.metrics.display.observe(answer.display)
        if picture:
            return Response(png, media_type="image/png", headers=headers_of(answer) | {"Vary": "Accept"})
        return JSONResponse(answer.model_dump(), headers={"Vary": "Accept"})


async def _received(request: Request, deadline: float, settings: Settings) -> Sent:
    """The request's photo.

    Raises:
        Problem: see bodies.photo_of; or it did not arrive before the deadline.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return await photo_of(request, settings.most_bytes)
    except TimeoutError as error:
        sentence = (
            f"The photo did not arrive within {settings.seconds:g} seconds; send a smaller one, or over a faster line."
        )
        raise Problem(408, sentence) from error


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Result], deadline: float, seconds: float) -> Result:
    """The work's result, unless the client leaves or the deadline comes first: then the work is cancelled.

    Raises:
        Problem: one of the two.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        left = max(deadline - asyncio.get_running_loop().time(), 0)
        done, _ = await asyncio.wait({task, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            return task.result()
        if gone in done:
            raise Problem(GONE, "The client left.")
        raise Problem(504, f"The photo was not scored within {seconds:g} seconds; send it again, or a smaller one.")
    finally:
        task.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    """Returns when the client has left; to be awaited after the body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def wants_picture(accept: str) -> bool:
    """Whether an Accept header (RFC 9110, section 12.5.1) names image/png and wants it more than JSON."""
    wanted = {"image/png": 0.0, "application/json": 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind in wanted:
            share = next((text[2:] for text in parameters if text.startswith("q=")), "1")
            wanted[kind] = float(share) if re.fullmatch(r"[01](\.\d{0,3})?", share) else 0.0
    return wanted["image/png"] > wanted["application/json"]


def _about(served: Served, about: Manifest, settings: Settings) -> dict[str, Any]:
    """What strangers may know of bundle.json; not how it was made, nor from which photos."""
    kept = ("created", "version", "meaning", "limits", "detector", "agreement", "versions")
    told = about.as_json()
    server = {name: getattr(settings, name) for name in ("megabytes", "megapixels", "seconds", "places", "batch")}
    return {"object": served.object, "bundle": served.bundle, "server": server} | {key: told[key] for key in kept}


def _add_about(app: FastAPI, about: About, token: list) -> None:
    refused: Responses = {401: {"model": Trouble, "description": REFUSALS[401]}}

    @app.get("/about", summary="What is served", response_model=About, responses=refused, dependencies=token)
    async def show_about() -> Response:
        """The thresholds and what they mean in words, how sure they are, versions, and what this server allows."""
        return JSONResponse(about.model_dump())

    @app.get("/docs", include_in_schema=False, dependencies=token)
    async def show_docs() -> HTMLResponse:
        return HTMLResponse(docs_page.page(app.openapi()), headers={"Content-Security-Policy": docs_page.POLICY})


def _add_states(app: FastAPI, desk: Desk) -> None:
    @app.get("/health", summary="Is the process alive?", response_model=State)
    async def health() -> Response:
        """200 as long as the server answers at all. Needs no token."""
        return JSONResponse({"status": "ok"})

    waits: Responses = {503: {"model": Trouble, "description": "The model is still being loaded."}}

    @app.get("/ready", summary="Is the model loaded?", response_model=State, responses=waits)
    async def ready() -> Response:
        """200 once the model is loaded and has scored a picture. Needs no token."""
        desk.check_ready()
        return JSONResponse({"status": "ok"})


def _add_metrics(app: FastAPI, metrics: Metrics, token: list) -> None:
    responses: Responses = {
        200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
        401: {"model": Trouble, "description": REFUSALS[401]},
    }

    @app.get("/metrics", summary="Counters", response_class=Response, responses=responses, dependencies=token)
    async def show_metrics() -> Response:
        """Requests, their times, verdicts, scores, batch sizes and what waits."""
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
