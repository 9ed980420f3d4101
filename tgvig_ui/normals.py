"""Step 1, good photos: upload, sample part or folder; what the photos are like, in plain words."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_core.images import read_normals, read_photo
from tgvig_core.photo_report import report
from tgvig_ui.server import Server, plain
from tgvig_ui.store import MAX_PHOTOS, Part, local_photos, read_json
from tgvig_ui.thumbs import thumb
from tgvig_ui.words import note

EMPTY = note(
    "No photos yet. One is enough to begin; five are better. Show the part as your camera will see it later.", "empty"
)


@dataclass(frozen=True)
class Normals:
    """The step's named components."""

    upload: gr.File
    samples: gr.Radio
    path: gr.Textbox
    take_path: gr.Button
    gallery: gr.Gallery
    remove: gr.Button
    picked: gr.State
    notes: gr.HTML
    flips: gr.Checkbox
    turns: gr.Checkbox
    next: gr.Button

    def shown(self) -> list:
        """What `show` may fill."""
        return [self.gallery, self.notes, self.remove, self.flips, self.turns, self.next]


def build(server: Server) -> Normals:
    """The step's page."""
    names = [path.name.replace("_", " ") for path in sorted(server.samples.iterdir()) if (path / "train").is_dir()]
    gr.Markdown("### Photos of good parts\nNo defects are needed: the detector learns what *good* looks like.")
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            upload = gr.File(
                label="Add 1 to 5 photos (PNG, JPEG, TIFF, BMP, WebP)",
                file_count="multiple",
                height=170,
                elem_id="upload-normals",
            )
            samples = gr.Radio(
                names, label="No photos at hand? Try a sample part (rendered, not photographed)", elem_id="samples"
            )
            with gr.Accordion("Photos in a folder of this computer", open=False, visible=server.local):
                path = gr.Textbox(label="Folder or file", placeholder="/home/me/photos/good", elem_id="normals-path")
                take_path = gr.Button("Add the photos of this folder", size="sm", elem_id="take-path")
            flips = gr.Checkbox(label="Good parts may also appear mirrored", elem_id="flips")
            turns = gr.Checkbox(
                label="Good parts may also appear turned by quarter turns",
                elem_id="turns",
                info="Say so only if it is true: otherwise a mirrored part would no longer be noticed.",
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
    return Normals(upload, samples, path, take_path, gallery, remove, gr.State(None), notes, flips, turns, next_)


def wire(server: Server, step: Normals, part_id: gr.State) -> list:
    """What happens on a click. Only these handlers change the part. Returns the events, after which the page redraws."""

    @plain
    def add(id: str, given: list[str] | None) -> tuple:
        return _add(server, id, [Path(path) for path in given or ()]), None

    @plain
    def sample(id: str, name: str | None) -> tuple:
        if not name:
            return gr.skip(), gr.skip()
        folder = server.samples / name.replace(" ", "_")
        part = server.store.new()  # a sample is a part of its own: nothing of the person's photos is mixed in
        part.add_photos(sorted((folder / "train" / "good").iterdir()))
        part.choose(object_name="metal nut" if name == "hex nut" else name)
        return part.id, None

    @plain
    def from_path(id: str, text: str) -> str:
        return _add(server, id, local_photos(text))

    @plain
    def forget(id: str, picked: int | None) -> None:
        part = server.part(id)
        photos = part.photos()
        if picked is None or picked >= len(photos):
            raise TgvigError("No photo is selected: click one in the list first.")
        if server.status(part) and server.status(part).busy:
            raise TgvigError("The photos are in use: press Stop first.")
        photos[picked].unlink()
        part.choose()

    @plain
    def pose(id: str, flips: bool, turns: bool) -> None:
        server.part(id).choose(flips=flips, turns=turns)

    private = {"api_visibility": "private", "show_progress": "minimal"}
    step.gallery.select(_picked, None, step.picked, **private)
    pose_boxes = [part_id, step.flips, step.turns]
    added = step.upload.upload(add, [part_id, step.upload], [part_id, step.upload], **private)
    # refused files leave the field, or the next upload would hand them in again
    added.failure(lambda: None, None, step.upload, **private)
    return [
        added,
        step.samples.input(sample, [part_id, step.samples], [part_id, step.samples], **private),
        step.take_path.click(from_path, [part_id, step.path], part_id, **private),
        step.remove.click(forget, [part_id, step.picked], None, **private),
        *(box.input(pose, pose_boxes, None, **private) for box in (step.flips, step.turns)),
    ]


def _picked(event: gr.SelectData) -> int:
    return event.index


def _add(server: Server, id: str, given: list[Path]) -> str:
    """Copy what can be read; name what cannot. Nothing is copied if all of it is bad."""
    good, bad = [], []
    for path in given:
        try:
            read_photo(path)
            good.append(path)
        except TgvigError as error:
            bad.append(str(error).replace(str(path), path.name))
    if not good:
        raise TgvigError(bad[0] if bad else "No photo was given: choose at least one.")
    known = server.store.part(id)
    part = known or server.store.new()
    copies: list[Path] = []
    try:
        copies = part.add_photos(good)
        read_normals(part.photos(), MAX_PHOTOS)  # the same photo twice, too many megapixels
    except TgvigError:
        for path in copies:
            path.unlink()
        if known is None:
            shutil.rmtree(part.folder)
        raise
    for sentence in bad:
        gr.Warning(sentence, duration=None)
    return part.id


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    return [] if part is None else [str(path) for path in part.photos()] + [part.id, bool(_odd(part))]


def show(step: Normals, part: Part | None) -> dict:
    """New values of the step's components."""
    photos = part.photos() if part else []
    if not photos:
        return {step.gallery: gr.Gallery([]), step.notes: EMPTY, step.remove: gr.Button(visible=False),
                step.next: gr.Button(interactive=False)}  # fmt: skip
    pictures = [(str(thumb(path, part.folder / "thumbs")), path.name[5:]) for path in photos]
    found = [f"{item.path.name[5:]}: {item.text}" for item in report(read_normals(photos, MAX_PHOTOS))] + _odd(part)
    texts = "".join(note(text, "warn") for text in found) or note(
        "The photos look fine: sharp, well lit, no duplicates."
    )
    few = "One photo works, but how often good parts will be rejected can then only be guessed; 3 to 5 are better."
    return {
        step.gallery: gr.Gallery(pictures),
        step.notes: texts + (note(few, "hint") if len(photos) < 3 else ""),
        step.remove: gr.Button(visible=True),
        step.flips: part.choices.flips,
        step.turns: part.choices.turns,
        step.next: gr.Button(interactive=True),
    }


def _odd(part: Part) -> list[str]:
    """What the ranking job found about photos that do not look like the others."""
    return (read_json(part.folder / "odd.json") or {}).get("notes", [])
