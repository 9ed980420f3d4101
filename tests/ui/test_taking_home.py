"""The detector as a bundle, without a browser: what its section shows, what the job is asked for, and what was done by hand."""

import json
import zipfile

import gradio as gr
import pytest
from made_cards import card_json
from made_generations import generation
from made_parts import photo_files

from tgvig_core.bundles import export
from tgvig_core.bundles.manifest import MODELS
from tgvig_core.packs.registry import PACKS
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_ui import api
from tgvig_ui.jobs import bundle as bundling
from tgvig_ui.jobs.arguments import Export
from tgvig_ui.jobs.bundle import done_by_hand
from tgvig_ui.jobs.job import Watch
from tgvig_ui.parts.bundles import made_of
from tgvig_ui.parts.json_files import read_json, write_json
from tgvig_ui.steps.inspect.events import learn
from tgvig_ui.steps.train import bundle as taking_home

pytestmark = pytest.mark.quick

EMBEDDED = PACKS["embedded"].backbone


@pytest.fixture(scope="module")
def section():
    with gr.Blocks():
        return taking_home.build()


@pytest.fixture
def part(held):
    """A part with a detector that learned from the second of three sets that were asked for."""
    made = held.part(generation=1, chosen_set=2)
    run = generation(made, 1, [0.3, 0.4])
    photos = [str(path) for path in made.photos()]
    config = run.read_json("config.json")
    run.write_json("config.json", config | {"settings": config["settings"] | {"photos": photos, "pack": "embedded"}})
    train(made)
    return made


def train(part, **changes) -> None:
    model = part.generation(1) / "model"
    model.mkdir(exist_ok=True)
    card = card_json("tgvig", 2.0, sha256="first", backbone=EMBEDDED, best_iteration=2)
    write_json(model / "model.json", card | changes)


@pytest.fixture
def exported(monkeypatch) -> list:
    """What the core's export was asked for; it writes a small ZIP."""
    asked = []

    def written(run, out, wishes, ctx):
        asked.append((run, wishes, ctx.stop))
        with zipfile.ZipFile(out, "w") as zipped:
            zipped.writestr("report.html", f"<p>{len(asked)}")
            for name in wishes.formats:
                zipped.writestr(MODELS[name][0], "")
        return out

    monkeypatch.setattr(export, "export", written)
    return asked


def asked(**changes) -> dict:
    return {"generation": 1, "formats": ["onnx"], "with_normals": False, "threshold": None} | changes


def test_without_a_detector_there_is_nothing_to_take_home(held, section):
    part = held.part()
    shown = taking_home.show(section, part)
    assert shown[section.make].interactive is False and "Train a detector first" in shown[section.said].value
    assert shown[section.has_bundle].visible is False and set(shown) == set(section.shown())
    with pytest.raises(TgvigError, match="no detector yet"):
        taking_home.make(held.server, part.id, ["onnx"], False)
    assert taking_home.token(None) == [] and taking_home.show(section, None)[section.make].interactive is False


def test_the_job_gets_what_was_chosen_and_the_threshold_of_that_moment(held, part, section):
    assert taking_home.show(section, part)[section.make].interactive is True
    part.choose(threshold=2.5)
    with pytest.raises(TgvigError, match="choose at least one"):
        taking_home.make(held.server, part.id, [], False)
    taking_home.make(held.server, part.id, ["torch", "onnx"], True)
    assert held.queued(part) == asked(formats=["torch", "onnx"], with_normals=True, threshold=2.5)
    assert held.server.status(part).kind == "export"


def test_formats_that_cannot_be_made_are_named_with_their_command(monkeypatch):
    monkeypatch.setattr(taking_home, "missing", lambda name: ["openvino"] if name == "openvino" else [])
    with gr.Blocks():
        section = taking_home.build()
    assert [value for _, value in section.formats.choices] == section.formats.value == ["onnx", "torch"]
    assert taking_home.lacking() == ["OpenVINO is not available here. To get it: pip install openvino"]


def test_a_bundle_is_made_and_shown(part, section, exported):
    before = taking_home.token(part)
    watch = Watch()
    bundling.make(part, Export(**asked(formats=["onnx", "torch"], with_normals=True, threshold=2.5)), watch)
    (run, wishes, stop), made = exported[0], made_of(part)
    assert run == part.generation(1) and stop is watch.stop
    assert wishes.formats == ("onnx", "torch") and wishes.with_normals and wishes.threshold == 2.5
    assert wishes.by_hand == ("The generation was ended after 2 of 3 iterations.",)
    assert made.report.read_text() == "<p>1" and made.bytes == made.file.stat().st_size
    assert taking_home.token(part) != before
    shown = taking_home.show(section, part)
    assert shown[section.has_bundle].visible is True and shown[section.download] == str(made.file)
    assert f'href="/gradio_api/file={made.report}" target="_blank"' in shown[section.report]
    assert made.sha256 in shown[section.use] and "onnx, torch, the good photos" in shown[section.use]
    assert f"tgvig inspect {made.file.name} PHOTOS --out DIR" in shown[section.use]
    assert f"tgvig serve {made.file.name}" in shown[section.use] and set(shown) == set(section.shown())


def test_only_the_last_bundle_stays(part, exported):
    bundling.make(part, Export(**asked()), Watch())
    first = made_of(part)
    (first.file.parent / ".nut-0a0a0a.zip.1234.part").mkdir()  # a server was killed while it made one
    (first.file.parent / ".nut-0a0a0a.zip.1234.part" / "config.json").touch()
    bundling.make(part, Export(**asked()), Watch())
    second = made_of(part)
    assert first.file != second.file and second.report.read_text() == "<p>2"
    assert {path.name for path in second.file.parent.iterdir()} == {second.file.name, second.report.name, "latest.json"}


def test_a_stopped_export_leaves_the_former_bundle(part, exported, monkeypatch):
    bundling.make(part, Export(**asked()), Watch())
    before = made_of(part)

    def stopped(*given):
        raise Stopped

    monkeypatch.setattr(export, "export", stopped)
    with pytest.raises(Stopped):
        bundling.make(part, Export(**asked()), Watch())
    assert made_of(part) == before and before.file.exists()


def test_a_bundle_of_a_former_state_says_so(part, section, exported):
    bundling.make(part, Export(**asked()), Watch())
    fresh = taking_home.token(part)
    assert made_of(part).outdated == "" and taking_home.show(section, part)[section.said].visible is False
    part.choose(threshold=3.0)
    assert "threshold has been moved" in made_of(part).outdated
    part.choose(threshold=None)
    write_json(part.generation(1) / "model" / "check.json", {})
    assert made_of(part).outdated == ""  # nothing in it
    write_json(part.generation(1) / "model" / "check.json", {"model": "first 2.0"})
    assert "has been checked since" in made_of(part).outdated
    train(part, calibration={"threshold": 2.1})
    assert "another detector" in made_of(part).outdated
    assert taking_home.token(part) != fresh
    said = taking_home.show(section, part)[section.said]
    assert said.visible is True and "another detector" in said.value


def test_what_was_done_by_hand_is_said(part, tmp_path):
    assert done_by_hand(part, 1) == ("The generation was ended after 2 of 3 iterations.",)
    name = part.photos()[0].name
    part.choose(learned=("0009_gone.png", name))
    train(part, backbone="dinov2", arm="real")
    learned, backbone = done_by_hand(part, 1)
    assert learned.endswith(f"added to the good photos: {name}.")
    assert backbone == f"The detector was given the features of dinov2 in place of {EMBEDDED}, those of the pack."


def test_photos_marked_ok_are_remembered_as_such(held, part):
    from made_parts import inspected

    first, second = inspected(part, [1.5, 0.5])
    part.choose(decisions={first.name: "NG", second.name: "OK"})
    learn(held.server, part.id)
    (name,) = part.choices.learned
    assert (part.folder / "photos" / name).read_bytes() == second.read_bytes()
    learn(held.server, part.id)  # it is there already
    assert part.choices.learned == (name,)


def test_a_program_can_ask_for_a_bundle(held, part, exported):
    assert api.export(held.server, part.id, ["torch"], True) == part.id
    assert held.queued(part) == asked(formats=["torch"], with_normals=True)
    bundling.make(part, Export(**asked()), Watch())
    found, made = api.result(held.server, part.id)["bundle"], made_of(part)
    assert found == {"address": f"/gradio_api/file={made.file}", "bytes": made.bytes, "sha256": made.sha256,
                     "formats": ("onnx",), "outdated": ""}  # fmt: skip


def test_a_program_that_names_no_format_gets_all_there_are(held, part, monkeypatch):
    monkeypatch.setattr(api, "missing", lambda name: ["openvino"] if name == "openvino" else [])
    api.export(held.server, part.id)
    assert held.queued(part)["formats"] == ["onnx", "torch"]


def test_a_generation_keeps_the_ranking_that_its_prompt_comes_from(tmp_path):
    from tgvig_ui.jobs.service import Options
    from tgvig_ui.launch import make

    server = make(tmp_path / "parts", Options("embedded", device="cpu"), local=True)
    try:
        part = server.store.new()
        part.add_photos(photo_files(tmp_path / "given", 1))
        part.choose(object_name="nut")
        write_json(
            part.folder / "ranking.json", {"object": "nut", "sense": "nut.n.03", "lookup": 'WordNet knows "nut".'}
        )
        (part.folder / "prompts.csv").write_text("rank,prompt\n1,a nut with thread\n")
        asked = {"images": 2, "iterations": 1, "seed": 0, "variance": True, "text": True}
        number = server.service.begin(part, "a brown nut", **asked)
        kept = read_json(part.generation(number) / "prompt.json")
        assert kept == {"prompt": "a brown nut", "sense": "nut.n.03", "lookup": 'WordNet knows "nut".'}
        assert (part.generation(number) / "prompts.csv").read_text() == (part.folder / "prompts.csv").read_text()
        part.choose(object_name="bolt")  # the ranking is that of the nut
        other = part.generation(server.service.begin(part, "a bolt", **asked))
        alone = part.generation(server.service.begin(part, None, **asked))
        assert not any((run / name).exists() for run in (other, alone) for name in ("prompt.json", "prompts.csv"))
    finally:
        server.executor.close()


def test_the_report_beside_the_bundle_is_the_one_in_it(part, exported):
    bundling.make(part, Export(**asked()), Watch())
    made = made_of(part)
    with zipfile.ZipFile(made.file) as zipped:
        assert zipped.read("report.html") == made.report.read_bytes()
    assert json.loads((made.file.parent / "latest.json").read_text())["sha256"] == made.sha256
