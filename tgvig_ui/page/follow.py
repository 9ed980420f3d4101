"""How a page follows its part: attach after a refresh, a timer by which only what has changed is drawn, Stop, recent parts.

A run is never tied to a page's event: the page asks, the server's worker works on whether anybody asks or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2s
from html import escape
from typing import Any

import gradio as gr

from tgvig_core.utils.memory import held
from tgvig_ui.gradio_compat import NO_CHANGE
from tgvig_ui.jobs.job import Status
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.page.finished_example import open_ready
from tgvig_ui.page.recent_parts import gone, known_by, recent
from tgvig_ui.page.restore import fields, restored
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.generate import events as generating_events
from tgvig_ui.steps.generate import view as generating
from tgvig_ui.steps.inspect import view as inspecting
from tgvig_ui.steps.photos import view as normals
from tgvig_ui.steps.prompt import view as prompting
from tgvig_ui.steps.train import bundle as taking_home
from tgvig_ui.steps.train import check as checking
from tgvig_ui.steps.train import defect_preview
from tgvig_ui.steps.train import view as training
from tgvig_ui.widgets.form import PRIVATE
from tgvig_ui.widgets.html import note, status_line

BUSY, IDLE = 1.0, 2.0
"""Seconds between two looks at the part, while a job runs and while none does."""
LINK = """(id) => {
  const url = new URL(window.location);
  id ? url.searchParams.set('part', id) : url.searchParams.delete('part');
  history.replaceState(null, '', url);
}"""
LAND = f"(step) => step && !window.tgvigStepped ? {{...{NO_CHANGE}, selected: step}} : {NO_CHANGE}"
"""Open the step that a returning person wants, unless that person has opened one since (assemble.SCRIPT)."""
QUIET = PRIVATE | {"queue": False}
BETTER = (
    "The paper's own models (CLIP, VQGAN f16) describe and generate far better. They need 1.3 GB from the hub, and a GPU to "
    "be quick."
)


@dataclass(frozen=True)
class Head:
    """The named components above the steps."""

    recent: gr.Dropdown
    fresh: gr.Button
    banner: gr.HTML
    gone: gr.HTML
    status: gr.HTML
    finish: gr.Button
    stop: gr.Button


def follow(
    server: Server, page: gr.Blocks, head: Head, part_id: gr.State, steps: gr.Tabs, forms: tuple, events: list
) -> None:
    """Wire the head and the timer.

    Args:
        forms: the five steps' components, first to last, then those of the sections that are drawn for themselves: the
            check, the preview of defects, the verdict on it and the bundle.
        events: what people do in the steps; the page looks again after each.
    """
    seen, timer = gr.State({}), gr.Timer(BUSY)
    kept = gr.BrowserState("", storage_key="tgvig-part")
    mine = gr.BrowserState([], storage_key="tgvig-parts")
    told = [kept, mine, head.recent, head.gone]
    landing = gr.Number(0, visible=False)  # a State never reaches the browser's scripts
    panels = _panels(server, forms)
    # hidden texts, because a State that changes in a call beside the queue calls nothing
    tokens = [gr.Textbox(visible="hidden", elem_id=f"token-{k}", container=False) for k in range(1, len(forms) + 1)]
    outputs = [head.status, head.stop, head.finish, timer, seen, *tokens]
    tick = partial(_tick, server, head, timer, seen, dict(zip(tokens, panels, strict=True)))
    for token, panel, form in zip(tokens, panels, forms, strict=True):
        token.change(partial(_draw, server, panel.show), part_id, form.shown(), **QUIET)
    third = forms[2]  # in a call of its own: it waits for the models, and nobody waits for it
    estimating, asked = partial(generating_events.estimate_now, server), generating_events.estimated(third)
    tokens[2].change(estimating, [part_id, *asked], third.estimate, **QUIET)

    def attach(kept_id: str, known: list[str], request: gr.Request) -> dict:
        linked = request.query_params.get("part")
        asked = linked if server.store.part(linked) or server.store.gone(linked) else kept_id
        part = server.store.part(asked)
        if part is None:  # whoever adds a photo before this answer comes must not lose it
            return {head.recent: recent(server, "", known), head.gone: gone(server, asked)}
        step = _step_of(part)
        first = tick(part.id, {}, only=step)  # what is seen first; the timer brings the other steps
        return first | {
            part_id: part.id,
            landing: step,
            **dict(zip(told, known_by(server, known, part.id), strict=True)),
        }

    attached = page.load(attach, [kept, mine], [part_id, landing, *told, *outputs], **QUIET)
    attached.then(None, landing, steps, js=LAND, api_visibility="private")
    # after the part: this waits for the models, and nobody waits for it
    attached.then(lambda: _banner(server), None, head.banner, **QUIET)
    if server.lender:  # in the queue, because gradio's page tells ZeroGPU there who the visitor is
        attached.then(server.lend, part_id, None, concurrency_limit=None, **QUIET | {"queue": True})
    known = part_id.change(partial(known_by, server), [mine, part_id], told, **QUIET)
    found = [part_id, *told, seen, steps]
    turned = [
        head.recent.input(partial(_open, server), [mine, head.recent], found, **QUIET),
        head.fresh.click(partial(_open, server), mine, found, **QUIET),
        forms[0].ready.click(bound(server, _open_ready), mine, found, **QUIET),
    ]
    for event in (known, *turned):
        event.then(None, kept, None, js=LINK, api_visibility="private")
    for event in (attached, *turned):
        event.then(partial(restored, server, *forms[1:4]), part_id, fields(*forms[1:4]), **QUIET)
    stopped = [
        head.stop.click(partial(_stop, server, finish=False), part_id, None, **QUIET),
        head.finish.click(partial(_stop, server, finish=True), part_id, None, **QUIET),
    ]
    timer.tick(tick, [part_id, seen], outputs, **QUIET)
    for event in (*events, *turned, *stopped):
        event.then(tick, [part_id, seen], outputs, **QUIET)


@dataclass(frozen=True)
class Panel:
    """A step as the timer sees it: `token(part, busy)` changes when `show(part, busy)` would show something else."""

    token: Callable
    show: Callable


def _panels(server: Server, forms: tuple) -> list[Panel]:
    first, second, third, fourth, fifth, check, preview, judged, home = forms
    return [
        Panel(lambda part, busy: normals.token(part), lambda part, busy: normals.show(first, part)),
        Panel(lambda part, busy: prompting.token(part), lambda part, busy: prompting.show(second, part)),
        Panel(lambda part, busy: [generating.token(part), busy], partial(generating.show, third)),
        Panel(lambda part, busy: training.token(part), lambda part, busy: training.show(fourth, part)),
        Panel(lambda part, busy: inspecting.token(part), lambda part, busy: inspecting.show(fifth, server, part)),
        Panel(lambda part, busy: checking.token(part), lambda part, busy: checking.show(check, part)),
        Panel(lambda part, busy: defect_preview.token(part), lambda part, busy: defect_preview.show(preview, part)),
        Panel(
            lambda part, busy: defect_preview.judged_token(part),
            lambda part, busy: defect_preview.judge(judged, server, part),
        ),
        Panel(lambda part, busy: taking_home.token(part), lambda part, busy: taking_home.show(home, part)),
    ]


def _draw(server: Server, show: Callable, id: str) -> dict:
    """A step's components. gradio rebuilds every output of a call, named or not, so each step has a call of its own."""
    part = server.store.part(id)
    return show(part, server.busy(part))


def _short(token: list) -> str:
    """A token as the page carries it."""
    return blake2s(repr(token).encode(), digest_size=8).hexdigest()


def _tick(
    server: Server, head: Head, timer: gr.Timer, seen: gr.State, panels: dict, id: str, before: dict, only: int = 0
) -> dict:
    """The line about the job, and the steps' tokens; one that has changed makes the page ask for its step.

    Args:
        panels: the step of each token.
        only: the one step to look at; 0 for all.
    """
    part = server.store.part(id)
    state = server.status(part)
    busy = bool(state and state.busy)
    now: dict[str, Any] = {"line": status_line(state, held()) or gone(server, id), "buttons": _buttons(state)}
    looked = list(panels.items())[only - 1 : only] if only else panels.items()
    changed: dict = {component: _short(panel.token(part, busy)) for component, panel in looked}
    if now["line"] != before.get("line"):
        changed[head.status] = now["line"]
    if now["buttons"] != before.get("buttons"):
        stop, finish = now["buttons"]
        changed |= {head.stop: gr.Button(visible=stop), head.finish: gr.Button(visible=finish)}
        changed[timer] = gr.Timer(BUSY if busy else IDLE)
    return changed | ({seen: now} if now != before else {})


def _buttons(state: Status | None) -> tuple[bool, bool]:
    """Whether Stop and “Finish this iteration” are offered."""
    if state is None or not state.busy:
        return False, False
    return state.state != "stopping", state.state == "running" and state.iterating


def _open(server: Server, mine: list[str], id: str | None = "") -> tuple:
    """Another part, or none; everything is drawn anew."""
    known, *told = known_by(server, mine, id)
    return known, known, *told, {}, gr.Tabs(selected=_step_of(server.store.part(known)))


def _open_ready(server: Server, mine: list[str]) -> tuple:
    """A copy of the finished walk."""
    return _open(server, mine, open_ready(server).id)


def _stop(server: Server, id: str, finish: bool) -> None:
    if part := server.store.part(id):
        server.executor.stop(part.folder, finish)


def _step_of(part: Part | None) -> int:
    """The step a returning person wants to see: the first one that is not done."""
    if part is None or not part.photos():
        return 1
    if model_card(part):
        return 5
    return 3 if part.choices.prompt else 2 if part.choices.object_name else 1


def _banner(server: Server) -> str:
    """Which models are in use and why, and what better ones need. The server's first look may take some seconds."""
    server.service.warm.wait(60)
    pack, reason = server.service.pack()
    better = note(BETTER, "hint") if pack.name == "embedded" else ""
    return f'<div class="tg-banner"><b>Models: {escape(pack.name)}</b> ({escape(reason)}).{better}</div>'
