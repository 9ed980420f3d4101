"""Callers that hold nothing are forgotten; a page, which holds its part, never is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import gradio as gr
import pytest
from gradio.routes import App

from tgvig_ui.gradio_compat import forget_callers
from tgvig_ui.security import sessions
from tgvig_ui.security.sessions import IDLE, MANY, Forgetful

pytestmark = pytest.mark.quick


@pytest.fixture
def app() -> Iterator[App]:
    with gr.Blocks() as page:
        held = gr.State("")
        gr.Button().click(lambda: 3, None, held, api_name="hold")
        gr.Button().click(lambda: 1, None, gr.Number(), api_name="ask")
    page.queue()
    yield App.create_app(page)


def test_only_idle_callers_without_state_go(app: App) -> None:
    holder, now = app.state_holder, datetime.now()
    for caller in range(MANY + 2):
        holder[f"program {caller}"]
    (state,) = (block for block in holder.blocks.blocks.values() if isinstance(block, gr.State))
    holder["page"][state._id] = "0" * 32
    holder.time_last_used["program 1"] = now + timedelta(minutes=1)
    forget_callers(holder, now + IDLE / 2, MANY, IDLE)
    assert len(holder.session_data) == MANY + 3
    forget_callers(holder, now + 2 * IDLE, MANY, IDLE)
    assert set(holder.session_data) == set(holder.time_last_used) == {"program 1", "page"}
    assert holder["page"][state._id] == "0" * 32


def test_a_few_idle_callers_are_borne(app: App) -> None:
    holder = app.state_holder
    for caller in range(MANY):
        holder[f"program {caller}"]
    forget_callers(holder, datetime.now() + 2 * IDLE, MANY, IDLE)
    assert len(holder.session_data) == MANY


def test_every_request_looks_for_idle_callers_and_is_handed_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "IDLE", timedelta(0))
    for caller in range(MANY + 5):
        app.state_holder[f"program {caller}"]
    seen: list[str] = []

    async def inner(scope: dict, receive: object, send: object) -> None:
        seen.append(scope["type"])

    for kind in ("lifespan", "http"):
        with ThreadPoolExecutor() as pool:  # a browser of another test may have an event loop in this one
            pool.submit(asyncio.run, Forgetful(inner)({"type": kind, "app": app}, None, None)).result()
    assert seen == ["lifespan", "http"] and not app.state_holder.session_data
