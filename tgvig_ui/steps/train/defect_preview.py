"""Step 4, the synthetic defects to look at: a good photo, the same photo spoiled, and what the detector says to it.

The picture needs no model and no worker; the verdict comes in a call of its own, once the detector is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np

from tgvig_core.photos.images import to_pixels
from tgvig_core.synthetic.registry import defect, is_line
from tgvig_ui.jobs.page_detector import scored
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.parts.generations import settings_of
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.train import words
from tgvig_ui.steps.train.defect_pictures import large, outlined, spoiled_photo, square
from tgvig_ui.widgets.form import PRIVATE, Form
from tgvig_ui.widgets.html import note

if TYPE_CHECKING:
    from tgvig_core.synthetic.defects import Defect

FIRST = "scratch"
WIDTHS, EXTENTS = (1, 12, 3), (4, 64, 24)
"""Least, greatest and first size in px: of a line its width, of the others their longest extent."""


@dataclass(frozen=True)
class Preview(Form):
    """The named components."""

    NEVER_DRAWN = ("section", "another")

    section: gr.Accordion
    kind: gr.Dropdown
    strength: gr.Slider
    size: gr.Slider
    another: gr.Button
    what: gr.HTML
    pictures: gr.Gallery


@dataclass(frozen=True)
class Judged(Form):
    """What the detector says to the spoiled photo."""

    verdict: gr.HTML


def build() -> tuple[Preview, Judged]:
    """The section that shows the defects."""
    with (
        gr.Accordion("See the synthetic defects", open=False, elem_id="defects") as section,
        gr.Row(equal_height=False),
    ):
        with gr.Column(scale=2, min_width=280):
            kinds = [(entry.title.capitalize(), kind) for kind, entry in defect.entries().items()]
            kind = gr.Dropdown(kinds, value=FIRST, label="Kind", elem_id="defect-kind", filterable=False)
            strength = gr.Slider(0.1, 1, value=0.6, step=0.05, label="Strength", elem_id="defect-strength")
            least, most, first = WIDTHS
            size = gr.Slider(least, most, value=first, step=1, label="Size, px", elem_id="defect-size")
            another = gr.Button("Another place", size="sm", elem_id="defect-another")
        with gr.Column(scale=3, min_width=280):
            what = gr.HTML("", elem_id="defect-what")
            pictures = gr.Gallery(
                label="Good photo and photo with the defect",
                show_label=False,
                columns=2,
                height="auto",
                object_fit="contain",
                interactive=False,
                allow_preview=False,
                buttons=[],
                elem_id="defect-pictures",
            )
            verdict = gr.HTML("", elem_id="defect-verdict")
    return Preview(section, kind, strength, size, another, what, pictures), Judged(verdict)


def wire(server: Server, preview: Preview, part_id: gr.State) -> list:
    """Look at a defect. Returns the events, after which the page redraws."""
    shown, strength, size = bound(server, choose_kind), bound(server, choose_strength), bound(server, choose_size)
    return [
        preview.section.expand(bound(server, unfold), [part_id], None, **PRIVATE),
        preview.kind.input(shown, [part_id, preview.kind], None, **PRIVATE),
        preview.strength.release(strength, [part_id, preview.strength], None, **PRIVATE),
        preview.size.release(size, [part_id, preview.size], None, **PRIVATE),
        preview.another.click(bound(server, elsewhere), [part_id], None, **PRIVATE),
    ]


def unfold(server: Server, id: str) -> None:
    """The first defect, made when somebody first wants to see one."""
    part = server.store.part(id)
    if part and not part.choices.defect_kind:
        part.choose(defect_kind=FIRST)


def choose_kind(server: Server, id: str, kind: str) -> None:
    """Another kind, at its own first size."""
    server.part(id).choose(defect_kind=kind, defect_size=None)


def choose_strength(server: Server, id: str, strength: float) -> None:
    """Weaker or stronger, at the same place."""
    server.part(id).choose(defect_strength=strength)


def choose_size(server: Server, id: str, size: float) -> None:
    """Smaller or larger."""
    server.part(id).choose(defect_size=size)


def elsewhere(server: Server, id: str) -> None:
    """Another place, on the next photo."""
    part = server.part(id)
    part.choose(defect_place=part.choices.defect_place + 1)


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    chosen = part.choices
    about = [chosen.defect_kind, chosen.defect_strength, chosen.defect_size, chosen.defect_place]
    return [part.id, *about, *map(str, part.photos())]


def judged_token(part: Part | None) -> list:
    """Changes when `judge` would say something else."""
    number = part.choices.generation if part else None
    model = part.generation(number) / "model" / "model.json" if part and number else None
    return [*token(part), number, model.stat().st_mtime_ns if model and model.exists() else 0]


def show(preview: Preview, part: Part | None) -> dict:
    """New values of the components."""
    chosen = part.choices if part else None
    kind = chosen.defect_kind if chosen else ""
    least, most, size = _sizes(part)
    label = "Width of the line, px" if is_line(kind or FIRST) else "Longest extent, px"
    fields = {
        preview.kind: kind or FIRST,
        preview.strength: chosen.defect_strength if chosen else 0.6,
        preview.size: gr.Slider(minimum=least, maximum=most, value=size, label=label),
    }
    if part is None or not kind or not part.photos():
        return fields | {preview.what: "", preview.pictures: gr.Gallery([])}
    good, spoiled = _pair(part)
    said = note(defect.entry(kind).facts["about"], "hint") if spoiled else note(words.unseen(kind), "warn")
    pictures = [(large(good), "good photo")]
    if spoiled:
        pictures.append((outlined(large(to_pixels(spoiled.image)), spoiled.mask.numpy()), "with the defect"))
    return fields | {preview.what: said, preview.pictures: gr.Gallery(pictures)}


def judge(judged: Judged, server: Server, part: Part | None) -> dict:
    """What the detector says, compared with the rows of the other photos where there are some."""
    card, number = model_card(part), part.choices.generation if part else None
    if part is None or number is None or not card or not part.choices.defect_kind or not part.photos():
        return {judged.verdict: ""}
    _, spoiled = _pair(part)
    if spoiled is None:
        return {judged.verdict: ""}
    known = settings_of(part, number).photos
    path = str(_photo(part))
    own = known.index(path) if path in known and len(known) > 1 else None
    result = scored(server.service, part.generation(number) / "model", spoiled.image, own)
    from tgvig_core.diagnosis.detectability import on_defect

    hit = on_defect(result.maps[0], spoiled.mask)
    return {judged.verdict: words.verdict(float(result.scores[0]), card.calibration, hit)}


def _sizes(part: Part | None) -> tuple[int, int, float]:
    """Least and greatest size of the kind that is looked at, and the chosen one."""
    chosen = part.choices if part else None
    least, most, first = WIDTHS if is_line((chosen and chosen.defect_kind) or FIRST) else EXTENTS
    size = chosen.defect_size if chosen else None
    return least, most, first if size is None else min(max(size, least), most)


def _photo(part: Part) -> Path:
    photos = part.photos()
    return photos[part.choices.defect_place % len(photos)]


def _pair(part: Part) -> tuple[np.ndarray, Defect | None]:
    """The good photo in the detector's frame, SIDE×SIDE×3 uint8, and its defect; None where it would not be seen."""
    path, chosen = _photo(part), part.choices
    asked = chosen.defect_kind, chosen.defect_strength, float(_sizes(part)[2]), chosen.defect_place
    return square(path, path.stat().st_mtime_ns), spoiled_photo(path, path.stat().st_mtime_ns, *asked)
