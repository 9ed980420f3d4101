"""Step 5, inspection: where things are on the page, and their names."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.results import OVERLAYS
from tgvig_ui.widgets.form import Form
from tgvig_ui.widgets.html import note

HEADERS = ["photo", "verdict", "0 to 1", "raw", "decision"]
EMPTY = note("No photos inspected yet. Add test photos: good ones and defects, as they come.", "empty")
DECISIONS = {"OK": "OK (O)", "NG": "Not good (N)", "unsure": "Unsure (U)"}


@dataclass(frozen=True)
class Inspecting(Form):
    """The step's named components."""

    NEVER_DRAWN = ("decide", "upload", "path", "take_path", "reset", "files", "written")

    # the photo that is looked at
    looked: gr.HTML
    overlay: gr.Radio
    opacity: gr.Slider
    slider: gr.ImageSlider
    regions: gr.Dataframe
    pitch: gr.Textbox
    why: gr.Gallery
    decide: tuple[gr.Button, ...]
    # photos to inspect
    upload: gr.File
    path: gr.Textbox
    take_path: gr.Button
    sample: gr.Button
    go: gr.Button
    count: gr.HTML
    clear: gr.Button
    # all verdicts
    threshold: gr.Slider
    reset: gr.Button
    summary: gr.HTML
    histogram: gr.Plot
    roc: gr.Plot
    confusion: gr.Plot
    table: gr.Dataframe
    learn: gr.Button
    files: dict[str, gr.Button]
    written: gr.DownloadButton
    has_results: gr.Column


def build(server: Server) -> Inspecting:
    """The step's page."""
    gr.Markdown("### Inspect photos")
    adding = _adding(server)
    with gr.Column(visible=False) as has_results:
        verdicts = _verdicts()
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=280):
                close_up = _close_up()
            with gr.Column(scale=2, min_width=280):
                reasons = _reasons()
        plots = _plots()
        results = _results()
    return Inspecting(**adding, **verdicts, **close_up, **reasons, **plots, **results, has_results=has_results)


def _adding(server: Server) -> dict:
    """Photos to inspect, and the button that inspects them."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            upload = gr.File(label="Add photos to inspect", file_count="multiple", height=150, elem_id="upload-tests")
            if server.limits:
                gr.HTML(note(server.limits.tests_line, "hint"), elem_id="limits-tests")
        with gr.Column(scale=2, min_width=280):
            count = gr.HTML(EMPTY, elem_id="tests-count")
            sample = gr.Button("Use the sample part's 20 test photos", size="sm", visible=False, elem_id="sample-tests")
            with gr.Accordion("Photos in a folder of this computer", open=False, visible=server.local):
                path = gr.Textbox(
                    label="Folder",
                    placeholder="/home/me/photos/test",
                    elem_id="tests-path",
                    info="With good/ and a folder for each kind of defect, and masks in ../ground_truth, you also get figures.",
                )
                take_path = gr.Button("Add the photos of this folder", size="sm", elem_id="take-tests-path")
            with gr.Row():
                go = gr.Button("Inspect", variant="primary", interactive=False, elem_id="inspect")
                clear = gr.Button("Remove all test photos", size="sm", visible=False, elem_id="clear-tests")
    return dict(upload=upload, path=path, take_path=take_path, sample=sample, go=go, count=count, clear=clear)


def _verdicts() -> dict:
    """All photos, worst first, and the threshold that divides them."""
    summary = gr.HTML("", elem_id="summary")
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            threshold = gr.Slider(
                0, 1, value=0.5, label="Threshold: scores above it are called anomalous", elem_id="threshold"
            )
            reset = gr.Button("Back to the calibrated threshold", size="sm", elem_id="reset-threshold")
            table = gr.Dataframe(
                headers=HEADERS,
                datatype=["str", "str", "number", "number", "str"],
                interactive=False,
                max_height=380,
                label="Photos, worst first (click one)",
                elem_id="verdicts",
                show_search="search",
                column_widths=["34%", "21%", "14%", "14%", "17%"],
            )
        with gr.Column(scale=2, min_width=280):
            histogram = gr.Plot(show_label=False, elem_id="histogram")
    return dict(summary=summary, threshold=threshold, reset=reset, table=table, histogram=histogram)


def _close_up() -> dict:
    """One photo and where it is strange."""
    looked = gr.HTML("", elem_id="looked-at")
    slider = gr.ImageSlider(
        label="Photo and anomaly map",
        show_label=False,
        interactive=False,
        buttons=["fullscreen"],
        max_height=520,
        elem_id="look",
    )
    with gr.Row():
        overlay = gr.Radio(OVERLAYS, value=OVERLAYS[0], label="Show", elem_id="overlay", min_width=200)
        opacity = gr.Slider(
            0, 1, value=0.85, step=0.05, label="Strength of the heatmap", elem_id="opacity", min_width=160
        )
    return dict(looked=looked, slider=slider, overlay=overlay, opacity=opacity)


def _reasons() -> dict:
    """That photo's decision, its strange regions, and why."""
    with gr.Row():
        decide = tuple(
            gr.Button(text, size="sm", min_width=80, elem_id=f"decide-{key}") for key, text in DECISIONS.items()
        )
    regions = gr.Dataframe(
        headers=["x, y", "size", "area", "peak"],
        interactive=False,
        label="Anomalous regions, strongest first",
        max_height=220,
        elem_id="regions",
        wrap=True,
    )
    pitch = gr.Textbox(
        label="Millimetres per pixel (optional, press Enter)", placeholder="such as 0.05", elem_id="pitch"
    )
    gr.HTML(
        note(
            "Why here: the most anomalous spot, and the most similar spot of the good images that the detector remembers.",
            "hint",
        )
    )
    why = gr.Gallery(
        label="Why here",
        show_label=False,
        columns=2,
        height=230,
        object_fit="contain",
        interactive=False,
        allow_preview=False,
        buttons=[],
        elem_id="why",
    )
    return dict(decide=decide, regions=regions, pitch=pitch, why=why)


def _plots() -> dict:
    """How well the scores separate, where the photos have labels."""
    with gr.Row(equal_height=False):
        roc = gr.Plot(show_label=False, visible=False, elem_id="roc", min_width=320)
        confusion = gr.Plot(show_label=False, visible=False, elem_id="confusion", min_width=320)
    return dict(roc=roc, confusion=confusion)


def _results() -> dict:
    """What comes of it: more good photos, and files, which are written when they are asked for."""
    learn = gr.Button("Add the photos marked OK to the good photos", size="sm", visible=False, elem_id="learn")
    with gr.Row():
        files = {
            "scores.csv": gr.Button("Download scores (CSV)", size="sm", elem_id="csv"),
            "heatmaps.zip": gr.Button("Download heatmaps (ZIP)", size="sm", elem_id="zip"),
            "report.html": gr.Button("Download report (HTML)", size="sm", elem_id="report"),
        }
    written = gr.DownloadButton(visible=False)  # carries the address of a file that was written to the browser
    return dict(learn=learn, files=files, written=written)
