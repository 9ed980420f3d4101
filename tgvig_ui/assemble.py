"""The page: head, status line, five steps, one timer that redraws only what has changed."""

from __future__ import annotations

import time
from html import escape

import gradio as gr

from tgvig_ui import api, generating, generating_events, inspecting, inspecting_events, normals, prompting, training
from tgvig_ui.server import Server
from tgvig_ui.service import memory_gb
from tgvig_ui.store import Part
from tgvig_ui.words import note, status_line

TITLE = "tgvig · anomaly detection from a few good photos"
BANNER = '<div class="tg-banner">Looking for models…</div>'
BUSY, IDLE = 0.5, 2.0
"""Seconds between two looks at the part, while a job runs and while none does."""
LINK = """(id) => {
  const url = new URL(window.location);
  id ? url.searchParams.set('part', id) : url.searchParams.delete('part');
  history.replaceState(null, '', url);
}"""
KEYS = """<script>
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const id = {o: 'decide-OK', n: 'decide-NG', u: 'decide-unsure'}[event.key.toLowerCase()];
  const button = id && document.getElementById(id);
  if (button && button.offsetParent) { button.click(); event.preventDefault(); }
});
</script>"""


def build(server: Server) -> gr.Blocks:
    """All of the page."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=False) as page:
        part_id, seen = gr.State(""), gr.State({})
        kept = gr.BrowserState("", storage_key="tgvig-part")
        timer = gr.Timer(BUSY)
        with gr.Row(elem_id="head-row", equal_height=False):
            gr.HTML(
                "<h1>tgvig</h1><p>Anomaly detection from a few photos of good parts</p>", elem_id="head", min_width=260
            )
            recent = gr.Dropdown(
                [],
                show_label=False,
                container=False,
                elem_id="recent",
                min_width=220,
                filterable=False,
                info=None,
                label="Recent parts",
            )
            fresh = gr.Button("New part", size="sm", elem_id="new-part", min_width=110, scale=0)
        banner = gr.HTML(BANNER, elem_id="banner")
        with gr.Row(equal_height=False, elem_id="status-row"):
            status = gr.HTML("", elem_id="status")
            finish = gr.Button("Finish this iteration", size="sm", visible=False, elem_id="finish", min_width=150)
            stop = gr.Button("Stop", size="sm", variant="stop", visible=False, elem_id="stop", min_width=90)
        with gr.Walkthrough(selected=1, elem_id="steps") as steps:
            with gr.Step("Good photos", id=1):
                first = normals.build(server)
            with gr.Step("Prompt", id=2):
                second = prompting.build()
            with gr.Step("Generate", id=3):
                third = generating.build()
            with gr.Step("Train", id=4):
                fourth = training.build()
            with gr.Step("Inspect", id=5):
                fifth = inspecting.build(server)
        normals.wire(server, first, part_id)
        prompting.wire(server, second, part_id)
        generating_events.wire(server, third, part_id)
        training.wire(server, fourth, part_id)
        inspecting_events.wire(server, fifth, part_id)
        for place, step in enumerate((first, second, third, fourth), 2):
            step.next.click(
                lambda place=place: gr.Walkthrough(selected=place), None, steps, api_visibility="private", queue=False
            )
        api.add(server)
        _follow(
            server,
            page,
            timer,
            part_id,
            seen,
            kept,
            recent,
            fresh,
            banner,
            status,
            stop,
            finish,
            [first.shown(), second.shown(), third.shown(), fourth.shown(), fifth.shown()],
            third.estimate,
            steps,
        )
    return page


def _follow(
    server, page, timer, part_id, seen, kept, recent, fresh, banner, status, stop, finish, panels, estimate, steps
) -> None:
    """Attach to a part, redraw what changed, stop its job."""
    counts = [len(panel) for panel in panels]

    def tick(id: str, seen: dict) -> list:
        part = server.store.part(id)
        state = server.status(part)
        busy = bool(state and state.busy)
        tokens = _tokens(part, busy)
        line = status_line(state, memory_gb())
        values: list = [line if line != seen.get("line") else gr.skip()]
        can_finish = busy and state.kind == "generate" and state.state == "running"
        if busy != seen.get("busy") or can_finish != seen.get("can_finish"):
            values += [gr.Button(visible=busy), gr.Button(visible=can_finish), gr.Timer(BUSY if busy else IDLE)]
        else:
            values += [gr.skip()] * 3
        for place, shown in enumerate(_shown(server, part, busy, tokens, seen)):
            values += shown if shown is not None else [gr.skip()] * counts[place]
        about = {"tokens": tokens, "line": line, "busy": busy, "can_finish": can_finish}
        return [*values, about if about != seen else gr.skip()]

    def attach(kept_id: str, request: gr.Request) -> tuple:
        asked = request.query_params.get("part")
        part = server.store.part(asked) or server.store.part(kept_id)
        id = part.id if part else ""
        return id, id, _recent(server, id), _step_of(part)

    def begin() -> tuple:
        return "", {}, gr.Walkthrough(selected=1)

    quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    everything = [status, stop, finish, timer, *[component for panel in panels for component in panel], seen]
    attached = page.load(attach, kept, [part_id, kept, recent, steps], **quiet)
    attached.then(tick, [part_id, seen], everything, **quiet).then(
        None, part_id, None, js=LINK, api_visibility="private"
    )
    page.load(lambda: _banner(server), None, banner, **quiet)
    page.load(lambda: generating_events.estimate_now(server, 20, 5, []), None, estimate, **quiet)
    timer.tick(tick, [part_id, seen], everything, **quiet)
    known = part_id.change(lambda id: (id, _recent(server, id)), part_id, [kept, recent], **quiet)
    known.then(
        None, kept, None, js=LINK, api_visibility="private"
    )  # a State never reaches the browser, so the kept id does
    recent.input(lambda id: (id or "", {}, _step_of(server.store.part(id))), recent, [part_id, seen, steps], **quiet)
    fresh.click(begin, None, [part_id, seen, steps], **quiet)
    stop.click(lambda id: _stop(server, id, False), part_id, None, **quiet)
    finish.click(lambda id: _stop(server, id, True), part_id, None, **quiet)


def _tokens(part: Part | None, busy: bool) -> list:
    return [
        normals.token(part),
        prompting.token(part),
        [generating.token(part), busy],
        training.token(part),
        inspecting.token(part),
    ]


def _shown(server: Server, part: Part | None, busy: bool, tokens: list, seen: dict) -> list[list | None]:
    """New values for each panel, None where nothing changed."""
    before = seen.get("tokens", [None] * len(tokens))
    draw = (
        lambda: normals.show(part),
        lambda: prompting.show(part),
        lambda: generating.show(part, busy),
        lambda: training.show(part),
        lambda: inspecting.show(server, part),
    )
    return [show() if new != old else None for show, new, old in zip(draw, tokens, before, strict=True)]


def _stop(server: Server, id: str, finish: bool) -> None:
    part = server.store.part(id)
    if part:
        server.executor.stop(part.folder, finish)


def _recent(server: Server, id: str) -> gr.Dropdown:
    choices = []
    for part in server.store.recent():
        when = time.strftime("%d %b %H:%M", time.localtime((part.folder / "part.json").stat().st_mtime))
        choices.append((f"{part.choices.object_name or 'unnamed part'} · {when}", part.id))
    known = id if any(value == id for _, value in choices) else None
    return gr.Dropdown(choices, value=known, visible=bool(choices))


def _step_of(part: Part | None) -> gr.Walkthrough:
    """The step a returning person wants to see: the first one that is not done."""
    if part is None or not part.photos():
        return gr.Walkthrough(selected=1)
    choices = part.choices
    if training.model_card(part):
        return gr.Walkthrough(selected=5)
    return gr.Walkthrough(selected=3 if choices.prompt else 2 if choices.object_name else 1)


def _banner(server: Server) -> str:
    """Which models are in use and why, and what better ones need. The server's first look may take some seconds."""
    pack, reason = server.service.pack()
    better = ""
    if pack.name == "embedded":
        better = (
            "The paper's own models (CLIP, VQGAN f16) describe and generate far better. They need 1.3 GB from the hub, and a "
            "GPU to be quick."
        )
    return f'<div class="tg-banner"><b>Models: {escape(pack.name)}</b> ({escape(reason)}).{note(better, "hint")}</div>'
