"""What happens in step 5: add photos, inspect, move the threshold, look at one, decide, feed good ones back."""

from __future__ import annotations

import shutil
from pathlib import Path

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_core.images import read_photo
from tgvig_ui.inspecting import DECISIONS, Inspecting
from tgvig_ui.looking import look_at
from tgvig_ui.results import results
from tgvig_ui.samples import sample_of
from tgvig_ui.server import Server, plain
from tgvig_ui.store import Part
from tgvig_ui.training import model_card


def wire(server: Server, step: Inspecting, part_id: gr.State) -> None:
    """Add photos, inspect, move the threshold, look, decide, feed back."""

    @plain
    def add(id: str, given: list[str] | None) -> None:
        part, good = server.part(id), []
        for path in map(Path, given or ()):
            try:
                read_photo(path)
                good.append(path)
            except TgvigError as error:
                gr.Warning(str(error).replace(str(path), path.name), duration=None)
        if good:
            part.add_photos(good, "tests/test")
        part.choose()
        return None

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
    def look(id: str, overlay: str, opacity: float, pitch: float | None, event: gr.SelectData) -> tuple:
        name = str(event.row_value[0])
        return name, *look_at(server, server.part(id), name, overlay, opacity, pitch)

    @plain
    def again(id: str, name: str | None, overlay: str, opacity: float, pitch: float | None) -> tuple:
        server.part(id).choose(pitch=pitch or None)
        return look_at(server, server.part(id), name, overlay, opacity, pitch) if name else (gr.skip(),) * 3

    def decide(key: str):
        @plain
        def mark(id: str, name: str | None) -> None:
            if not name:
                raise TgvigError("No photo is selected: click one in the table first.")
            part = server.part(id)
            part.choose(decisions=part.choices.decisions | {name: key})

        return mark

    @plain
    def learn(id: str) -> None:
        part = server.part(id)
        found = results(part)
        marked = [row.path for row in found.rows if row.decision == "OK"]
        part.add_photos(marked)
        gr.Info(f"{len(marked)} photos were added to the good ones in step 1. Generate and train again to use them.")

    private = {"api_visibility": "private", "show_progress": "hidden"}
    step.upload.upload(add, [part_id, step.upload], step.upload, **private)
    step.sample.click(sample, [part_id], None, **private)
    step.take_path.click(from_path, [part_id, step.path], None, **private)
    step.clear.click(clear, [part_id], None, **private)
    step.go.click(go, [part_id], None, **private)
    step.threshold.release(
        lambda id, value: server.part(id).choose(threshold=value) and None, [part_id, step.threshold], None, **private
    )
    step.reset.click(lambda id: server.part(id).choose(threshold=None) and None, [part_id], None, **private)
    how = [step.overlay, step.opacity, step.pitch]
    step.table.select(look, [part_id, *how], [step.picked, *step.looked()], **private)
    step.overlay.input(again, [part_id, step.picked, *how], step.looked(), **private)
    step.opacity.release(again, [part_id, step.picked, *how], step.looked(), **private)
    step.pitch.submit(again, [part_id, step.picked, *how], step.looked(), **private)
    for button, key in zip(step.decide, DECISIONS, strict=True):
        button.click(decide(key), [part_id, step.picked], None, **private)
    step.learn.click(learn, [part_id], None, **private)


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
