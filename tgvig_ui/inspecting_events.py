"""What happens in step 5: add photos, inspect, move the threshold, look at one, decide, feed good ones back."""

from __future__ import annotations

import shutil
from pathlib import Path

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_core.images import read_photo
from tgvig_ui.inspecting import DECISIONS, Inspecting
from tgvig_ui.looking import looked_row
from tgvig_ui.results import results
from tgvig_ui.samples import sample_of
from tgvig_ui.server import Server, plain
from tgvig_ui.store import Part
from tgvig_ui.training import model_card


def wire(server: Server, step: Inspecting, part_id: gr.State) -> list:
    """Add photos, inspect, move the threshold, look, decide, feed back. Returns the events, after which the page redraws."""

    @plain
    def add(id: str, given: list[str] | None) -> None:
        part, good = server.part(id), []
        if (part.folder / "tests" / "test" / "good").is_dir():
            raise TgvigError("The photos here came from a folder with labels: remove them before you add others.")
        for path in map(Path, given or ()):
            try:
                read_photo(path)
                good.append(path)
            except TgvigError as error:
                gr.Warning(str(error).replace(str(path), path.name), duration=None)
        if good:
            part.add_photos(good, "tests/test")
        part.choose()

    @plain
    def sample(id: str) -> None:
        _take_folder(server.part(id), server.samples / sample_of(server, server.part(id)) / "test")

    @plain
    def from_path(id: str, text: str) -> None:
        if not text.strip() or not Path(text.strip()).is_dir():
            raise TgvigError(f"There is no folder {text.strip()!r}: type the path of a folder of photos.")
        _take_folder(server.part(id), Path(text.strip()))

    @plain
    def clear(id: str) -> None:
        part = server.part(id)
        shutil.rmtree(part.folder / "tests", ignore_errors=True)
        part.choose(decisions={})

    @plain
    def go(id: str) -> None:
        part = server.part(id)
        if not part.tests():
            raise TgvigError("There are no photos to inspect: add some.")
        if not model_card(part):
            raise TgvigError("There is no detector yet: train one in step 4.")
        server.submit(part, "inspect", {"generation": part.choices.generation})

    @plain
    def look(id: str, event: gr.SelectData) -> None:
        server.part(id).choose(looked_at=str(event.row_value[0]))

    @plain
    def how(id: str, overlay: str, opacity: float, pitch: str) -> None:
        server.part(id).choose(overlay=overlay, opacity=opacity, pitch=_pitch(pitch))

    @plain
    def move(id: str, value: float | None) -> None:
        server.part(id).choose(threshold=value)

    def decide(key: str):
        @plain
        def mark(id: str) -> None:
            part = server.part(id)
            if row := looked_row(part):
                part.choose(decisions=part.choices.decisions | {row.name: key})

        return mark

    @plain
    def learn(id: str) -> None:
        part = server.part(id)
        found = results(part)
        marked = [row.path for row in found.rows if row.decision == "OK"]
        part.add_photos(marked)
        gr.Info(f"{len(marked)} photos were added to the good ones in step 1. Generate and train again to use them.")

    private = {"api_visibility": "private", "show_progress": "hidden"}
    shown = [part_id, step.overlay, step.opacity, step.pitch]
    added = step.upload.upload(add, [part_id, step.upload], step.upload, **private)
    # refused files leave the field, or the next upload would hand them in again
    added.failure(lambda: None, None, step.upload, **private)
    return [
        added,
        step.sample.click(sample, [part_id], None, **private),
        step.take_path.click(from_path, [part_id, step.path], None, **private),
        step.clear.click(clear, [part_id], None, **private),
        step.go.click(go, [part_id], None, **private),
        step.threshold.release(move, [part_id, step.threshold], None, **private),
        step.reset.click(lambda id: move(id, None), [part_id], None, **private),
        step.table.select(look, [part_id], None, **private),
        step.overlay.input(how, shown, None, **private),
        step.opacity.release(how, shown, None, **private),
        step.pitch.submit(how, shown, None, **private),
        *(
            button.click(decide(key), part_id, None, **private)
            for button, key in zip(step.decide, DECISIONS, strict=True)
        ),
        step.learn.click(learn, [part_id], None, **private),
    ]


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


def _take_folder(part: Part, folder: Path) -> None:
    """Copy a test folder; in MVTec layout its masks come along."""
    from tgvig_core.testset import read_test_folder

    photos = read_test_folder(folder)
    part.check_room([photo.path for photo in photos])
    target = part.folder / "tests"
    shutil.rmtree(target, ignore_errors=True)
    for photo in photos:
        inside = target / "test" / photo.path.relative_to(folder)
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photo.path, inside)
        if photo.mask:
            mask = target / "ground_truth" / photo.mask.relative_to(folder.parent / "ground_truth")
            mask.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo.mask, mask)
    part.choose(decisions={})
