"""Step 1, good photos: where things are on the page, and how they are drawn; what the photos are like, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from tgvig_core.photos.images import read_normals
from tgvig_core.photos.quality_notes import report
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts import outlier_photos
from tgvig_ui.parts.part import MAX_PHOTOS, Part
from tgvig_ui.parts.photo_names import own_names, with_own_names
from tgvig_ui.parts.thumbnails import thumb
from tgvig_ui.widgets.form import Form
from tgvig_ui.widgets.html import note, pictured

EMPTY = note(
    "No photos yet. One is enough to begin; five are better. Show the part as your camera will see it later.", "empty"
)
LEAVE_OUT = "The picture shows where. To exclude it, click it in the list above and press “Remove the selected photo”."


@dataclass(frozen=True)
class Normals(Form):
    """The step's named components."""

    NEVER_DRAWN = ("upload", "samples", "path", "take_path", "picked")

    upload: gr.File
    samples: gr.Radio
    ready: gr.Button
    path: gr.Textbox
    take_path: gr.Button
    gallery: gr.Gallery
    notes: gr.HTML
    remove: gr.Button
    picked: gr.State
    flips: gr.Checkbox
    turns: gr.Checkbox
    next: gr.Button


def build(server: Server) -> Normals:
    """The step's page."""
    names = [path.name.replace("_", " ") for path in sorted(server.samples.iterdir()) if (path / "train").is_dir()]
    gr.Markdown(
        "### Photos of good parts\nNo defects are needed: the detector learns what *good* looks like. PNG, JPEG, TIFF, BMP or WebP."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            upload = gr.File(
                label="Add 1 to 5 photos",
                file_count="multiple",
                height=170,
                elem_id="upload-normals",
            )
            if server.limits:
                gr.HTML(note(server.limits.photos_line, "hint"), elem_id="limits-photos")
            samples = gr.Radio(
                names, label="No photos at hand? Try a sample part (rendered, not photographed)", elem_id="samples"
            )
            ready = gr.Button("Look at a finished example", size="sm", elem_id="ready")
            with gr.Accordion("Photos in a folder of this computer", open=False, visible=server.local):
                path = gr.Textbox(label="Folder or file", placeholder="/home/me/photos/good", elem_id="normals-path")
                take_path = gr.Button("Add the photos of this folder", size="sm", elem_id="take-path")
            flips = gr.Checkbox(label="Good parts may also appear mirrored", elem_id="flips")
            turns = gr.Checkbox(
                label="Good parts may also appear rotated by 90°",
                elem_id="turns",
                info="Tick only what is true: a mirrored or rotated part is no longer reported then.",
            )
        with gr.Column(scale=3, min_width=280):
            gallery = gr.Gallery(
                label="Your good photos",
                show_label=False,
                columns=5,
                height=190,
                object_fit="contain",
                interactive=False,
                buttons=["fullscreen"],
                elem_id="normals",
                allow_preview=False,
            )
            notes = gr.HTML(EMPTY, elem_id="normal-notes")
            remove = gr.Button("Remove the selected photo", size="sm", visible=False, elem_id="remove-normal")
    next_ = gr.Button("Next: describe the part", variant="primary", interactive=False, elem_id="to-prompts")
    return Normals(upload, samples, ready, path, take_path, gallery, notes, remove, gr.State(None), flips, turns, next_)


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    return [part.id, *outlier_photos.token(part)]


def show(step: Normals, part: Part | None) -> dict:
    """New values of the step's components."""
    photos = part.photos() if part else []
    poses = {step.flips: bool(part and part.choices.flips), step.turns: bool(part and part.choices.turns)}
    if part is None or not photos:  # the boxes, too: a new part must not seem to have the poses of the one before it
        return poses | {step.gallery: gr.Gallery([]), step.notes: EMPTY, step.remove: gr.Button(visible=False),
                        step.next: gr.Button(interactive=False), step.ready: gr.Button(visible=True)}  # fmt: skip
    pictures = [(str(thumb(path, part.folder / "thumbs")), name) for path, name in own_names(photos).items()]
    texts = "".join(_notes(part, photos)) or note("The photos look fine: sharp, well lit, no duplicates.")
    few = "One photo works, but how often good parts will be rejected can then only be guessed; 3 to 5 are better."
    return poses | {
        step.gallery: gr.Gallery(pictures, selected_index=None),  # the frame must not pass to the next photo
        step.notes: texts + (note(few, "hint") if len(photos) < 3 else ""),
        step.remove: gr.Button(visible=True),
        step.ready: gr.Button(visible=False),
        step.next: gr.Button(interactive=True),
    }


def _notes(part: Part, photos: list[Path]) -> list[str]:
    """What the photos are like, as HTML, in the person's own names for them."""
    try:
        normals = read_normals(photos, MAX_PHOTOS)
    except TgvigError as error:  # such as a photo that is there twice: it must be seen to be removed
        return [note(with_own_names(str(error), photos), "warn")]
    found = [note(with_own_names(item.text, photos), "warn") for item in report(normals)]
    return found + _outliers(part)


def _outliers(part: Part) -> list[str]:
    """The photos that do not look like the others, and where."""
    found = []
    for one in outlier_photos.outliers(part):
        picture = thumb(one.heatmap, part.folder / "thumbs")
        alt = f"Heatmap: where {one.name} is unlike the other photos"
        found.append(pictured(f"{one.text} {LEAVE_OUT}", picture, alt))
    return found
