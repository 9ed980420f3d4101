"""Step 5, inspection: test photos worst first, where and why they are strange, a threshold that can be moved, decisions."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import gradio as gr

from tgvig_ui import downloads, score_figures
from tgvig_ui.looking import look_at, looked_row
from tgvig_ui.plot_style import empty
from tgvig_ui.results import OVERLAYS, Results, results
from tgvig_ui.samples import sample_of
from tgvig_ui.server import Server
from tgvig_ui.store import Part
from tgvig_ui.training import model_card
from tgvig_ui.words import note

HEADERS = ["photo", "verdict", "score", "decision"]
EMPTY = note("No photos inspected yet. Add test photos: good ones and defects, as they come.", "empty")
DECISIONS = {"OK": "OK (O)", "NG": "Not good (N)", "unsure": "Unsure (U)"}
FIGURES = {"image_auroc": "Image AUROC", "pixel_auroc": "Pixel AUROC", "pro": "PRO", "f1_max": "Best F1"}


@dataclass(frozen=True)
class Inspecting:
    """The step's named components."""

    upload: gr.File
    path: gr.Textbox
    take_path: gr.Button
    sample: gr.Button
    go: gr.Button
    count: gr.HTML
    clear: gr.Button
    threshold: gr.Slider
    reset: gr.Button
    summary: gr.HTML
    histogram: gr.Plot
    roc: gr.Plot
    confusion: gr.Plot
    table: gr.Dataframe
    looked: gr.HTML
    overlay: gr.Radio
    opacity: gr.Slider
    slider: gr.ImageSlider
    regions: gr.Dataframe
    pitch: gr.Textbox
    why: gr.Gallery
    decide: tuple[gr.Button, ...]
    learn: gr.Button
    csv: gr.DownloadButton
    zip: gr.DownloadButton
    report: gr.DownloadButton
    has_results: gr.Column

    def shown(self) -> list:
        """What `show` may fill."""
        return [
            self.looked,
            self.overlay,
            self.opacity,
            self.slider,
            self.regions,
            self.pitch,
            self.why,
            self.sample,
            self.go,
            self.count,
            self.clear,
            self.threshold,
            self.summary,
            self.histogram,
            self.roc,
            self.confusion,
            self.table,
            self.learn,
            self.csv,
            self.zip,
            self.report,
            self.has_results,
        ]


def build(server: Server) -> Inspecting:
    """The step's page."""
    gr.Markdown("### Inspect photos")
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            upload = gr.File(label="Add photos to inspect", file_count="multiple", height=150, elem_id="upload-tests")
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
    with gr.Column(visible=False) as has_results:
        summary = gr.HTML("", elem_id="summary")
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=280):
                threshold = gr.Slider(
                    0, 1, value=0.5, label="Threshold: scores above it are called anomalous", elem_id="threshold"
                )
                reset = gr.Button("Back to the calibrated threshold", size="sm", elem_id="reset-threshold")
                table = gr.Dataframe(
                    headers=HEADERS,
                    datatype=["str", "str", "number", "str"],
                    interactive=False,
                    max_height=380,
                    label="Photos, worst first (click one)",
                    elem_id="verdicts",
                    show_search="search",
                    column_widths=["46%", "20%", "16%", "18%"],
                )
            with gr.Column(scale=2, min_width=280):
                histogram = gr.Plot(show_label=False, elem_id="histogram")
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=280):
                looked = gr.HTML("", elem_id="looked-at")
                slider = gr.ImageSlider(
                    label="Photo and where it is strange",
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
            with gr.Column(scale=2, min_width=280):
                with gr.Row():
                    decide = tuple(
                        gr.Button(text, size="sm", min_width=80, elem_id=f"decide-{key}")
                        for key, text in DECISIONS.items()
                    )
                regions = gr.Dataframe(
                    headers=["x, y", "size", "area", "peak"],
                    interactive=False,
                    label="Strange regions, strongest first",
                    max_height=220,
                    elem_id="regions",
                    wrap=True,
                )
                pitch = gr.Textbox(
                    label="Millimetres per pixel (optional, press Enter)", placeholder="such as 0.05", elem_id="pitch"
                )
                gr.HTML(
                    note(
                        "Why here: the strangest spot, and the most similar good spot that the detector remembers.",
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
        with gr.Row(equal_height=False):
            roc = gr.Plot(show_label=False, visible=False, elem_id="roc", min_width=320)
            confusion = gr.Plot(show_label=False, visible=False, elem_id="confusion", min_width=320)
        learn = gr.Button("Add the photos marked OK to the good photos", size="sm", visible=False, elem_id="learn")
        with gr.Row():
            csv = gr.DownloadButton("Download scores (CSV)", size="sm", elem_id="csv")
            zip_ = gr.DownloadButton("Download heatmaps (ZIP)", size="sm", elem_id="zip")
            report = gr.DownloadButton("Download report (HTML)", size="sm", elem_id="report")
    return Inspecting(
        upload,
        path,
        take_path,
        sample,
        go,
        count,
        clear,
        threshold,
        reset,
        summary,
        histogram,
        roc,
        confusion,
        table,
        looked,
        overlay,
        opacity,
        slider,
        regions,
        pitch,
        why,
        decide,
        learn,
        csv,
        zip_,
        report,
        has_results,
    )


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    found, choices = results(part), part.choices
    stamp = (found.folder / "scores.json").stat().st_mtime_ns if found else 0
    ready = bool(model_card(part))
    return [
        part.id,
        len(part.tests()),
        stamp,
        ready,
        choices.threshold,
        choices.decisions,
        choices.generation,
        choices.looked_at,
        choices.overlay,
        choices.opacity,
        choices.pitch,
    ]


def show(step: Inspecting, server: Server, part: Part | None) -> dict:
    """New values of the step's components."""
    tests = part.tests() if part else []
    ready = bool(tests and model_card(part))
    said = note(f"{len(tests)} photos to inspect.") if ready else note("Train a detector in step 4 first.", "empty")
    head = {
        step.sample: gr.Button(visible=bool(part and not tests and sample_of(server, part))),
        step.go: gr.Button(interactive=ready),
        step.count: said if tests else EMPTY,
        step.clear: gr.Button(visible=bool(tests)),
    }
    found = results(part)
    if not found:
        return head | {step.has_results: gr.Column(visible=False)}
    shown = _verdicts(step, found) | _look(step, server, part, found) | _downloads(step, part, found)
    return head | shown | {step.has_results: gr.Column(visible=True)}


def _verdicts(step: Inspecting, found: Results) -> dict:
    """Table, threshold and plots."""
    scores, labels = [row.score for row in found.rows], found.labels
    both = bool(labels) and len(set(labels)) == 2
    top = max([*scores, found.calibrated]) * 1.1
    rows = [
        [row.name, "ANOMALOUS" if row.anomalous else "good", round(row.score, 3), row.decision] for row in found.rows
    ]
    roc = score_figures.roc(scores, labels, found.threshold) if both else empty("")
    confusion = score_figures.confusion(*found.counts()) if labels else empty("")
    return {
        step.threshold: gr.Slider(minimum=0, maximum=round(top, 2), value=round(found.threshold, 3), step=0.001),
        step.summary: _summary(found),
        step.histogram: score_figures.score_histogram(scores, labels, found.threshold),
        step.roc: gr.Plot(roc, visible=both),
        step.confusion: gr.Plot(confusion, visible=bool(labels)),
        step.table: rows,
        step.learn: gr.Button(visible=any(row.decision == "OK" for row in found.rows)),
    }


def _look(step: Inspecting, server: Server, part: Part, found: Results) -> dict:
    """One photo up close."""
    row, choices = looked_row(part), part.choices
    pictures, regions, why = look_at(server, part, found, row)
    verdict = "bad" if row.anomalous else "good"
    badge = f'<span class="tg-{verdict}">{"ANOMALOUS" if row.anomalous else "GOOD"}</span>'
    decided = f" · your decision: {row.decision}" if row.decision else ""
    return {
        step.looked: f"<div><b>{escape(row.name)}</b> {badge} score {row.score:.2f}{escape(decided)}</div>",
        step.overlay: choices.overlay,
        step.opacity: choices.opacity,
        step.slider: pictures,
        step.regions: regions,
        step.pitch: "" if choices.pitch is None else f"{choices.pitch:g}",
        step.why: why,
    }


def _downloads(step: Inspecting, part: Part, found: Results) -> dict:
    files = downloads.write(part, found)
    return {
        button: gr.DownloadButton(value=str(file))
        for button, file in zip((step.csv, step.zip, step.report), files, strict=True)
    }


def _summary(found: Results) -> str:
    flagged = sum(row.anomalous for row in found.rows)
    text = f"{flagged} of {len(found.rows)} photos are called anomalous at {found.threshold:.2f}."
    moved = (
        " You moved the threshold: the words about false alarms no longer hold."
        if found.threshold != found.calibrated
        else ""
    )
    shown = note(text + moved) + (note(found.card["calibration"]["words"], "hint") if not moved else "")
    figures = [
        f"{title} {found.figures[name]:.3f}" for name, title in FIGURES.items() if found.figures.get(name) is not None
    ]
    if figures:
        explained = (
            " (1 is perfect; AUROC: how well the scores separate good from defective; PRO: how well each defect's area is "
            "covered)"
        )
        shown += note(" · ".join(figures) + explained, "hint")
    return shown
