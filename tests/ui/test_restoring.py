"""What was asked for comes back into the fields with its part, and nothing of another part stays there."""

from types import SimpleNamespace

import gradio as gr
import pytest
from made_cards import card_json

from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.page.restore import restored
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.steps.generate.layout import Generating
from tgvig_ui.steps.prompt.layout import LISTS, RULES, Prompting
from tgvig_ui.steps.train import view as training
from tgvig_ui.steps.train.view import ARMS, DETECTORS, Training

pytestmark = pytest.mark.quick

FIELDS = ("words", "lists", "rule"), ("images", "iterations", "seed", "variance", "text"), ("arm", "detector", "rate")
STEPS = tuple(SimpleNamespace(**{name: name for name in names}) for names in FIELDS)
"""Steps whose components are their own names."""


def test_the_fields_are_those_of_the_steps():
    for step, names in zip((Prompting, Generating, Training), FIELDS, strict=True):
        assert set(names) <= set(step.__dataclass_fields__) and set(names) <= set(step.NEVER_DRAWN)


def test_what_was_asked_for_comes_back(held):
    part = held.part(words=("rim", "neck"), vocabulary="wordnet", rule="paper", generation=1)
    settings = {"prompt": "a nut", "seed": 7, "generating": {"images": 50, "variance": False},
                "integrating": {"iterations": 9, "text": False}}  # fmt: skip
    Run.create(part.generation(1), {"settings": settings})
    (part.generation(1) / "model").mkdir()
    card = card_json("real", detector="patchcore-fine")
    card["calibration"]["false_alarm"] = 0.12
    write_json(part.generation(1) / "model" / "model.json", card)
    found = restored(held.server, *STEPS, part.id)
    assert found["words"] == "rim, neck"
    assert (LISTS[found["lists"]], RULES[found["rule"]], ARMS[found["arm"]]) == ("wordnet", "paper", "real")
    assert DETECTORS[found["detector"]] == "patchcore-fine"
    assert [found[name] for name in FIELDS[1]] == [50, 9, 7, False, False] and found["rate"] == 12


@pytest.mark.parametrize("arm", ["augment:shifts", "tgvig:1:5"])
def test_a_detector_that_a_check_recommended_is_none_of_the_three_choices(held, arm):
    part = held.part(generation=1)
    Run.create(part.generation(1), {"settings": {"prompt": None, "seed": 0}})
    (part.generation(1) / "model").mkdir()
    card = card_json(arm)
    card["calibration"]["false_alarm"] = 0.12
    write_json(part.generation(1) / "model" / "model.json", card)
    found = restored(held.server, *STEPS, part.id)
    assert found["arm"] is None and found["rate"] == 12
    with gr.Blocks():
        step = training.build()
    assert "the set that the check below recommended" in training.show(step, part)[step.result]
    write_json(part.generation(1) / "model" / "model.json", card | {"arm": "augment"})
    assert "recommended" not in training.show(step, part)[step.result]
    with pytest.raises(TgvigError, match="choose one of the three"):
        training.train(held.server, part.id, None, next(iter(DETECTORS)), 5, "")
    assert not held.server.busy(part)


def test_a_new_part_has_no_words_of_the_former_one_and_a_proposal_stays(held):
    for id in ("", held.part().id):
        found = restored(held.server, *STEPS, id)
        assert found["words"] == "" and set(found) == set(FIELDS[0])


def test_a_detector_from_the_photos_alone_leaves_the_proposal_for_images(held):
    part = held.part(generation=1)
    Run.create(part.generation(1), {"settings": {"prompt": None, "seed": 0}})
    assert set(restored(held.server, *STEPS, part.id)) == set(FIELDS[0])
