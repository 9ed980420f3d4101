"""What happens in step 5: add photos, inspect, move the threshold, look at one, decide, feed good ones back, download."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import gradio as gr

from tgvig_core.photos.images import read_photo
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.add_photos import add_unknown_normals, check_given, only_local
from tgvig_ui.jobs.arguments import Inspect
from tgvig_ui.jobs.server import Server, bound, said
from tgvig_ui.parts import downloads
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.photo_names import storable, under_own_name
from tgvig_ui.parts.results import results
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.inspect import words
from tgvig_ui.steps.inspect.closeup import looked_row
from tgvig_ui.steps.inspect.layout import DECISIONS, Inspecting
from tgvig_ui.widgets.form import PRIVATE

SAVE = """(file) => {
  const link = document.createElement('a');
  link.href = file.url;
  link.download = file.orig_name;
  document.body.append(link);
  link.click();
  link.remove();
}"""
"""A gr.DownloadButton hands out the file that it had before the click, and thus one of a former threshold."""


def wire(server: Server, step: Inspecting, part_id: gr.State) -> list:
    """Add photos, inspect, move the threshold, look, decide, feed back. Returns the events, after which the page redraws."""
    on = partial(bound, server)
    shown = [part_id, step.overlay, step.opacity, step.pitch]
    moving, showing = on(move), on(how)
    added = step.upload.upload(on(add), [part_id, step.upload], step.upload, **PRIVATE)
    # refused files leave the field, or the next upload would hand them in again
    added.failure(lambda: None, None, step.upload, **PRIVATE)
    for name, button in step.files.items():
        _wire_file(button, on(fetch, name), part_id, step.written)
    return [
        added,
        step.sample.click(on(sample), [part_id], None, **PRIVATE),
        step.take_path.click(on(from_path), [part_id, step.path], None, **PRIVATE),
        step.clear.click(on(clear), [part_id], None, **PRIVATE),
        step.go.click(on(go), [part_id], None, **PRIVATE),
        step.threshold.release(moving, [part_id, step.threshold], None, **PRIVATE),
        step.reset.click(lambda id: moving(id, None), [part_id], None, **PRIVATE),
        step.table.select(on(look), [part_id], None, **PRIVATE),
        step.overlay.input(showing, shown, None, **PRIVATE),
        step.opacity.release(showing, shown, None, **PRIVATE),
        step.pitch.submit(showing, shown, None, **PRIVATE),
        *(
            button.click(on(mark, key), part_id, None, **PRIVATE)
            for button, key in zip(step.decide, DECISIONS, strict=True)
        ),
        step.learn.click(on(learn), [part_id], None, **PRIVATE),
    ]


def _wire_file(button: gr.Button, written, part_id: gr.State, carrier: gr.DownloadButton) -> None:
    """Write a file once it is asked for, then hand it over; until then the button tells that it is at work."""
    words = button.value
    pressed = button.click(
        lambda: gr.Button("Writing the file…", interactive=False), None, button, queue=False, **PRIVATE
    )
    writing = pressed.then(written, part_id, carrier, **PRIVATE)
    writing.success(None, carrier, None, js=SAVE, api_visibility="private")
    for over in (writing.success, writing.failure):
        over(lambda: gr.Button(words, interactive=True), None, button, queue=False, **PRIVATE)


def add(server: Server, id: str, given: list[str] | None) -> None:
    """Copy the photos that can be read; name those that cannot."""
    part, good = server.part(id), []
    if (part.folder / "tests" / "test" / "good").is_dir():
        raise TgvigError("The photos here came from a folder with labels: remove them before you add others.")
    paths = [Path(path) for path in given or ()]
    check_given(server, part, paths, tests=True)
    for path in paths:
        try:
            read_photo(path)
            good.append(path)
        except TgvigError as error:
            gr.Warning(said(under_own_name(error, path)), duration=None)
    if good:
        part.add_photos(good, "tests/test")
    part.choose()


def sample(server: Server, id: str) -> None:
    """The test photos of the sample part that the good photos are of."""
    part = server.part(id)
    name = server.sample_of(part)
    if name is None:
        raise TgvigError("These are not the photos of a sample part: add photos of your own to inspect.")
    _take_folder(server, part, server.samples / name / "test")


def from_path(server: Server, id: str, text: str) -> None:
    """The photos of a folder of this computer."""
    only_local(server)
    if not text.strip() or not Path(text.strip()).is_dir():
        raise TgvigError(f"There is no folder {text.strip()!r}: type the path of a folder of photos.")
    _take_folder(server, server.part(id), Path(text.strip()))


def clear(server: Server, id: str) -> None:
    """Remove all test photos, and the results that show them."""
    part = server.part(id)
    _check_unused(server, part)
    part.remove_tests()


def go(server: Server, id: str) -> None:
    """Inspect."""
    part = server.part(id)
    if not part.tests():
        raise TgvigError("There are no photos to inspect: add some.")
    number = part.choices.generation
    if number is None or not model_card(part):
        raise TgvigError("There is no detector yet: train one in step 4.")
    server.submit(part, "inspect", Inspect(number))


def look(server: Server, id: str, event: gr.SelectData) -> None:
    """The photo of the row that was clicked."""
    server.part(id).choose(looked_at=str(event.row_value[0]))


def how(server: Server, id: str, overlay: str, opacity: float, pitch: str) -> None:
    """What lies over the photo, and how large its pixels are."""
    server.part(id).choose(overlay=overlay, opacity=opacity, pitch=_pitch(pitch))


def move(server: Server, id: str, value: float | None) -> None:
    """Move the threshold; None: back to the calibrated one."""
    server.part(id).choose(threshold=value)


def mark(server: Server, key: str, id: str) -> None:
    """Decide about the photo that is looked at."""
    part = server.part(id)
    if found := results(part):
        part.choose(decisions=part.choices.decisions | {looked_row(part, found).name: key})


def learn(server: Server, id: str) -> None:
    """Photos marked OK become good photos; those that are good photos already are passed over."""
    part = server.part(id)
    found = results(part)
    marked = [row.path for row in found.rows if row.decision == "OK"] if found else []
    if not marked:
        raise TgvigError("No photo is marked OK: look at a good one and press O.")
    check_given(server, part, marked)
    before = set(part.photos())
    added = add_unknown_normals(part, marked)
    fresh = [path.name for path in part.photos() if path not in before]
    part.choose(learned=(*part.choices.learned, *fresh))
    gr.Info(words.learned(added, len(marked) - added))


def fetch(server: Server, name: str, id: str) -> str:
    """The file of that name, of the results as they stand."""
    part = server.part(id)
    found = results(part)
    if not found:
        raise TgvigError("There are no results to download: add photos and press Inspect.")
    return str(downloads.write(part, found, name))


def _pitch(text: str) -> float | None:
    """Millimetres per pixel, None where the field is empty.

    Raises:
        TgvigError: not a positive number.
    """
    if not text.strip():
        return None
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        raise TgvigError(f"{text.strip()!r} is not a length in millimetres per pixel: give a number such as 0.05.")
    return value


def _check_unused(server: Server, part: Part) -> None:
    """Refuse to remove test photos that are being inspected.

    Raises:
        TgvigError: an inspection runs or waits.
    """
    state = server.status(part)
    if state and state.busy and state.kind == "inspect":
        raise TgvigError("The test photos are being inspected: wait for it, or press Stop first.")


def _take_folder(server: Server, part: Part, folder: Path) -> None:
    """Copy a test folder; in MVTec layout its masks come along."""
    from tgvig_core.photos.labelled_folder import read_test_folder

    _check_unused(server, part)
    photos = read_test_folder(folder)
    part.check_room([photo.path for photo in photos])
    with whole(part.folder / "tests") as target:
        for photo in photos:
            inside = target / "test" / _storable(photo.path.relative_to(folder))
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo.path, inside)
            for path in photo.masks:
                mask = target / "ground_truth" / _storable(path.relative_to(folder.parent / "ground_truth"))
                mask.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, mask)
        part.remove_tests()


def _storable(path: Path) -> Path:
    return Path(*map(storable, path.parts))
