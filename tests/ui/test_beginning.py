"""Beginning generations, from the page and by a program: all of it or nothing, and only while no job runs."""

import json

import pytest
from made_cards import card_json
from made_generations import Held, photo

from tgvig_core.utils.errors import TgvigError
from tgvig_ui import api
from tgvig_ui.jobs.begin_generations import SHOWN, Asked, begin
from tgvig_ui.jobs.service import Options, Service
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.steps.generate.events import start


@pytest.fixture
def held(tmp_path):
    made = Held(tmp_path, Service(Options("embedded", device="cpu")))
    yield made
    made.close()


@pytest.fixture
def part(held):
    return held.part()


TRAINING = {"set": None, "left_out": [], "detector": "patchcore", "backbone": "", "features": ""}
"""What a training takes where nobody says otherwise."""


def choices(part) -> list:
    return [getattr(part.choices, name) for name in SHOWN]


def test_the_page_begins_one_generation_for_each_prompt_and_shows_the_first(held, part):
    named = {"best": "a nut with thread", "worst": "a nut with air", "naive": "a photo of a nut", "only_word": "nut"}
    write_json(part.folder / "ranking.json", named)
    start(held.server, part.id, 4, 2, 0, True, True, "", ["Best", "Worst"])
    assert held.queued(part) == {"generations": [1, 2]} and part.choices.generation == 1
    configs = [json.loads((part.generation(k) / "config.json").read_text()) for k in part.generations()]
    assert [config["settings"]["prompt"] for config in configs] == ["a nut with thread", "a nut with air"]
    assert [config["together"] for config in configs] == [[1, 2], [1, 2]]


def test_a_program_begins_a_generation_and_its_training(held, part):
    assert api.start(held.server, part.id, 4, 2) == part.id
    assert held.queued(part) == TRAINING | {"generations": [1], "generation": 1, "arm": "tgvig", "false_alarm": 0.05}


@pytest.mark.parametrize("who", ["page", "program"])
def test_while_a_job_runs_nothing_is_begun_and_the_shown_generation_stays(held, part, who):
    begin(held.server, part, ["a nut"], Asked(), "generate")
    part.choose(chosen_set=1, left_out=(2,))
    before = choices(part)
    with pytest.raises(TgvigError, match="still being worked on"):
        if who == "page":
            start(held.server, part.id, 4, 2, 0, True, True, "", [])
        else:
            api.start(held.server, part.id)
    assert part.generations() == [1] and choices(part) == before


def test_a_job_that_comes_in_between_leaves_no_generation_behind(held, part, monkeypatch):
    part.choose(generation=None, threshold=1.5)
    before, beginning = choices(part), held.server.service.begin

    def meanwhile(*given, **named):
        held.server.executor.submit(part.folder, "rank")
        return beginning(*given, **named)

    monkeypatch.setattr(held.server.service, "begin", meanwhile)
    with pytest.raises(TgvigError, match="still being worked on"):
        api.start(held.server, part.id)
    assert part.generations() == [] and choices(part) == before


def test_settings_out_of_range_leave_no_generation_behind(held, part):
    with pytest.raises(TgvigError, match="1001"):
        api.start(held.server, part.id, 1001)
    assert part.generations() == [] and part.choices.generation is None and not held.server.busy(part)


def test_a_value_of_the_wrong_kind_is_a_sentence_and_leaves_no_generation_behind(held, part):
    with pytest.raises(TgvigError, match="seed.*not 0.5: choose another value"):
        api.start(held.server, part.id, 4, 2, 0.5)
    assert part.generations() == [] and not held.server.busy(part)


def trained(held):
    part = held.part(generation=1)
    (part.generation(1) / "model").mkdir(parents=True)
    write_json(part.generation(1) / "model" / "model.json", card_json())
    return part


def test_a_program_cannot_mix_photos_into_a_folder_with_labels(held, tmp_path):
    part = trained(held)
    (part.folder / "tests" / "test" / "good").mkdir(parents=True)
    with pytest.raises(TgvigError, match="labels.*step 5"):
        api.inspect(held.server, part.id, [{"path": str(photo(tmp_path / "new", "new.png"))}])
    assert part.tests() == [] and not held.server.busy(part)


def test_a_program_adds_no_photos_while_a_job_runs(held, tmp_path):
    part = trained(held)
    given = [{"path": str(photo(tmp_path / "new", "new.png"))}]
    api.inspect(held.server, part.id, given)
    with pytest.raises(TgvigError, match="still being worked on"):
        api.inspect(held.server, part.id, given)
    assert len(part.tests()) == 1
