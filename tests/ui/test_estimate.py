"""The estimate before a start: from this machine's speed, or a guess that says so; drawn with step 3, for any choice."""

import threading

import pytest
from made_generations import Held, photo

from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.packs.registry import PACKS
from tgvig_core.runs import estimates
from tgvig_core.runs.estimates import Speed, known_speed, rough_speed
from tgvig_ui.page import assemble
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.steps.generate import view as generating
from tgvig_ui.steps.generate.events import estimate_now

pytestmark = pytest.mark.quick

SPEED = Speed(step=10, view=1, image=2, gigabytes=3.25)


class Service:
    """Embedded models on a CPU, ready."""

    def __init__(self) -> None:
        self.warm = threading.Event()
        self.warm.set()

    def pack(self) -> tuple:
        return PACKS["embedded"], "asked for"

    def device(self) -> str:
        return "cpu"


@pytest.fixture
def held(tmp_path, monkeypatch):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    made = Held(tmp_path, Service())
    yield made
    made.close()


def measured(monkeypatch, speed: Speed | None = SPEED, pack: str = "embedded") -> None:
    monkeypatch.setattr(estimates, "known_speed", lambda name, device: speed if name == pack else None)


def test_an_iteration_learns_looks_at_the_views_of_each_photo_and_draws_images():
    settings = GeneratorSettings(images=20, views=8)
    assert SPEED.of_iteration(settings, 5, UpdateSettings(steps=4)) == 4 * 10 + 5 * 8 * 1 + 20 * 2
    assert SPEED.of_iteration(GeneratorSettings(images=2), 5, UpdateSettings(steps=0)) == 2 * 8 + 2 * 2


def test_time_and_memory_are_told_once_the_device_is_measured(held, monkeypatch):
    measured(monkeypatch)
    part = held.part()
    said = estimate_now(held.server, part.id, 20, 5, [], "")  # 5 × (4 × 10 + 8 × 1 + 20 × 2) = 440 s
    assert "On this device: about 7 min and 3.2 GB of memory." in said
    assert "2.2 h" in estimate_now(held.server, part.id, 100, 32, [], "")


def test_the_number_of_photos_and_of_prompts_counts(held, monkeypatch, tmp_path):
    measured(monkeypatch)
    part = held.part()
    named = {"best": part.choices.prompt, "worst": "a nut with air", "naive": "a photo of a nut", "only_word": "nut"}
    write_json(part.folder / "ranking.json", named)
    two = estimate_now(held.server, part.id, 20, 5, ["Best", "Worst"], "")  # the best one is the chosen one
    assert "about 15 min" in two
    part.add_photos([photo(tmp_path / "more", f"{k}.png") for k in range(15)])
    assert "about 17 min" in estimate_now(held.server, part.id, 20, 5, [], "")  # 5 × (40 + 128 + 40) = 1040 s


@pytest.mark.parametrize("pack", ["", "embedded", "paper", "strong"])
def test_before_it_is_measured_a_guess_is_told_as_one(held, pack):
    said = estimate_now(held.server, held.part().id, 20, 5, [], pack)
    assert "Roughly" in said and "two CPU cores" in said and "guess" in said and "GB of memory" in said


def test_the_models_that_are_chosen_count(held, monkeypatch):
    measured(monkeypatch)
    said = estimate_now(held.server, held.part().id, 20, 5, [], "paper")
    assert "Roughly 74 min" in said  # 5 × (4 × 150 + 8 × 8 + 20 × 11) = 4420 s


def test_a_part_without_photos_gets_no_estimate(held):
    assert estimate_now(held.server, held.server.store.new().id, 20, 5, [], "") == ""
    assert estimate_now(held.server, "", 20, 5, [], "") == ""


def test_a_speed_of_an_earlier_version_is_measured_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path))
    file = estimates._file("embedded", "cpu")
    file.parent.mkdir(parents=True)
    write_json(file, {"step": 2.5, "image": 0.1, "gigabytes": 2.2})
    assert known_speed("embedded", "cpu") is None


def test_there_is_a_guess_for_every_pack_and_device():
    assert all(rough_speed(pack, device).step > 0 for pack in PACKS for device in ("cpu", "cuda"))


def test_the_estimate_is_drawn_with_step_3_and_by_every_choice_that_matters(held):
    page = assemble.build(held.server)
    by_id = {block._id: getattr(block, "elem_id", None) for block in page.blocks.values()}
    drawing = [fn for fn in page.fns.values() if [by_id[block._id] for block in fn.outputs] == ["estimate"]]
    causes = {by_id[id] for fn in drawing for id, event in fn.targets if event == "change"}
    assert causes == {"token-3", "images", "iterations", "others", "pack"}
    assert all([by_id[b._id] for b in fn.inputs][1:] == ["images", "iterations", "others", "pack"] for fn in drawing)


def test_step_3_is_drawn_anew_when_the_photos_change_or_a_job_ends(held, tmp_path):
    part = held.part()
    before = generating.token(part)
    part.add_photos([photo(tmp_path / "more")])
    assert generating.token(part) != before
