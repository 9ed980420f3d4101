"""The model card: written and read as the same value, whoever wrote it; what is none is refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from made_cards import card_json, fitted

from tgvig_core.diagnosis.results import Lift
from tgvig_core.fitting.results import Admission, Gate
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.runs.card import ModelCard
from tgvig_core.utils.errors import TgvigError

GATE = Gate(0.5, 1.0, (Admission(0, True, 0.25), Admission(1, False, 1.5)))
LIFT = Lift(0.75, 0.875, 0.125, 0.0625, 0.25, 36)


def test_a_card_is_read_as_it_was_written():
    made = replace(fitted(), training_set=TrainingSet("tgvig", excluded=(3, 1)), gate=GATE, lift=LIFT)
    about = json.loads(json.dumps(card_json() | made.as_json()))
    card = ModelCard.from_json(about, "model")
    assert {name: getattr(card, name) for name in vars(made)} == vars(made)
    assert card.training_set.excluded == (3, 1) and card.rejected == (1,) and card.chosen_set == 1
    assert card.id == f"{'0' * 64} 1.0" and card.saved.layers == ("blocks.2", "blocks.4")
    assert card.as_json() == made.as_json()


def test_files_hold_the_numbers_and_the_sentences_that_people_and_programs_read():
    about = replace(fitted(), gate=GATE, lift=LIFT).as_json()
    assert list(about) == ["object", "arm", "best_iteration", "left_out", "gate", "lift", "calibration"]
    assert about["gate"]["images"][1]["reason"].startswith(
        "Its distance to the nearest real photo, 1.5, is above the 1"
    )
    assert about["gate"]["words"].startswith("1 of 2 generated images lie too far")
    assert about["lift"]["words"].startswith("Learn from the photos and generated images.")
    assert about["calibration"]["words"].startswith("Set for 5% false alarms from 2 photos")


@pytest.mark.parametrize(("arm", "chosen"), [("tgvig", 1), ("tgvig:3:10", 3), ("augment", None), ("real", None)])
def test_which_generated_set_was_learned_from(arm, chosen):
    assert ModelCard.from_json(card_json(arm), "model").chosen_set == chosen


def test_a_card_of_a_version_that_knew_no_gate_and_no_lift_is_read():
    about = card_json()
    del about["gate"], about["lift"]
    card = ModelCard.from_json(about, "model")
    assert card.gate is None and card.lift is None and card.rejected == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": None}, {"calibration": {"threshold": 1.0}}, {"arm": 3}, {"arm": "oracle"}, {"left_out": None},
        {"left_out": [-1]}, {"gate": {"good": 1.0}}, {"best_iteration": "first"}, {"settings": 3}, {"layers": None},
        {"calibration": fitted().as_json()["calibration"] | {"threshold": float("inf")}},
    ],
)  # fmt: skip
def test_what_is_no_card_is_one_sentence(changes):
    with pytest.raises(TgvigError) as refused:
        ModelCard.from_json(card_json(**changes), "RUN/model")
    assert "\n" not in str(refused.value)


def test_a_card_of_another_format_says_which():
    with pytest.raises(TgvigError, match="RUN/model was saved in format 1, this version reads 2"):
        ModelCard.from_json(card_json(format=1), "RUN/model")
