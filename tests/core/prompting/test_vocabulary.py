"""Words from WordNet and Webster: facts to be looked up in WordNet 3.0, names it lacks, where the data is from."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tgvig_core.prompting import wordnet
from tgvig_core.prompting.names import clean_name
from tgvig_core.prompting.senses import Sense, ancestors, place_of, senses
from tgvig_core.prompting.vocabulary import Word, all_words, related_words
from tgvig_core.prompting.wordnet import WORDNET_FILES, ensure_wordnet, ensure_words, lexnames_text
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick


def by_relation(words: tuple[Word, ...], relation: str) -> set[str]:
    return {word.text for word in words if word.relation == relation}


def test_bottle_has_wordnets_three_noun_senses():
    lookup = senses("bottle")
    assert [sense.synset for sense in lookup.senses] == ["bottle.n.01", "bottle.n.02", "bottle.n.03"]
    assert lookup.senses[0].definition.startswith("a glass or plastic vessel used for storing drinks")
    assert lookup.senses[2].lemmas == ("bottle", "feeding bottle", "nursing bottle")
    assert lookup.modifiers == ()


@pytest.mark.parametrize(
    ("name", "first_synset", "modifiers"),
    [
        ("metal nut", "nut.n.01", ("metal",)),
        ("Metal_Nuts", "nut.n.01", ("Metal",)),
        ("printed circuit board", "circuit_board.n.01", ("printed",)),
        ("box of nails", "box.n.01", ("nails",)),
        ("bottle 2", "bottle.n.01", ()),
        ("chewinggum", "chewing_gum.n.01", ()),
        ("tooth brush", "toothbrush.n.01", ()),
        ("hex-nut", "hex_nut.n.01", ()),
        ("façade", "facade.n.01", ()),
        ("the bottle", "bottle.n.01", ()),
    ],
)
def test_names_are_found_as_written_joined_split_or_by_their_head(name, first_synset, modifiers):
    lookup = senses(name)
    assert (lookup.senses[0].synset, lookup.modifiers) == (first_synset, modifiers)


def test_a_head_noun_is_told():
    assert senses("metal nut").how == (
        'WordNet has no noun "metal nut". These are senses of "nut". Extra words: metal.'
    )
    assert senses("bottle 2").how.endswith("Not used: 2.")


@pytest.mark.parametrize("name", ["qwxzyv", "pcb", "螺丝", "don't"])
def test_a_name_that_fits_nothing_gives_no_sense_and_says_so(name):
    lookup = senses(name)
    assert lookup.senses == () and lookup.modifiers == ()
    assert f'no noun "{name}"' in lookup.how


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "no name"), (" \t_ ", "no name"), ("x" * 81, "81 char"), ("a\x00b", "cannot be printed"), ("12!", "letter")],
)
def test_unusable_names_are_refused(name, message):
    with pytest.raises(TgvigError, match=message):
        clean_name(name)


def test_relations_of_the_bottle():
    words = related_words(senses("bottle").senses[0])
    assert by_relation(words, "hypernym") == {"vessel", "container"}
    assert by_relation(words, "part") == {"bottlecap", "mouth"}
    assert {"flask", "wine bottle", "vacuum flask", "ampule"} <= by_relation(words, "hyponym")  # up to two levels
    texts = [word.text.casefold() for word in words]
    assert "bottle" not in texts and len(texts) == len(set(texts))
    assert next(word for word in words if word.text == "vial").synset == "phial.n.01"


def test_all_part_whole_relations_and_synonyms():
    hazelnut = related_words(senses("hazelnut").senses[1])
    assert by_relation(hazelnut, "synonym") == {"filbert", "cobnut", "cob"}  # cobnut: the paper's best word for it
    assert by_relation(hazelnut, "whole") == {"hazel", "hazelnut tree"}
    assert by_relation(related_words(senses("roofing tile").senses[0]), "substance") == {"clay"}
    flock = Sense("forest.n.01", "forest", (), "")
    assert "tree" in by_relation(related_words(flock), "member")


def test_the_same_order_in_another_process():
    code = "from tgvig_core.prompting.vocabulary import *; from tgvig_core.prompting.senses import senses;"
    code += "print([w.text for w in related_words(senses('bottle').senses[0])])"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other == f"{[word.text for word in related_words(senses('bottle').senses[0])]}\n"


def test_given_words_come_first_and_keep_their_relation():
    nut = senses("metal nut").senses[2]
    words = all_words("relations", nut, ("metal",), ["  hex_nut ", "", "steel"])
    assert [(word.text, word.relation) for word in words[:3]] == [
        ("hex nut", "given"), ("steel", "given"), ("metal", "modifier"),
    ]  # fmt: skip
    assert [word.text for word in words].count("hex nut") == 1


def test_no_word_at_all_names_the_remedy():
    with pytest.raises(TgvigError, match="Give words that describe it, such as steel"):
        all_words("relations", None)
    assert [word.text for word in all_words("relations", None, (), ["steel"])] == ["steel"]
    with pytest.raises(TgvigError, match="'everything'"):
        all_words("everything", None)
    with pytest.raises(TgvigError, match="80"):
        all_words("relations", None, (), ["x" * 81])


def test_the_wide_vocabulary_of_wordnet():
    words = all_words("wordnet", senses("bottle").senses[0])
    assert len(words) == 147_306 - 1  # WordNet 3.0's distinct lemmas without "bottle"
    glosses = {word.text: word.gloss for word in words}
    assert glosses["transistor"] == "a semiconductor device capable of amplification"
    assert glosses["nut"] == "usually large hard-shelled seed"
    assert next(word for word in words if word.text == "flask").relation == "hyponym"


def test_websters_words_hold_those_of_the_papers_table_4():
    words = {word.text for word in all_words("words", None)}
    assert {"cobnut", "metallical", "metallization", "incapsulation", "parazoan", "chaetopod"} <= words
    assert 230_000 < len(words) < 240_000


def test_lexnames_are_those_of_the_manual():
    lines = [line.split("\t") for line in lexnames_text().splitlines()]
    assert len(lines) == 45
    assert [int(number) for number, _, _ in lines] == list(range(45))
    assert lines[0] == ["00", "adj.all", "3"] and lines[2] == ["02", "adv.all", "4"]
    assert lines[6] == ["06", "noun.artifact", "1"] and lines[43] == ["43", "verb.weather", "2"]
    assert lines[44] == ["44", "adj.ppl", "3"]


def test_debians_files_are_copied_once(tmp_path, monkeypatch):
    import nltk

    debian, data = tmp_path / "debian", tmp_path / "data"
    debian.mkdir()
    for name in WORDNET_FILES:
        (debian / name).write_text(name)
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(wordnet, "DEBIAN_WORDNET", debian)
    corpus = ensure_wordnet(data)
    assert corpus == data / "corpora" / "wordnet"
    assert {path.name for path in corpus.iterdir()} == {*WORDNET_FILES, "lexnames"}
    assert (corpus / "lexnames").read_text() == lexnames_text()
    assert not any(path.is_symlink() for path in corpus.iterdir())
    (debian / "data.noun").unlink()
    assert ensure_wordnet(data) == corpus and [path.name for path in (data / "corpora").iterdir()] == ["wordnet"]


def test_missing_data_names_the_command(tmp_path, monkeypatch):
    import nltk

    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(nltk, "download", lambda *_, **__: False)
    monkeypatch.setattr(wordnet, "DEBIAN_WORDNET", tmp_path / "none")
    monkeypatch.setattr(wordnet, "DEBIAN_WEBSTER", tmp_path / "none")
    with pytest.raises(TgvigError, match="apt-get install wordnet-base wordnet-sense-index"):
        ensure_wordnet(tmp_path)
    with pytest.raises(TgvigError, match="apt-get install miscfiles"):
        ensure_words(tmp_path)


def test_importing_the_vocabulary_is_light():
    code = "import sys, tgvig_core.prompting.vocabulary; print({'nltk', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_wordnet_tells_things_from_quantities():
    physical = {sense.synset: sense.physical for sense in senses("bottle").senses}
    assert physical == {"bottle.n.01": True, "bottle.n.02": False, "bottle.n.03": True}


def test_the_place_of_a_sense_in_wordnet():
    path = ancestors("bottle.n.01")
    assert path[:3] == ("bottle", "vessel", "container") and path[-1] == "entity"


def test_a_words_place_is_that_of_its_own_sense():
    words = {word.text: word for word in related_words(senses("bottle").senses[0])}
    mouth, decanter = (place_of(w.text, w.relation, w.synset) for w in (words["mouth"], words["decanter"]))
    assert mouth[:3] == ("mouth", "opening", "artifact") and "vessel" not in mouth
    assert decanter[:3] == ("decanter", "bottle", "vessel")  # WordNet's first lemma of that sense is "carafe"


def test_a_word_of_the_list_of_all_of_wordnet_has_the_place_of_its_most_frequent_sense():
    assert place_of("glass", "wordnet", None) == ancestors("glass.n.01")
    assert place_of("screw thread", "wordnet", None)[:2] == ("screw thread", "rib")
    assert place_of("glass", "words", None) == () == place_of("nosuchword", "wordnet", None)
