"""A detector without generated images: the photos alone, or plain copies of them, need neither prompt nor set."""

import json
import time

import gradio as gr
import pytest
from photos import category, normals

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.service import Options
from tgvig_ui.launch import make
from tgvig_ui.parts import downloads
from tgvig_ui.parts.generations import unfinished
from tgvig_ui.parts.results import results
from tgvig_ui.steps.generate import layout as generating_layout
from tgvig_ui.steps.generate import view as generating
from tgvig_ui.steps.inspect.events import add, go
from tgvig_ui.steps.train import view as training

GENERATED, COPIES, PHOTOS = training.ARMS


@pytest.fixture
def server(tmp_path):
    made = make(tmp_path / "parts", Options("embedded", device="cpu"), local=True)
    yield made
    made.executor.close()


@pytest.fixture
def part(server):
    part = server.store.new()
    part.add_photos(normals("bottle", 2))
    return part


def done(server, part) -> None:
    while server.busy(part):
        time.sleep(0.05)
    assert server.status(part).state == "done", server.status(part)


@pytest.mark.parametrize(
    ("arm", "words"), [(PHOTOS, "the photos only"), (COPIES, "the photos and plain copies of them")]
)
def test_photos_alone_become_a_detector_and_a_report_without_a_prompt(server, part, tmp_path, arm, words):
    training.train(server, part.id, arm, "PatchCore", 5, "")
    done(server, part)
    assert training.model_card(part).best_iteration is None and unfinished(part) == []
    add(server, part.id, [str(path) for path in normals("bottle", 4)[2:]])
    go(server, part.id)
    done(server, part)
    report = downloads.write(part, results(part), "report.html").read_text()
    assert f"It learned from {words}." in report and "an unnamed part" in report
    assert "Prompt" not in report and "generated" not in report


def test_training_at_once_tells_of_an_odd_photo_too(server):
    part = server.store.new()
    part.add_photos([*normals("bottle", 3), category("bottle") / "test" / "broken_large" / "001.jpg"])
    training.train(server, part.id, PHOTOS, "PatchCore", 5, "")
    done(server, part)
    (note,) = json.loads((part.folder / "odd" / "notes.json").read_text())["notes"]
    assert note["path"] == str(part.photos()[3])
    assert (part.folder / note["heatmap"]).stat().st_mtime_ns < (
        part.generation(1) / "model" / "model.json"
    ).stat().st_mtime_ns


def test_step_3_goes_on_as_if_nothing_had_been_generated(server, part):
    training.train(server, part.id, PHOTOS, "PatchCore", 5, "")
    done(server, part)
    with gr.Blocks():
        step = generating_layout.build()
    shown = generating.show(step, part, busy=False)
    assert shown[step.said] == generating_layout.EMPTY and not shown[step.more].visible


def test_new_photos_need_no_step_back(server, part):
    training.train(server, part.id, PHOTOS, "PatchCore", 5, "")
    done(server, part)
    training.train(server, part.id, PHOTOS, "PatchCore", 10, "")
    done(server, part)
    assert part.generations() == [1]
    part.add_photos(normals("bottle", 3)[2:])
    training.train(server, part.id, PHOTOS, "PatchCore", 5, "")
    done(server, part)
    assert part.generations() == [1, 2] and part.choices.generation == 2


def test_generated_images_must_be_there_to_be_learned_from(server, part):
    with pytest.raises(TgvigError, match="generate a set in step 3, or train on the photos"):
        training.train(server, part.id, GENERATED, "PatchCore", 5, "")
    with pytest.raises(TgvigError, match="no photos yet"):
        training.train(server, server.store.new().id, PHOTOS, "PatchCore", 5, "")
