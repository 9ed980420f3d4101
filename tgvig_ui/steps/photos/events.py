"""What happens in step 1: add photos from files, a sample part or a folder, remove one, say how parts may lie."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import gradio as gr

from tgvig_core.photos.images import read_photo
from tgvig_core.photos.inputs import expand_inputs
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.add_photos import add_normals, check_given, only_local
from tgvig_ui.jobs.server import Server, bound, said
from tgvig_ui.parts.photo_names import under_own_name
from tgvig_ui.steps.photos.view import Normals
from tgvig_ui.widgets.form import PRIVATE


def wire(server: Server, step: Normals, part_id: gr.State) -> list:
    """What happens on a click. Only these handlers change the part. Returns the events, after which the page redraws."""
    on = partial(bound, server)
    private = PRIVATE | {"show_progress": "minimal"}
    step.gallery.select(on(pick), part_id, step.picked, **private)
    pose_boxes, posing = [part_id, step.flips, step.turns], on(pose)
    added = step.upload.upload(on(add), [part_id, step.upload], [part_id, step.upload], **private)
    # refused files leave the field, or the next upload would hand them in again
    added.failure(lambda: None, None, step.upload, **private)
    return [
        added,
        step.samples.input(on(sample), [part_id, step.samples], [part_id, step.samples], **private),
        step.take_path.click(on(from_path), [part_id, step.path], part_id, **private),
        step.remove.click(on(forget), [part_id, step.picked], step.picked, **private),
        *(box.input(posing, pose_boxes, None, **private) for box in (step.flips, step.turns)),
    ]


def add(server: Server, id: str, given: list[str] | None) -> tuple:
    """The files that were uploaded."""
    return _take(server, id, [Path(path) for path in given or ()]), None


def sample(server: Server, id: str, name: str | None) -> tuple:
    """A sample part."""
    if not name:
        return gr.skip(), gr.skip()
    folder = server.samples / name.replace(" ", "_")
    part = server.store.new()  # a sample is a part of its own: nothing of the person's photos is mixed in
    part.add_photos(sorted((folder / "train" / "good").iterdir()))
    part.choose(object_name="metal nut" if name == "hex nut" else name)
    return part.id, None


def from_path(server: Server, id: str, text: str) -> str:
    """The photos of a folder of this computer."""
    only_local(server)
    return _take(server, id, local_photos(text))


def pick(server: Server, id: str, event: gr.SelectData) -> Path | None:
    """The photo that is selected. Its place alone would mean another photo once one is removed, or in another part."""
    photos = server.part(id).photos()
    return photos[event.index] if event.index < len(photos) else None


def forget(server: Server, id: str, picked: Path | None) -> None:
    """Remove the photo that is selected; none is selected then."""
    part = server.part(id)
    if picked not in part.photos():
        raise TgvigError("No photo is selected: click one in the list first.")
    if server.busy(part):
        raise TgvigError("The photos are in use: press Stop first.")
    picked.unlink()
    part.choose()


def pose(server: Server, id: str, flips: bool, turns: bool) -> None:
    """How good parts may lie in front of the camera."""
    server.part(id).choose(flips=flips, turns=turns)


def _take(server: Server, id: str, given: list[Path]) -> str:
    """Copy what can be read; name what cannot. Nothing is copied if all of it is bad."""
    known = server.store.part(id)
    check_given(server, known, given)
    good, bad = [], []
    for path in given:
        try:
            read_photo(path)
            good.append(path)
        except TgvigError as error:
            bad.append(under_own_name(error, path))
    if not good:
        raise TgvigError(bad[0] if bad else "No photo was given: choose at least one.")
    part = known or server.store.new()
    try:
        add_normals(part, good)
    except TgvigError:
        if known is None:
            shutil.rmtree(part.folder)
        raise
    for sentence in bad:
        gr.Warning(said(sentence), duration=None)
    return part.id


def local_photos(text: str) -> list[Path]:
    """The photos of a folder, file or pattern on this machine.

    Raises:
        TgvigError: nothing is there.
    """
    if not text.strip():
        raise TgvigError("The folder's path is empty: type one, such as /home/me/photos.")
    return expand_inputs([text.strip()])
