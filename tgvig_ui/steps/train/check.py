"""Step 4, the check of a trained detector: which synthetic defects it misses, and whether the generated images help."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from tgvig_core.fitting.results import Admission
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.fitting.words import of_admission, of_gate
from tgvig_core.photos.images import read_photo
from tgvig_core.runs.card import ModelCard
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.charts import check as check_figures
from tgvig_ui.gradio_compat import address_of
from tgvig_ui.jobs.arguments import Check, Train
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.parts.generations import LISTED, best_set, set_files
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.thumbnails import thumb
from tgvig_ui.parts.trained import check_of, model_card, sentences
from tgvig_ui.security.visitors import Limits
from tgvig_ui.widgets.form import PRIVATE, Form
from tgvig_ui.widgets.html import note

FRAME = 256
"""Side of the detector's frame in px (settings.SIZE, which loads torch)."""
UNTRAINED = note("Train a detector first.", "empty")
UNCHECKED = note(
    "Not checked yet. The check draws synthetic defects of nine kinds into your good photos and counts how many of them the "
    "detector finds. It also trains detectors on other training sets, to see which of them is best.",
    "empty",
)
MEANING = (
    "AUROC is how often a photo with a defect scores above a good one: 0.5 is chance, 1 perfect. Held-out images are those that "
    "were not learned from. A 90 % interval is where the true figure lies in nine of ten such checks."
)


@dataclass(frozen=True)
class Checking(Form):
    """The named components."""

    NEVER_DRAWN = ("thorough",)

    check: gr.Button
    thorough: gr.Checkbox
    said: gr.HTML
    has_check: gr.Column
    strengths: gr.Plot
    sizes: gr.Plot
    missed: gr.HTML
    kinds: gr.HTML
    advice: gr.Plot
    advised: gr.HTML
    gate: gr.HTML
    use: gr.Button


def build(limits: Limits | None = None) -> Checking:
    """The section below the training's result; a public server offers the short check only."""
    gr.Markdown("### What will it miss, and do the generated images help?")
    check = gr.Button("Check this detector", elem_id="check", interactive=False)
    thorough = gr.Checkbox(
        label="Thorough: also try other generated sets and fewer images (takes longer)", elem_id="check-thorough",
        visible=limits is None,
    )  # fmt: skip
    said = gr.HTML(UNTRAINED, elem_id="check-said")
    with gr.Column(visible=False, elem_id="check-result") as has_check:
        with gr.Row(equal_height=False):
            strengths = gr.Plot(show_label=False, elem_id="check-strengths", min_width=320)
            sizes = gr.Plot(show_label=False, elem_id="check-sizes", min_width=320)
        missed = gr.HTML("", elem_id="check-missed")
        with gr.Accordion("Kind by kind, in words", open=False, elem_id="check-words"):
            kinds = gr.HTML("", elem_id="check-kinds")
        with gr.Row(equal_height=False):
            advice = gr.Plot(show_label=False, elem_id="check-advice", min_width=320)
            with gr.Column(min_width=280):
                advised = gr.HTML("", elem_id="check-advised")
                use = gr.Button("Train again on the recommended set", size="sm", visible=False, elem_id="check-use")
    gate = gr.HTML("", elem_id="gate", visible=False)
    return Checking(check, thorough, said, has_check, strengths, sizes, missed, kinds, advice, advised, gate, use)


def wire(server: Server, section: Checking, part_id: gr.State) -> list:
    """Check. Returns the events, after which the page redraws."""
    return [
        section.check.click(bound(server, check), [part_id, section.thorough], None, **PRIVATE),
        section.use.click(bound(server, use), [part_id], None, **PRIVATE),
    ]


def check(server: Server, id: str, thorough: bool) -> None:
    """Queue the check of the shown generation's detector; a thorough one tries other sets and fewer images, too."""
    part = server.part(id)
    number = part.choices.generation
    if number is None or not model_card(part):
        raise TgvigError("There is no detector yet: train one first.")
    if server.limits:
        server.limits.check_thorough(thorough)
    server.submit(part, "check", Check(number, thorough))


def use(server: Server, id: str) -> None:
    """Queue a training like the former one, from the images that the check recommends."""
    part = server.part(id)
    card, found, number = model_card(part), check_of(part), part.choices.generation
    if number is None or not card or not found:
        raise TgvigError("Nothing is recommended yet: check the detector first.")
    as_before = {"features": card.saved.backbone or "", "detector": card.saved.detector}
    as_before |= {"false_alarm": card.calibration.false_alarm}
    best = card.best_iteration or best_set(part, number)  # a detector from the photos alone may be older than all sets
    images = _images(found["advice"]["recommended"], best, list(card.training_set.excluded))
    server.submit(part, "train", Train(**{"generation": number} | as_before | images))
    if images["arm"].startswith("tgvig") and images["set"] != part.choices.chosen_set:
        part.choose(chosen_set=images["set"], left_out=tuple(images["left_out"]))  # step 3 shows the set in use


def _images(arm: str, best: int | None, left_out: list[int]) -> dict:
    """Arm, set and left-out images of a training; the places that were left out of set `best` mean nothing in another."""
    wanted = TrainingSet.parse(arm)
    if wanted.set is None:
        return {"arm": arm, "set": best, "left_out": left_out}
    out = left_out if wanted.set == best else []
    if wanted.count is None:
        return {"arm": "tgvig", "set": wanted.set, "left_out": out}
    return {"arm": arm, "set": wanted.set, "left_out": [place for place in out if place < wanted.count]}


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    number = part.choices.generation
    files = [part.generation(number) / "model" / name for name in ("model.json", "check.json")] if number else []
    return [part.id, number, *(file.stat().st_mtime_ns if file.exists() else 0 for file in files)]


def show(section: Checking, part: Part | None) -> dict:
    """New values of the components."""
    card, found = model_card(part), check_of(part)
    if part is None or not card or not found:
        return _gate(section, part, card) | {
            section.check: gr.Button("Check this detector", interactive=bool(card)),
            section.said: gr.HTML(UNCHECKED if card else UNTRAINED, visible=True),
            section.has_check: gr.Column(visible=False),
        }
    kinds, (missed, advised) = found["detectability"]["kinds"], sentences(found)
    verdict, _, figures = advised.partition(". ")
    listed = "".join(f"<li>{escape(kind['words'])}</li>" for kind in kinds)
    return _gate(section, part, card) | {
        section.check: gr.Button("Check again", interactive=True),
        section.said: gr.HTML("", visible=False),
        section.has_check: gr.Column(visible=True),
        section.strengths: check_figures.strengths(kinds),
        section.sizes: check_figures.sizes(kinds),
        section.missed: note(missed) + note(_scale(part), "hint"),
        section.kinds: f'<ul class="tg-list">{listed}</ul>',
        section.advice: check_figures.advice(found["advice"]),
        section.advised: note(f"{verdict.removesuffix('.')}.") + note(figures, "hint") + note(MEANING, "hint"),
        section.use: gr.Button(visible=found["advice"]["recommended"] != str(card.training_set)),
    }


def _gate(section: Checking, part: Part | None, card: ModelCard | None) -> dict:
    """What the gate said of the generated images, and, folded away, of each of them."""
    gate = card.gate if card else None
    if part is None or card is None or not gate:
        return {section.gate: gr.HTML("", visible=False)}
    images = gate.images
    head = note(of_gate(gate), "warn" if gate.rejected else "note")
    most = f" {LISTED} of the {len(images)} are shown." if len(images) > LISTED else ""
    about = (
        f"The number is the distance to the nearest of your photos; beyond {gate.limit:.1f} an image is excluded.{most}"
    )
    out = "".join(
        f"<li>Generated image {one.image + 1}: {escape(of_admission(one, gate.limit))}</li>"
        for one in images
        if not one.kept
    )
    reasons = f'<ul class="tg-list">{out}</ul>' if out else ""
    folded = f"<summary>Distance of every generated image</summary>{_strip(part, card, images)}{note(about, 'hint')}{reasons}"
    return {section.gate: gr.HTML(f'{head}<details class="tg-more">{folded}</details>', visible=True)}


def _strip(part: Part, card: ModelCard, images: Sequence[Admission]) -> str:
    """The images in a strip, those that were excluded first, with their distances."""
    files = set_files(part, part.choices.generation or 0, card.chosen_set or 0)
    figures = []
    for one in sorted(images, key=lambda one: one.kept)[:LISTED]:
        said = f"{'kept' if one.kept else 'excluded'}<br>{one.distance:.1f}"
        small = address_of(thumb(files[one.image], part.folder / "thumbs", 128))
        picture = f'<img src="{small}" loading="lazy" alt="Generated image {one.image + 1}">'
        figures.append(f"<figure>{picture}<figcaption>{said}</figcaption></figure>")
    return f'<div class="tg-strip">{"".join(figures)}</div>'


def _scale(part: Part) -> str:
    """What a pixel of the frame is on the person's own photos."""
    height, width = _size(part.photos()[0]) if part.photos() else (FRAME, FRAME)
    text = f"Sizes are px of the {FRAME} × {FRAME} px that the detector sees."
    if (height, width) == (FRAME, FRAME):
        return text
    return f"{text} One of them is {width / FRAME:.1f} × {height / FRAME:.1f} px of your first photo."


@functools.lru_cache(maxsize=64)
def _size(path: Path) -> tuple[int, int]:
    return read_photo(path).pixels.shape[:2]
