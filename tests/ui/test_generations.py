"""The generations of a part: which set is used, what Continue finishes, what the page shows of those without a set."""

import gradio as gr
import pytest
from made_generations import add_set, generation
from PIL import Image

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.parts.generations import best_set, pictures, unfinished, used_set
from tgvig_ui.steps.generate import layout as generating_layout
from tgvig_ui.steps.generate import view as generating
from tgvig_ui.steps.generate.events import leave_out, look, more, use

pytestmark = pytest.mark.quick


@pytest.fixture
def part(held):
    return held.part(generation=1)


@pytest.fixture(scope="module")
def step():
    with gr.Blocks():
        return generating_layout.build()


def test_the_set_that_is_used_is_the_most_similar_one_or_by_wish_the_last(part):
    generation(part, 1, [0.2, 0.4, 0.3])
    generation(part, 2, [0.2, 0.4, 0.3], text=False)
    generation(part, 3)
    assert [best_set(part, number) for number in (1, 2, 3)] == [2, 3, None]


def test_a_set_that_a_person_chose_stays_in_use_when_another_generation_was_looked_at(held, part):
    generation(part, 1, [0.2, 0.4, 0.3])
    generation(part, 2, [0.1])
    use(held.server, part.id, 3)
    look(held.server, part.id, 2)
    assert (part.choices.generation, part.choices.chosen_set) == (2, 1)
    look(held.server, part.id, 1)
    assert part.choices.chosen_set == 3 == used_set(part, 1)


def test_an_earlier_generation_can_be_chosen_while_the_shown_one_has_no_set(step, part):
    generation(part, 1, [0.2, 0.4])
    generation(part, 2)
    part.choose(generation=2)
    shown = generating.show(step, part, busy=False)
    assert shown[step.generation].visible and len(shown[step.generation].choices) == 2
    assert "Continue" in shown[step.said] and shown[step.more].visible
    assert list(shown[step.curve].data[0].y) == [0.2, 0.4]
    assert "running" in generating.show(step, part, busy=True)[step.said]


def test_one_generation_alone_offers_no_choice_among_them(step, part):
    generation(part, 1)
    assert not generating.show(step, part, busy=True)[step.generation].visible


def test_a_generation_without_a_config_can_be_looked_at(held, part):
    part.generation(1).mkdir(parents=True)
    look(held.server, part.id, 1)
    assert part.choices.chosen_set is None


def test_the_star_stands_on_the_set_that_is_used(step, part):
    generation(part, 1, [0.2, 0.4, 0.3], text=False)
    star = generating.show(step, part, busy=False)[step.curve].data[1]
    assert (star.name, list(star.x)) == ("The set that is used", [3])
    part.choose(chosen_set=1)
    assert list(generating.show(step, part, busy=False)[step.curve].data[1].x) == [1]


def test_continue_finishes_the_shown_generation_first_and_no_other_but_those_compared_with_it(held, part):
    generation(part, 1, [0.1])  # older, unfinished: its photos may be gone
    for number, curve in ((2, [0.1, 0.2, 0.3]), (3, [0.1]), (4, [])):
        generation(part, number, curve, together=(2, 3, 4))
    part.choose(generation=4)
    assert unfinished(part) == [4, 3]
    more(held.server, part.id)
    assert held.queued(part) == {"generations": [4, 3]}


def test_continue_leaves_other_generations_alone(part):
    generation(part, 1, [0.1])
    generation(part, 2, [0.1, 0.2, 0.3])
    assert unfinished(part) == [1]
    part.choose(generation=2)
    assert unfinished(part) == []


def test_continue_with_nothing_to_go_on_with_is_a_sentence(held, part):
    generation(part, 1, [0.1, 0.2, 0.3])
    with pytest.raises(TgvigError, match="press Start"):
        more(held.server, part.id)


def test_a_hundred_images_are_listed_and_more_are_said(step, part):
    generation(part, 1, [0.1], images=100)
    generation(part, 2, [0.1], images=103)
    part.choose(chosen_set=1)
    shown = generating.show(step, part, busy=False)
    assert len(pictures(part, 1, 1)) == 100 and "first 100" not in shown[step.hint].value
    part.choose(generation=2)
    shown = generating.show(step, part, busy=False)
    assert len(pictures(part, 2, 1)) == 100 and "The first 100 of 103 images are listed" in shown[step.hint].value


def test_the_hundredth_image_can_be_left_out(held, step, part):
    run = generation(part, 1, images=100)
    add_set(run, 0.1, images=100)
    part.choose(chosen_set=1, picture=99)
    assert "Exclude image 100" in generating.show(step, part, busy=False)[step.out].value
    leave_out(held.server, part.id)
    assert part.choices.left_out == (99,) and pictures(part, 1, 1)[99][1] == "excluded"
    assert Image.open(pictures(part, 1, 1)[99][0]).size == (32, 32)
