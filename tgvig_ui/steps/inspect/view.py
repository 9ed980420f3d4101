"""Step 5, inspection, as it is drawn: photos worst first, where and why they are strange, threshold, decisions."""

from __future__ import annotations

from html import escape

import gradio as gr

from tgvig_ui.charts import scores as score_figures
from tgvig_ui.charts.style import empty
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.results import Results, results
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.inspect import words
from tgvig_ui.steps.inspect.closeup import look_at, looked_row
from tgvig_ui.steps.inspect.layout import EMPTY, Inspecting
from tgvig_ui.widgets.html import note


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
        step.sample: gr.Button(visible=bool(part and not tests and server.sample_of(part))),
        step.go: gr.Button(interactive=ready),
        step.count: said if tests else EMPTY,
        step.clear: gr.Button(visible=bool(tests)),
    }
    found = results(part)
    if part is None or not found:
        return head | {step.has_results: gr.Column(visible=False)}
    return (
        head | _verdicts(step, found) | _look(step, server, part, found) | {step.has_results: gr.Column(visible=True)}
    )


def _verdicts(step: Inspecting, found: Results) -> dict:
    """Table, threshold and plots."""
    scores, labels = [row.score for row in found.rows], found.labels
    both = labels is not None and len(set(labels)) == 2
    top = max([*scores, found.calibrated]) * 1.1
    least = max(round(top / 1000, 3), 0.001)  # at 0 every score would be infinitely far above the threshold
    rows = [
        [row.name, "ANOMALOUS" if row.anomalous else "good", round(row.display, 3), round(row.score, 3), row.decision]
        for row in found.rows
    ]
    roc = score_figures.roc(scores, labels, found.threshold) if labels and both else empty("")
    confusion = score_figures.confusion(*found.counts()) if labels else empty("")
    return {
        step.threshold: gr.Slider(minimum=least, maximum=round(top, 2), value=round(found.threshold, 3), step=0.001),
        step.summary: words.summary(found),
        step.histogram: score_figures.score_histogram(scores, labels, found.threshold),
        step.roc: gr.Plot(roc, visible=both),
        step.confusion: gr.Plot(confusion, visible=bool(labels)),
        step.table: rows,
        step.learn: gr.Button(visible=any(row.decision == "OK" for row in found.rows)),
    }


def _look(step: Inspecting, server: Server, part: Part, found: Results) -> dict:
    """One photo up close."""
    row, choices = looked_row(part, found), part.choices
    pictures, regions, why = look_at(server, part, found, row)
    verdict = "bad" if row.anomalous else "good"
    badge = f'<span class="tg-{verdict}">{"ANOMALOUS" if row.anomalous else "GOOD"}</span>'
    decided = f" · your decision: {row.decision}" if row.decision else ""
    return {
        step.looked: f"<div><b>{escape(row.name)}</b> {badge} {row.display:.2f} (raw score {row.score:.2f}){escape(decided)}</div>",
        step.overlay: choices.overlay,
        step.opacity: choices.opacity,
        step.slider: pictures,
        step.regions: regions,
        step.pitch: "" if choices.pitch is None else f"{choices.pitch:g}",
        step.why: why,
    }
