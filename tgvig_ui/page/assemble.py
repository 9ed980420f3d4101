"""The page: head, status line, five steps. What changes while one looks is in follow.py."""

from __future__ import annotations

import gradio as gr

from tgvig_ui import api
from tgvig_ui.gradio_compat import TAB_BAR
from tgvig_ui.jobs.server import Server
from tgvig_ui.page.follow import Head, follow
from tgvig_ui.steps.generate import events as generating_events
from tgvig_ui.steps.generate import layout as generating_layout
from tgvig_ui.steps.inspect import events as inspecting_events
from tgvig_ui.steps.inspect import layout as inspecting_layout
from tgvig_ui.steps.photos import events as normals_events
from tgvig_ui.steps.photos import view as normals
from tgvig_ui.steps.prompt import events as prompting_events
from tgvig_ui.steps.prompt import layout as prompting_layout
from tgvig_ui.steps.train import bundle as taking_home
from tgvig_ui.steps.train import check as checking
from tgvig_ui.steps.train import defect_preview
from tgvig_ui.steps.train import view as training

TITLE = "tgvig · anomaly detection from a few good photos"
NAME = "<h1>tgvig</h1><p>Anomaly detection from a few photos of good parts</p>"
BANNER = '<div class="tg-banner">Looking for models…</div>'
SCRIPT = """<script>
document.addEventListener('click', (event) => {
  if (event.target.closest('#steps > TAB_BAR')) window.tgvigStepped = true;
}, true);
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const id = {o: 'decide-OK', n: 'decide-NG', u: 'decide-unsure'}[event.key.toLowerCase()];
  const button = id && document.getElementById(id);
  if (button && button.offsetParent) { button.click(); event.preventDefault(); }
});
</script>""".replace("TAB_BAR", TAB_BAR)
"""Whether a person has opened a step (follow.LAND asks); O, N and U decide about the photo that is looked at."""


def build(server: Server) -> gr.Blocks:
    """All of the page."""
    hours = server.store.hours
    uploads = (3600, int(hours * 3600)) if hours else None  # gradio's copies of what was uploaded go, too
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=False, delete_cache=uploads) as page:
        part_id = gr.State("")
        head = _head()
        with gr.Tabs(selected=1, elem_id="steps") as steps:
            with gr.Tab("1 Photos", id=1, elem_id="step-1"):
                first = normals.build(server)
            with gr.Tab("2 Prompt", id=2, elem_id="step-2"):
                second = prompting_layout.build()
            with gr.Tab("3 Generate", id=3, elem_id="step-3"):
                third = generating_layout.build(server.limits)
            with gr.Tab("4 Train", id=4, elem_id="step-4"):
                fourth = training.build(server.limits)
                check = checking.build(server.limits)
                preview, judged = defect_preview.build()
                home = taking_home.build(server.limits)
            with gr.Tab("5 Inspect", id=5, elem_id="step-5"):
                fifth = inspecting_layout.build(server)
                to_home = taking_home.link()
        api.add(server)  # before the steps' private handlers: one of them is called start too and would take the name
        events = [
            *normals_events.wire(server, first, part_id),
            *prompting_events.wire(server, second, part_id),
            *generating_events.wire(server, third, part_id),
            *training.wire(server, fourth, part_id),
            *checking.wire(server, check, part_id),
            *defect_preview.wire(server, preview, part_id),
            *taking_home.wire(server, home, part_id),
            *inspecting_events.wire(server, fifth, part_id),
        ]
        for place, button in enumerate((first.next, second.next, third.next, fourth.next), 2):
            button.click(_step_to(place), None, steps, api_visibility="private", queue=False)
        opened = to_home.click(_step_to(4), None, steps, api_visibility="private", queue=False)
        opened.then(None, js=taking_home.SHOW, api_visibility="private")
        forms = (first, second, third, fourth, fifth, check, preview, judged, home)
        follow(server, page, head, part_id, steps, forms, events)
    return page


def _head() -> Head:
    with gr.Row(elem_id="head-row", equal_height=False):
        gr.HTML(NAME, elem_id="head", min_width=260)
        recent = gr.Dropdown(
            [],
            label="Recent parts",
            show_label=False,
            container=False,
            elem_id="recent",
            min_width=220,
            filterable=False,
        )
        fresh = gr.Button("New part", size="sm", elem_id="new-part", min_width=110, scale=0)
    banner = gr.HTML(BANNER, elem_id="banner")
    gone = gr.HTML("", elem_id="gone")
    with gr.Row(equal_height=False, elem_id="status-row"):
        status = gr.HTML("", elem_id="status")
        finish = gr.Button("Finish this iteration", size="sm", visible=False, elem_id="finish", min_width=150, scale=0)
        stop = gr.Button("Stop", size="sm", variant="stop", visible=False, elem_id="stop", min_width=90, scale=0)
    return Head(recent, fresh, banner, gone, status, finish, stop)


def _step_to(place: int):
    return lambda: gr.Tabs(selected=place)
