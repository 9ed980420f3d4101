"""The wide word lists of TGVIG's vocabulary study (its Table 4): all of WordNet (wndb(5WN)), all of Webster's Second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import WordNetCorpusReader


@dataclass(frozen=True, slots=True)
class Word:
    """One word W_t, where it comes from, and its meaning ("" and None where the source gives none).

    relation: synonym, hypernym, hyponym, part, whole, substance, member (made of / has as members), modifier (a word
    of the name itself), given (by the person), wordnet or words (the wide lists).
    """

    text: str
    relation: str
    gloss: str
    synset: str | None


def wordnet_lemmas(reader: WordNetCorpusReader) -> Iterator[tuple[str, str]]:
    """All lemmas of all parts of speech, each with the gloss of its most frequent sense, read straight from the files.

    Through synset objects this takes 7 s and hundreds of MB; the lines of index.* and data.* take about 2 s.
    """
    for pos in ("noun", "verb", "adj", "adv"):
        with reader.open(f"data.{pos}") as file:
            # wndb(5WN): the offset is the first field, the gloss follows the bar, examples follow the definition
            glosses = {line[:8]: line.partition("| ")[2].partition('; "')[0].strip() for line in file}
        with reader.open(f"index.{pos}") as file:
            for line in file:
                if not line.startswith(" "):  # the licence is indented
                    fields = line.split()
                    offset = fields[-int(fields[2])]
                    yield fields[0].replace("_", " "), glosses[offset]


def webster(path: Path) -> Iterator[Word]:
    """Webster's Second as Debian's miscfiles has it: a word a line, without glosses."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return (Word(text, "words", "", None) for text in map(str.strip, lines) if text)
