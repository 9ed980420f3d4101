"""The T words W_t around an object's name: relations from WordNet, wide word lists, the person's own.

Source: TGVIG (Lee and Choi, CVPR 2024), keyword-to-prompt generator: "synonyms, hypernyms, hyponyms and part-whole
relations" of W° from WordNet through NLTK; the wide lists are those of its vocabulary study (Table 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.prompting.names import MAX_NAME
from tgvig_core.prompting.registry import vocabulary
from tgvig_core.prompting.senses import Sense
from tgvig_core.prompting.word_cache import asked
from tgvig_core.prompting.wordnet import ensure_words, wordnet
from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import Synset, WordNetCorpusReader

HYPERNYM_LEVELS = 2  # above that come "artifact" and "object", which fit every part
HYPONYM_LEVELS = 3
MAX_RELATED = 2000  # words; only a very general sense ("artifact") has more hyponyms than that


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


@vocabulary("relations", title="Words that WordNet relates to the name", order=0)
def relations(sense: Sense | None) -> Iterable[Word]:
    """The paper's text."""
    return related_words(sense) if sense else ()


@vocabulary("wordnet", title="All of WordNet (147 000 words, minutes)", order=1)
def all_of_wordnet(sense: Sense | None) -> Iterable[Word]:
    """All lemmas of WordNet (wndb(5WN)) after the related words."""
    return chain(relations(sense), _lemmas())


@vocabulary("words", title="Webster's dictionary (235 000 words, minutes)", order=2)
def all_of_webster(sense: Sense | None) -> Iterable[Word]:
    """All of Webster's Second after the related words; the words of the paper's Table 4 are mostly from there."""
    return chain(relations(sense), _webster(ensure_words()))


def all_words(
    kind: str, sense: Sense | None, modifiers: Sequence[str] = (), given: Sequence[str] = ()
) -> tuple[Word, ...]:
    """All words W_t of one choice, each once: given, modifiers, the sense's relations, then the wide list if any.

    Args:
        kind: a vocabulary's name.
        sense: the chosen meaning, or None where WordNet lacks the object.
        modifiers: what SenseLookup left over.
        given: the person's own words; blanks around them are dropped, empty ones ignored.

    Raises:
        TgvigError: there is no word at all, a given word is over 80 characters, or the list's data is missing.
    """
    return _once(_words(kind, sense, modifiers, given), own=sense.lemma if sense else "")


def check_words(kind: str, sense: Sense | None, modifiers: Sequence[str], given: Sequence[str]) -> None:
    """See that a choice has words, without the half second that reading a wide list takes.

    Raises:
        TgvigError: as `all_words`.
    """
    _words(kind, sense, modifiers, given)


def _words(kind: str, sense: Sense | None, modifiers: Sequence[str], given: Sequence[str]) -> Iterator[Word]:
    own = [Word(text, "given", "", None) for text in _clean_given(given)]
    own += [Word(text, "modifier", "", None) for text in modifiers]
    words = chain(own, vocabulary.get(kind)(sense))
    first = next(words, None)
    if first is None:
        raise TgvigError(
            "WordNet relates no word to this object. Give words that describe it, such as steel, thread, hole, another "
            "name for it, or a wide vocabulary, such as `words`.",
            setting="words",
        )
    return chain((first,), words)


def related_words(sense: Sense) -> tuple[Word, ...]:
    """The words that WordNet relates to a sense: at most 2000, each once, the nearest relation first.

    Synonyms; hypernyms up to 2 levels; parts, wholes, substances and members; hyponyms up to 3 levels. The sense's own
    lemma is left out: "a bottle with bottle" says nothing.
    """
    words = asked(("related", sense.synset), lambda: _related(wordnet().synset(sense.synset)))
    return _once((Word(*word) for word in words), own=sense.lemma)[:MAX_RELATED]


def _related(synset: Synset) -> list[list[str]]:
    """Text, relation, gloss and synset of every word around a sense."""
    wholes = synset.part_holonyms() + synset.substance_holonyms() + synset.member_holonyms()
    groups: tuple[tuple[str, Sequence[Synset]], ...] = (
        ("synonym", [synset]),
        *(("hypernym", level) for level in _levels(synset, "hypernyms", HYPERNYM_LEVELS)),
        ("part", synset.part_meronyms()),
        ("whole", wholes),
        ("substance", synset.substance_meronyms()),
        ("member", synset.member_meronyms()),
        *(("hyponym", level) for level in _levels(synset, "hyponyms", HYPONYM_LEVELS)),
    )
    return [
        [lemma.replace("_", " "), relation, related.definition(), related.name()]
        for relation, members in groups
        for related in _by_name(members)
        for lemma in related.lemma_names()
    ]


def _lemmas() -> Iterator[Word]:
    pairs = asked(("lemmas",), lambda: list(_wordnet_lemmas(wordnet())))
    return (Word(text, "wordnet", gloss, None) for text, gloss in pairs)


def _wordnet_lemmas(reader: WordNetCorpusReader) -> Iterator[tuple[str, str]]:
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


def _webster(path: Path) -> Iterator[Word]:
    """Webster's Second as Debian's miscfiles has it: a word a line, without glosses."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return (Word(text, "words", "", None) for text in map(str.strip, lines) if text)


def _levels(synset: Synset, relation: str, levels: int) -> Iterator[list[Synset]]:
    """The synsets 1, 2, … steps away."""
    border = [synset]
    for _ in range(levels):
        border = [reached for step in border for reached in getattr(step, relation)()]
        yield border


def _by_name(synsets: Sequence[Synset]) -> list[Synset]:
    """NLTK's own order of related synsets changes from run to run."""
    return sorted(synsets, key=lambda synset: synset.name())


def _clean_given(given: Sequence[str]) -> list[str]:
    words = [" ".join(text.replace("_", " ").split()) for text in given]
    for text in words:
        if len(text) > MAX_NAME or not text.isprintable():
            raise TgvigError(f"The given word {text[:30]!r}… is not usable: at most {MAX_NAME} printable characters.")
    return [text for text in words if text]


def _once(words: Iterable[Word], own: str) -> tuple[Word, ...]:
    """Each text once whatever its case, the first relation winning, without the object's own name."""
    kept: dict[str, Word] = {}
    for word in words:
        kept.setdefault(word.text.casefold(), word)
    kept.pop(own.casefold(), None)
    return tuple(kept.values())
