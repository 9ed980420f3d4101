"""Eq. 1 with vectors whose cosines are known, both outlier rules by hand, and the whole step on real photos."""

from __future__ import annotations

import csv
import math
import threading

import numpy as np
import pytest
import torch
from photos import normals

from tgvig_core.models.encoders.conse import ConseEncoder
from tgvig_core.photos.images import read_normals
from tgvig_core.prompting.ranking import mean_embedding, prompt_map, prompt_text, rank_prompts, rank_senses, write_csv
from tgvig_core.prompting.senses import Sense, senses
from tgvig_core.prompting.vocabulary import Word, all_words
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

F = torch.tensor([1.0, 0.0])  # f(I°): a text at angle a has score cos(a) and distance 2·sin(a/2)


class AngleEncoder:
    """Texts to unit vectors of the plane at given degrees (90 where none is given)."""

    name, identity, caveat, dim = "angles", "angles", "", 2

    def __init__(self, degrees: dict[str, float]) -> None:
        self.degrees = degrees
        self.identity = f"angles:{sorted(degrees.items())}"
        self.asked: list[str] = []

    def encode_texts(self, texts, ctx=QUIET):
        self.asked += texts
        angles = torch.tensor([math.radians(self.degrees.get(text, 90.0)) for text in texts])
        return torch.stack([angles.cos(), angles.sin()], dim=1)


def words(*texts: str) -> list[Word]:
    return [Word(text, "given", f"gloss of {text}", None) for text in texts]


def encoder_for(name: str, degrees: dict[str, float]) -> AngleEncoder:
    return AngleEncoder({f"a {name} with {word}": angle for word, angle in degrees.items()})


def test_the_prompt_has_no_braces():
    assert prompt_text("metal nut", "hex nut") == "a metal nut with hex nut"


def test_several_images_count_as_the_mean_of_their_unit_vectors():
    mean = mean_embedding(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))  # the longer row counts no more
    torch.testing.assert_close(mean, torch.tensor([0.5, 0.5], dtype=torch.float64).sqrt())
    torch.testing.assert_close(mean_embedding(F), F.double())


def test_the_robust_rule_by_hand(tmp_path):
    # d = 2·sin(a/2) of 60, 62, 64, 66, 180 degrees: 1, 1.0301, 1.0598, 1.0893, 2. Median 1.0598;
    # |d − median| = .0598, .0298, 0, .0294, .9402, so MAD = .0298 and the threshold is 1.0598 + 3 × .0298 = 1.1491.
    degrees = {"e": 180.0, "c": 64.0, "a": 60.0, "d": 66.0, "b": 62.0}
    ranked = rank_prompts("nut", words(*degrees), F, encoder_for("nut", degrees), cache=tmp_path)
    assert [prompt.word for prompt in ranked.prompts] == ["a", "b", "c", "d", "e"]
    assert [prompt.kept for prompt in ranked.prompts] == [True, True, True, True, False]
    assert ranked.best.text == "a nut with a" and ranked.worst.word == "e"
    assert ranked.threshold == pytest.approx(1.1491, abs=1e-3)
    assert ranked.best.score == pytest.approx(0.5, abs=1e-3) and ranked.best.distance == pytest.approx(1.0, abs=1e-3)
    assert ranked.prompts[-1].reason == f"dropped: distance 2.000 is above the outlier limit {ranked.threshold:.3f}"
    assert ranked.best.gloss == "gloss of a" and ranked.best.relation == "given"


def test_the_papers_rule_by_hand(tmp_path):
    # d > 0.5 is cos < 1 − 0.125 = 0.875, an angle above 28.955 degrees: 20 is dropped and 30 stays, nearer ones lose.
    degrees = {"far": 120.0, "near": 20.0, "mid": 30.0}
    ranked = rank_prompts("nut", words(*degrees), F, encoder_for("nut", degrees), rule="paper", cache=tmp_path)
    assert [(prompt.word, prompt.kept) for prompt in ranked.prompts] == [("near", False), ("mid", True), ("far", True)]
    assert ranked.best.word == "mid" and ranked.worst.word == "far" and ranked.threshold == 0.5
    assert ranked.best.score == pytest.approx(math.cos(math.pi / 6), abs=1e-3)
    assert ranked.prompts[0].reason == "dropped: distance 0.347 is not above the paper's limit 0.500"


def test_one_word_and_equal_words_stay(tmp_path):
    one = rank_prompts("nut", words("a"), F, encoder_for("nut", {"a": 70.0}), cache=tmp_path)
    assert one.best is one.worst and one.best.kept
    equal = rank_prompts("nut", words("b", "a"), F, encoder_for("nut", {"a": 70.0, "b": 70.0}), cache=tmp_path)
    assert [prompt.word for prompt in equal.prompts] == ["b", "a"] and all(prompt.kept for prompt in equal.prompts)


def test_comparisons_are_scored_and_never_chosen(tmp_path):
    encoder = encoder_for("nut", {"a": 80.0})
    encoder.degrees |= {"nut": 30.0, "a photo of a nut": 60.0}
    ranked = rank_prompts("a nut", words("a"), F, encoder, cache=tmp_path)
    assert (ranked.only_word.text, ranked.naive.text) == ("nut", "a photo of a nut")
    assert ranked.only_word.score == pytest.approx(math.cos(math.pi / 6)) and ranked.naive.score == pytest.approx(0.5)
    assert ranked.best.word == "a"


def test_refusals_name_the_remedy(tmp_path):
    near = encoder_for("nut", {"a": 10.0})
    with pytest.raises(TgvigError, match="rule `robust`"):
        rank_prompts("nut", words("a"), F, near, rule="paper", cache=tmp_path)
    with pytest.raises(TgvigError, match="give some, or another vocabulary"):
        rank_prompts("nut", [], F, near, cache=tmp_path)
    with pytest.raises(TgvigError, match="'other'"):
        rank_prompts("nut", words("a"), F, near, rule="other", cache=tmp_path)


def test_senses_are_ranked_by_their_definitions():
    guard = Sense("prison_guard.n.01", "screw", (), "someone who guards")
    fastener = Sense("screw.n.04", "screw", (), "a fastener")
    encoder = AngleEncoder({"a photo of a screw, someone who guards": 80.0, "a photo of a screw, a fastener": 60.0})
    ranked = rank_senses([guard, fastener], F, encoder)
    assert [row.sense for row in ranked] == [fastener, guard]
    assert ranked[0].score == pytest.approx(0.5) and rank_senses([], F, encoder) == ()


def test_a_second_ranking_asks_only_for_the_comparisons(tmp_path):
    encoder = encoder_for("nut", {"a": 70.0, "b": 60.0})
    first = rank_prompts("nut", words("a", "b"), F, encoder, cache=tmp_path)
    encoder.asked.clear()
    assert rank_prompts("nut", words("a", "b"), F, encoder, cache=tmp_path) == first
    assert encoder.asked == ["nut", "a photo of a nut"]


def test_a_stopped_ranking_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("tgvig_core.models.encoders.text_cache.CHUNK", 2)
    encoder, stop = encoder_for("nut", {}), threading.Event()
    some = words(*(f"word{n:02d}" for n in range(40)))
    with pytest.raises(Stopped):
        ctx = RunContext(lambda _, done, __: done >= 10 and stop.set(), stop)
        rank_prompts("nut", some, F, encoder, "robust", tmp_path, ctx)
    before = list(encoder.asked)
    assert 10 <= len(before) < 40
    rank_prompts("nut", some, F, encoder, cache=tmp_path)
    ranked = [text for text in encoder.asked if " with " in text]
    assert sorted(ranked) == sorted(prompt_text("nut", word.text) for word in some)  # each was encoded once


def test_the_map_is_pca():
    from sklearn.decomposition import PCA

    generator = torch.Generator().manual_seed(0)
    images, prompts = (torch.randn(n, 16, generator=generator).double() for n in (3, 20))
    made = prompt_map(images, prompts)
    reference = PCA(2, svd_solver="full").fit(torch.cat([prompts, images]).numpy())
    places = reference.transform(torch.cat([prompts, images]).numpy())
    np.testing.assert_allclose(np.abs(np.concatenate([made.prompts, made.images])), np.abs(places), atol=1e-9)
    np.testing.assert_allclose(made.explained, reference.explained_variance_ratio_, atol=1e-6)
    np.testing.assert_array_equal(made.prompts, prompt_map(images, prompts).prompts)
    assert made.prompts.shape == (20, 2) and made.images.shape == (3, 2)


def test_the_table_on_disk(tmp_path):
    ranked = rank_prompts("nut", words('a "b", c', "d"), F, encoder_for("nut", {"d": 60.0}), cache=tmp_path)
    write_csv(ranked, tmp_path / "prompts.csv")
    with (tmp_path / "prompts.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == "rank prompt word relation gloss score distance kept reason".split()
    assert [(row["rank"], row["word"], row["kept"]) for row in rows] == [("1", "d", "yes"), ("2", 'a "b", c', "yes")]
    assert float(rows[0]["score"]) == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(TgvigError, match="cannot be written"):
        write_csv(ranked, tmp_path / "none" / "prompts.csv")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> ConseEncoder:
    return ConseEncoder(cache=tmp_path_factory.mktemp("texts"))


@pytest.mark.parametrize("name", ["bottle", "transistor"])
def test_real_photos_from_the_name_to_the_prompt(name, encoder, tmp_path):
    f = encoder.encode_images(read_normals(normals(name, 2)).tensor(256))
    lookup = senses(name)
    ranked_senses = rank_senses(lookup.senses, f, encoder)
    assert {row.sense for row in ranked_senses} == set(lookup.senses)
    related = all_words("relations", ranked_senses[0].sense)
    ranked = rank_prompts(name, related, f, encoder, cache=tmp_path)
    assert ranked == rank_prompts(name, related, f, encoder, cache=tmp_path / "another")
    # the same by numpy, straight from the definition
    mean = f.numpy().astype(float).mean(axis=0)
    mean /= np.linalg.norm(mean)
    texts = [f"a {name} with {word.text}" for word in related]
    g = encoder.encode_texts(texts).numpy().astype(float)
    d = np.linalg.norm(g - mean, axis=1)
    limit = np.median(d) + 3 * np.median(np.abs(d - np.median(d)))
    best = max((j for j in range(len(texts)) if d[j] <= limit), key=lambda j: g[j] @ mean)
    assert ranked.best.text == texts[best]
    assert ranked.best.score == pytest.approx(g[best] @ mean, abs=1e-3)
    assert len(ranked.prompts) == len(related) == len({prompt.text for prompt in ranked.prompts})


def test_a_physical_sense_comes_before_a_quantity_whatever_its_score():
    quantity = Sense("bottle.n.02", "bottle", (), "a quantity", physical=False)
    vessel = Sense("bottle.n.01", "bottle", (), "a vessel")
    encoder = AngleEncoder({"a photo of a bottle, a quantity": 60.0, "a photo of a bottle, a vessel": 80.0})
    ranked = rank_senses([quantity, vessel], F, encoder)
    assert [row.sense for row in ranked] == [vessel, quantity]
    assert ranked[0].score < ranked[1].score


@pytest.mark.parametrize(("name", "first"), [("metal nut", "nut.n.03"), ("roasted nut", "nut.n.01")])
def test_the_other_words_of_a_name_help_to_tell_its_senses_apart(encoder, name, first):
    """The photo is the same grey picture: only the name can tell a fastener from a seed."""
    lookup = senses(name)
    grey = encoder.encode_images(torch.zeros(1, 3, 64, 64))
    ranked = rank_senses(lookup.senses, grey, encoder, name)
    assert ranked[0].sense.synset == first
    text = encoder.encode_texts([name, ranked[0].text])
    assert ranked[0].by_name == pytest.approx(float(text[0] @ text[1]), abs=1e-5)
