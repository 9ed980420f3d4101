"""What was asked for last, back in the fields after a refresh, in another tab, or when an earlier part is opened."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.choices import Choices
from tgvig_ui.parts.generations import settings_of
from tgvig_ui.parts.trained import model_card
from tgvig_ui.steps.generate.layout import Generating
from tgvig_ui.steps.prompt.layout import LISTS, RULES, Prompting
from tgvig_ui.steps.train.view import ARMS, DETECTORS, Training


def fields(second: Prompting, third: Generating, fourth: Training) -> list[gr.components.Component]:
    """The components that `restored` fills. They are drawn only then, or they would change under a person's hands."""
    return [
        second.words, second.lists, second.rule, third.images, third.iterations, third.seed, third.variance, third.text,
        fourth.arm, fourth.detector, fourth.rate,
    ]  # fmt: skip


def restored(server: Server, second: Prompting, third: Generating, fourth: Training, id: str) -> dict:
    """The fields' values for a part; images and detector that were not asked for yet leave theirs as they are."""
    part = server.store.part(id)
    choices = part.choices if part else Choices()
    lists, rules = ({value: name for name, value in known.items()} for known in (LISTS, RULES))
    found: dict[gr.components.Component, Any] = {second.words: ", ".join(choices.words)}
    found[second.lists] = lists.get(choices.vocabulary)
    found[second.rule] = rules[choices.rule]
    if part and choices.generation and (settings := settings_of(part, choices.generation)).prompt:
        generating, integrating = settings.generating, settings.integrating
        found |= {third.images: generating.images, third.variance: generating.variance}
        found |= {third.iterations: integrating.iterations, third.text: integrating.text}
        found[third.seed] = settings.seed
    if card := model_card(part):
        arms, detectors = ({value: name for name, value in known.items()} for known in (ARMS, DETECTORS))
        found |= {
            fourth.arm: arms.get(
                str(card.training_set)
            ),  # a narrower pool, which a check recommended, is none of the three
            fourth.detector: detectors.get(card.saved.detector),
            fourth.rate: round(100 * card.calibration.false_alarm),
        }
    return found
