"""The check of a detector without a browser: what its section shows, the job, the preview of defects, report and endpoint."""

import json
import re
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch
from made_cards import card_json
from made_generations import add_set, generation
from made_parts import inspected, photo_files, server_of
from photos import normals
from PIL import Image

from tgvig_core.detectors.base import ScoreSet
from tgvig_core.diagnosis.detectability import STRENGTHS
from tgvig_core.fitting.results import Admission, Gate
from tgvig_core.fitting.words import gate_json
from tgvig_core.photos.images import save_png
from tgvig_core.runs.card import ModelCard
from tgvig_core.storage.run_folder import Run
from tgvig_core.synthetic.defects import KINDS
from tgvig_core.synthetic.registry import defect
from tgvig_core.utils.errors import TgvigError
from tgvig_ui import api
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.parts import downloads
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.parts.results import results
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.train import check as checking
from tgvig_ui.steps.train import defect_pictures, defect_preview

SCRATCHES = "Scratches are found from strength 0.4 on. <b>those thinner than 3 px are mostly missed.</b>"


def shares(grid, found, trials=4):
    return [
        {"at": at, "found": count, "trials": trials, "share": count / trials, "low": 0.1, "high": 0.9}
        for at, count in zip(grid, found, strict=True)
    ]


def found() -> dict:
    """What tgvig_core.runs.steps.check.check gives."""
    scratch = {"kind": "scratch", "name": "scratches", "words": SCRATCHES,
               "strengths": shares(STRENGTHS, [0, 2, 3, 4, 4]), "sizes": shares([1, 2, 3, 4, 6], [0, 1, 3, 4, 4])}  # fmt: skip
    arms = [{"arm": "real", "auroc": 0.9, "difference": 0.0, "low": 0.0, "high": 0.0, "sure": False},
            {"arm": "tgvig", "auroc": 0.95, "difference": 0.05, "low": 0.02, "high": 0.08, "sure": True}]  # fmt: skip
    advice = {"arms": arms, "recommended": "tgvig", "words": "Learn from the photos and generated images. AUROC 0.950."}
    return {
        "detectability": {"kinds": [scratch], "unseen": [], "words": "Scratches: those thinner than 3 px."},
        "advice": advice,
    }


@pytest.fixture(scope="module")
def page():
    with gr.Blocks():
        return SimpleNamespace(
            check=checking.build(), **dict(zip(("preview", "judged"), defect_preview.build(), strict=True))
        )


@pytest.fixture
def part(held):
    """A generation of four images, and no detector yet."""
    made = held.part(generation=1, chosen_set=1)
    generation(made, 1, [0.3], images=4)
    return made


def trained(part, gate=None) -> None:
    """The card of a detector that learned from the generated set."""
    model = part.generation(1) / "model"
    model.mkdir(exist_ok=True)
    card = card_json("tgvig", 2.0, gate=gate)
    card["calibration"]["steepness"] = 3.0
    write_json(model / "model.json", card)


def checked(part) -> None:
    write_json(part.generation(1) / "model" / "check.json", found())


def test_without_a_detector_there_is_nothing_to_check(held, part, page):
    shown = checking.show(page.check, part)
    assert shown[page.check.check].interactive is False and "Train a detector first" in shown[page.check.said].value
    assert shown[page.check.has_check].visible is False and set(shown) <= set(page.check.shown())
    with pytest.raises(TgvigError, match="no detector yet"):
        checking.check(held.server, part.id, False)
    assert checking.token(None) == [] and checking.show(page.check, None)[page.check.check].interactive is False


@pytest.mark.parametrize("thorough", [False, True])
def test_a_detector_can_be_checked_and_the_job_is_named(held, part, page, thorough):
    before = checking.token(part)
    trained(part)
    assert checking.token(part) != before
    shown = checking.show(page.check, part)
    assert shown[page.check.check].interactive is True and "Not checked yet" in shown[page.check.said].value
    checking.check(held.server, part.id, thorough)
    assert held.queued(part) == {"generation": 1, "thorough": thorough}
    assert held.server.status(part).kind == "check"


def test_the_button_asks_the_checkbox_how_thorough_to_be(held):
    with gr.Blocks() as blocks:
        section, id = checking.build(), gr.State("")
        checking.wire(held.server, section, id)
    (event,) = [fn for fn in blocks.fns.values() if fn.name == "check"]
    assert event.inputs == [id, section.thorough] and section.thorough.value is False


@pytest.mark.parametrize("thorough", [False, True])
def test_a_program_can_ask_for_a_check(held, part, thorough):
    with pytest.raises(TgvigError, match="no detector yet"):
        api.check(held.server, part.id)
    trained(part)
    assert api.check(held.server, part.id, thorough) == part.id
    assert held.server.status(part).kind == "check" and held.queued(part)["thorough"] is thorough


def test_what_was_found_is_shown_and_escaped(part, page):
    trained(part)
    before = checking.token(part)
    checked(part)
    assert checking.token(part) != before
    shown = checking.show(page.check, part)
    assert shown[page.check.has_check].visible is True and shown[page.check.check].value == "Check again"
    assert "thinner than 3 px" in shown[page.check.missed] and "<b>" not in shown[page.check.kinds]
    assert "&lt;b&gt;those thinner than 3 px" in shown[page.check.kinds]
    advised = shown[page.check.advised]
    assert "Learn from the photos and generated images.</div>" in advised and "AUROC 0.950." in advised
    assert "how often a photo with a defect scores above a good one: 0.5 is chance, 1 perfect" in advised
    assert np.array_equal(shown[page.check.strengths].data[0].z, [[0, 0.5, 0.75, 1, 1]])
    assert set(shown) == set(page.check.shown())


def test_what_is_recommended_can_be_trained_at_once_like_before(held, part, page):
    trained(part)
    with pytest.raises(TgvigError, match="check the detector first"):
        checking.use(held.server, part.id)
    checked(part)
    assert checking.show(page.check, part)[page.check.use].visible is False  # it learned from just that
    advice = found()["advice"] | {"recommended": "augment:shifts"}
    write_json(part.generation(1) / "model" / "check.json", found() | {"advice": advice})
    assert checking.show(page.check, part)[page.check.use].visible is True
    checking.use(held.server, part.id)
    assert held.queued(part) == {"generation": 1, "set": 1, "left_out": [], "features": "efficientnet_lite0",
                                 "detector": "patchcore", "arm": "augment:shifts", "false_alarm": 0.05, "backbone": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("arm", "asked", "left_out"),
    [("tgvig:2", {"arm": "tgvig", "set": 2, "left_out": []}, ()),
     ("tgvig:2:3", {"arm": "tgvig:2:3", "set": 2, "left_out": []}, ()),
     ("tgvig:1:3", {"arm": "tgvig:1:3", "set": 1, "left_out": [1]}, (1, 3))],
)  # fmt: skip
def test_another_set_that_is_recommended_is_used_whole_and_only_its_own_images_stay_out(
    held, part, arm, asked, left_out
):
    add_set(Run(part.generation(1)), 0.2, images=4)
    part.choose(left_out=(1, 3))
    trained(part)
    card = json.loads((part.generation(1) / "model" / "model.json").read_text())
    write_json(part.generation(1) / "model" / "model.json", card | {"left_out": [1, 3]})
    write_json(part.generation(1) / "model" / "check.json", found() | {"advice": {"recommended": arm}})
    checking.use(held.server, part.id)
    queued = held.queued(part)
    assert {name: queued[name] for name in asked} == asked
    assert (part.choices.chosen_set, part.choices.left_out) == (asked["set"], left_out)  # step 3 shows the same set


def test_a_recommended_set_is_known_where_the_detector_is_older_than_all_sets(held, part):
    trained(part)
    card = json.loads((part.generation(1) / "model" / "model.json").read_text())
    write_json(part.generation(1) / "model" / "model.json", card | {"arm": "real", "best_iteration": None})
    checked(part)
    checking.use(held.server, part.id)
    assert (held.queued(part)["arm"], held.queued(part)["set"]) == ("tgvig", 1)


def test_a_detector_of_another_version_counts_as_none(part):
    trained(part)
    card = json.loads((part.generation(1) / "model" / "model.json").read_text())
    assert model_card(part) == ModelCard.from_json(card, "")
    write_json(part.generation(1) / "model" / "model.json", card | {"format": 1})
    assert model_card(part) is None


def test_sizes_are_told_in_pixels_of_the_persons_photos(part, page):
    trained(part)
    checked(part)
    said = checking.show(page.check, part)[page.check.missed]  # the photo is 32 × 32 px
    assert "One of them is 0.1 × 0.1 px of your first photo." in said


def gate(*kept: bool) -> dict:
    return gate_json(Gate(20.0, 11.5, tuple(Admission(k, ok, 10.0 + k) for k, ok in enumerate(kept))))


def test_images_that_the_gate_left_out_come_first_with_their_distance(part, page):
    trained(part, gate(True, True, False, True))
    shown = checking.show(page.check, part)[page.check.gate]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", shown.value)
    assert captions == ["excluded<br>12.0", "kept<br>10.0", "kept<br>11.0", "kept<br>13.0"]
    assert re.findall(r'alt="Generated image (.)"', shown.value) == ["3", "1", "2", "4"]
    assert shown.visible is True and shown.value.startswith('<div class="tg-warn">1 of 4 generated images')
    folded = shown.value.partition("<details")[2]
    assert "beyond 11.5" in folded and "title=" not in folded
    assert re.findall(r"<li>(.*?)</li>", folded) == [
        "Generated image 3: Its distance to the nearest real photo, 12, is above the 11.5 that is 2 times what a good photo "
        "may have."
    ]


def test_a_gate_that_left_nothing_out_tells_the_distances_too_and_an_older_card_has_none(part, page):
    trained(part, gate(True, True, True, True))
    shown = checking.show(page.check, part)[page.check.gate]
    assert shown.visible is True and shown.value.startswith('<div class="tg-note">All 4 generated images')
    folded = shown.value.partition("<summary>Distance of every generated image</summary>")[2]
    captions = ["kept<br>10.0", "kept<br>11.0", "kept<br>12.0", "kept<br>13.0"]
    assert re.findall(r"<figcaption>(.*?)</figcaption>", folded) == captions and "<li>" not in folded
    trained(part)
    assert checking.show(page.check, part)[page.check.gate].visible is False


@pytest.mark.parametrize("thorough", [False, True])
def test_the_job_checks_the_detector_of_its_generation(held, part, monkeypatch, thorough):
    asked = {}

    def open_run(part, number, watch, backbone, **changes):
        asked.update(number=number, backbone=backbone, **changes)
        run = SimpleNamespace(folder=part.generation(number))
        images = torch.zeros(1, 3, 256, 256)
        return SimpleNamespace(images=images, device="cpu", run=run, timed=lambda step: nullcontext())

    def check(work, normals, detector, card, thorough):
        asked.update(shape=tuple(normals.shape), loaded=detector, arm=str(card.training_set), thorough=thorough)
        return found()

    trained(part)
    card = ModelCard.from_json(card_json(), "made")
    monkeypatch.setattr(
        "tgvig_core.runs.card.load_model", lambda folder, device: (f"{folder.parent.name} on {device}", card)
    )
    monkeypatch.setitem(sys.modules, "tgvig_core.runs.steps.check", SimpleNamespace(check=check))
    service = SimpleNamespace(encoder=lambda: None, device=lambda: "cpu", open_run=open_run)
    Jobs(service).work["check"](part.folder, {"generation": 1, "thorough": thorough}, Watch())
    assert checking.check_of(part) == json.loads(json.dumps(found()))
    assert asked == {"number": 1, "backbone": "embedded", "false_alarm": 0.05, "shape": (1, 3, 256, 256),
                     "detector": "patchcore", "loaded": "1 on cpu", "arm": "tgvig", "thorough": thorough}  # fmt: skip


def test_the_report_and_the_endpoint_tell_what_was_found(tmp_path):
    server = server_of(tmp_path)
    part = server.store.new()
    part.add_photos(photo_files(tmp_path / "normals", 1))
    inspected(part, [0.5, 2.0])
    card = json.loads((part.generation(1) / "model" / "model.json").read_text())
    card |= {"gate": gate(True, False)}
    write_json(part.generation(1) / "model" / "model.json", card)
    first = downloads.write(part, results(part), "report.html")
    assert downloads.facts(part, results(part)).checked == () and "Check of the detector" not in first.read_text()
    assert "check" not in api.result(server, part.id) and api.result(server, part.id)["gate"] == gate(True, False)
    checked(part)
    report = downloads.write(part, results(part), "report.html").read_text()  # not the former one
    assert "Check of the detector" in report and "Scratches: those thinner than 3 px." in report
    assert "Learn from the photos and generated images." in report
    assert api.result(server, part.id)["check"] == json.loads(json.dumps(found()))


@pytest.fixture
def bottles(held):
    """A part of two real photos."""
    made = held.server.store.new()
    made.add_photos(normals("bottle", 2))
    return made


def drawn(page, part) -> list[np.ndarray]:
    """The two pictures, as gradio is given them."""
    pictures = defect_preview.show(page.preview, part)[page.preview.pictures].value
    return [np.asarray(Image.open(item["image"]["path"]).convert("RGB")).astype(int) for item in pictures]


def test_nothing_is_drawn_before_the_section_is_opened(held, bottles, page):
    shown = defect_preview.show(page.preview, bottles)
    assert shown[page.preview.pictures].value == [] and set(shown) == set(page.preview.shown())
    before = defect_preview.token(bottles)
    defect_preview.unfold(held.server, bottles.id)
    assert bottles.choices.defect_kind == "scratch" and defect_preview.token(bottles) != before
    defect_preview.unfold(held.server, "")  # without a part there is nothing to look at
    bottles.choose(defect_kind="dent")
    defect_preview.unfold(held.server, bottles.id)
    assert bottles.choices.defect_kind == "dent"


def test_the_spoiled_photo_differs_at_one_place_which_is_outlined(held, bottles, page):
    defect_preview.choose_kind(held.server, bottles.id, "blob")
    defect_preview.choose_strength(held.server, bottles.id, 1.0)
    good, spoiled = drawn(page, bottles)
    assert good.shape == spoiled.shape == (512, 512, 3)
    rows, columns = np.nonzero(abs(good - spoiled).max(2) > 60)
    assert (
        0 < len(rows) < 512 * 512 / 8 and np.ptp(rows) < 120 and np.ptp(columns) < 120
    )  # 24 px and its outline, twice
    again = drawn(page, bottles)[1]
    assert np.array_equal(spoiled, again)
    defect_preview.elsewhere(held.server, bottles.id)
    other, moved = drawn(page, bottles)
    assert not np.array_equal(other, good) and not np.array_equal(moved, spoiled)  # the other photo, another place


def test_strength_and_size_keep_their_place_and_a_kind_brings_its_own_size(held, bottles, page):
    server, id = held.server, bottles.id
    defect_preview.choose_kind(server, id, "dent")
    defect_preview.choose_size(server, id, 40)
    shown = defect_preview.show(page.preview, bottles)
    assert (shown[page.preview.kind], shown[page.preview.size].value) == ("dent", 40)
    assert shown[page.preview.size].maximum == 64 and "bump or hollow" in shown[page.preview.what]
    defect_preview.choose_kind(server, id, "scratch")
    size = defect_preview.show(page.preview, bottles)[page.preview.size]
    assert (size.value, size.maximum, size.label) == (3, 12, "Width of the line, px")


def test_a_defect_that_would_not_be_seen_is_said_so(held, tmp_path, page):
    part = held.server.store.new()
    save_png(np.full((64, 64, 3), 128, dtype=np.uint8), tmp_path / "grey.png")
    part.add_photos([tmp_path / "grey.png"])
    defect_preview.choose_kind(held.server, part.id, "blend")
    shown = defect_preview.show(page.preview, part)
    assert len(shown[page.preview.pictures].value) == 1
    assert "would not be seen here" in shown[page.preview.what]
    trained_at(part, "unused")
    assert defect_preview.judge(page.judged, held.server, part)[page.judged.verdict] == ""


def trained_at(part, *photos: str) -> None:
    part.choose(generation=1)
    part.generation(1).mkdir(parents=True)
    write_json(part.generation(1) / "config.json", {"settings": {"photos": list(photos)}})
    trained(part)


@pytest.mark.parametrize(
    ("score", "display", "corner", "words"),  # 1/(1 + (2/score)³), by hand: 1/9 and 27/35
    [(1.0, "0.11", False, "GOOD</span> (missed)"), (3.0, "0.77", False, "ANOMALOUS</span> for this spot"),
     (3.0, "0.77", True, "ANOMALOUS</span> for another spot")],
)  # fmt: skip
def test_the_detectors_verdict_on_the_spoiled_photo(held, bottles, page, monkeypatch, score, display, corner, words):
    good = defect_pictures.square(bottles.photos()[1], bottles.photos()[1].stat().st_mtime_ns)
    asked = []

    def scored(server, model, image, exclude_group):
        asked.append((model.parent.name, exclude_group))
        change = abs(image.numpy() - (np.asarray(good).transpose(2, 0, 1) / 127.5 - 1)).max(0)
        map = torch.from_numpy(change)
        if corner:
            map = torch.zeros(256, 256)
            map[0, 0] = 1
        return ScoreSet(torch.tensor([score]), map[None])

    monkeypatch.setattr(defect_preview, "scored", scored)
    assert defect_preview.judge(page.judged, held.server, bottles)[page.judged.verdict] == ""
    trained_at(bottles, *map(str, bottles.photos()))
    bottles.choose(defect_kind="blob", defect_place=1)
    said = defect_preview.judge(page.judged, held.server, bottles)[page.judged.verdict]
    assert f"{words}, {display} on a scale from 0 to 1" in said and f"raw score {score:.2f}, threshold 2.00" in said
    assert asked == [("1", 1)]  # compared with the other photo only


def test_every_kind_has_a_line_that_says_what_it_is():
    assert all(defect.entry(kind).facts["about"].endswith(".") for kind in KINDS)
    assert defect_pictures.SIDE == checking.FRAME
