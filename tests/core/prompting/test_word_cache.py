"""NLTK's answers on disk: asked once, the same again, asked anew where the files or the corpus changed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tgvig_core.prompting.word_cache import remembered

ASK = (
    "import sys; from tgvig_core.prompting.senses import senses; from tgvig_core.prompting.vocabulary import *;"
    "lookup = senses('metal nut');"
    "words = [word for sense in lookup.senses for word in related_words(sense)];"
    "print((lookup, words, all_words('wordnet', lookup.senses[0], lookup.modifiers)[::500]));"
    "print('nltk' in sys.modules, file=sys.stderr)"
)


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "data").write_text("one")
    return folder


def test_a_second_process_gives_the_same_words_without_nltk(tmp_path):
    environment = os.environ | {"TGVIG_CACHE": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, env=environment)
        for _ in range(2)
    )
    assert (first.stderr, second.stderr) == ("True\n", "False\n")
    assert first.stdout == second.stdout and "nut.n.01" in first.stdout


def test_an_answer_is_asked_once_for_a_question_and_a_corpus(corpus):
    asked = []

    def answer():
        asked.append(True)
        return ["façade", len(asked)]

    assert [remembered(("a",), corpus, answer) for _ in range(2)] == [["façade", 1]] * 2
    assert remembered(("b",), corpus, answer) == ["façade", 2]
    (corpus / "data").write_text("another")
    assert remembered(("a",), corpus, answer) == ["façade", 3]


def test_a_damaged_answer_is_asked_for_again(corpus, tmp_path):
    remembered(("a",), corpus, lambda: ["right"])
    (file,) = (tmp_path / "cache" / "words").iterdir()
    file.write_bytes(file.read_bytes()[:3])
    assert remembered(("a",), corpus, lambda: ["right again"]) == ["right again"]
    assert remembered(("a",), corpus, lambda: ["not asked"]) == ["right again"]


def test_a_cache_folder_that_cannot_be_used_costs_only_time(corpus, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "file"))
    assert [remembered(("a",), corpus, lambda n=n: n) for n in range(2)] == [0, 1]


def test_a_corpus_in_a_zip_file_is_known_by_that_file(corpus):
    packed = corpus / "wordnet.zip"
    packed.write_bytes(b"1")
    ask = lambda n: remembered(("a",), packed / "wordnet", lambda: n)  # noqa: E731
    assert [ask(1), ask(2)] == [1, 1]
    packed.write_bytes(b"22")
    assert ask(3) == 3
