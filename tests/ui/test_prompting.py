"""Step 2 in words: where a prompt's word comes from, its own place in WordNet, and prompts of a person's own."""

from dataclasses import asdict

import gradio as gr
import pytest
import torch
from made_generations import photo

from tgvig_core.prompting.ranking import RankedPrompts, rank_prompts
from tgvig_core.prompting.senses import senses
from tgvig_core.prompting.vocabulary import all_words
from tgvig_core.runs.steps.prompt import Choice
from tgvig_core.utils.progress import QUIET
from tgvig_ui.jobs.rank_prompts import ranking_of
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.parts.ranking import ListedPrompt, Ranking
from tgvig_ui.parts.ranking import ranking as read_ranking
from tgvig_ui.parts.store import Store
from tgvig_ui.steps.prompt import layout as prompting_layout
from tgvig_ui.steps.prompt import view as prompting
from tgvig_ui.steps.prompt import words

pytestmark = pytest.mark.quick


class Encoder:
    """Directions by the texts' lengths: enough for an order."""

    name, identity, dim, caveat = "lengths", "lengths:1", 2, ""

    def encode_texts(self, texts, ctx=QUIET) -> torch.Tensor:
        angles = torch.tensor([len(text) / 200 for text in texts])
        return torch.stack([angles.cos(), angles.sin()], 1)


def row(relation: str, word: str = "neck", **changes) -> ListedPrompt:
    return ListedPrompt(f"a bottle with {word}", word, relation, **changes)


FOUND = Ranking()


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        ("part", "a part of it"),
        ("hypernym", "more general (hypernym)"),
        ("wordnet", "from all of WordNet"),
        ("words", "from Webster&#x27;s dictionary"),
        ("given", "your own word"),
        ("modifier", "from the name itself"),
        ("comparison", "a comparison"),
    ],
)
def test_where_a_word_comes_from_is_said_in_words(relation, said):
    assert f"<b>neck</b>: {said}." in words.about_prompt(row(relation), FOUND)


def test_a_words_own_place_is_shown_and_an_earlier_ranking_shows_none(part):
    assert "Its place in WordNet: neck › opening." in words.about_prompt(row("part", place=("neck", "opening")), FOUND)
    (part.folder / "ranking.json").write_text(
        """{"object": "bottle", "ancestors": ["bottle", "vessel"], "best": "a bottle with neck", "count": 1,
        "prompts": [{"text": "a bottle with neck", "word": "neck", "relation": "part", "score": 0.9, "photos": [0.9]}]}"""
    )
    earlier = read_ranking(part)
    assert "place" not in words.about_prompt(earlier.prompt("a bottle with neck"), earlier)


def ranking(tmp_path, given=()) -> Ranking:
    lookup, encoder = senses("bottle"), Encoder()
    words = all_words("relations", lookup.senses[0], (), given)
    ranked: RankedPrompts = rank_prompts("bottle", words, torch.eye(2)[:1], encoder, "robust", tmp_path / "texts")
    return ranking_of(Choice(lookup, (), lookup.senses[0].synset, ranked), "bottle", encoder, torch.eye(2)[:1])


def test_every_ranked_word_has_the_place_of_its_own_sense(tmp_path):
    places = {prompt.word: prompt.place for prompt in ranking(tmp_path, ["cork"]).prompts}
    assert places["mouth"][:3] == ("mouth", "opening", "artifact")
    assert places["decanter"][:2] == ("decanter", "bottle")
    assert places["cork"] == () and places[""][:2] == ("bottle", "vessel")  # the bare name is the object's own sense


@pytest.fixture
def part(tmp_path):
    part = Store(tmp_path / "parts").new()
    part.add_photos([photo(tmp_path)])
    write_json(part.folder / "ranking.json", asdict(ranking(tmp_path)))
    return part


@pytest.fixture(scope="module")
def step():
    with gr.Blocks():
        return prompting_layout.build()


def said(figure) -> str:
    return figure.layout.annotations[0].text.replace("<br>", " ")


def test_a_prompt_of_ones_own_is_not_sent_to_the_button_that_would_replace_it(step, part):
    part.choose(object_name="bottle", prompt="my own bottle")
    shown = prompting.show(step, part)
    assert "Find prompts" not in said(shown[step.photo_bars]) and "as you wrote it" in said(shown[step.photo_bars])
    assert "your own" in shown[step.detail]


def test_photos_that_have_changed_are_compared_again_by_finding_prompts(step, part, tmp_path):
    part.choose(object_name="bottle", prompt="a bottle with mouth")
    assert isinstance(prompting.show(step, part)[step.photo_bars].data[0].x, tuple)
    part.add_photos([photo(tmp_path / "more")])
    assert "photos have changed" in said(prompting.show(step, part)[step.photo_bars])
