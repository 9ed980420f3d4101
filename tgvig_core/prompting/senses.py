"""The meanings of W° in WordNet (Miller 1995): found by the name, or by the longest ending of it that WordNet knows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tgvig_core.prompting.names import ARTICLES, clean_name
from tgvig_core.prompting.word_cache import asked
from tgvig_core.prompting.wordnet import WORDNET_LOCK, wordnet

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import Synset, WordNetCorpusReader

PREPOSITIONS = ("of", "for", "with", "without", "from", "in", "on")


@dataclass(frozen=True)
class Sense:
    """One noun meaning of W°: WordNet's synset name, the lemma that was asked for, all lemmas, the definition.

    `physical` is False for what no photo can show: quantities, acts, groups of words (not under physical_entity.n.01).
    """

    synset: str
    lemma: str
    lemmas: tuple[str, ...]
    definition: str
    physical: bool = True


@dataclass(frozen=True)
class SenseLookup:
    """The senses of a name (most frequent first, maybe none), how they were found, and the words left over."""

    senses: tuple[Sense, ...]
    how: str
    modifiers: tuple[str, ...]


def senses(name: str) -> SenseLookup:
    """The noun senses of a name, by the first way that finds any.

    In this order: the name as it is; joined, hyphenated or split ("chewinggum" is WordNet's "chewing gum"); the
    longest ending that WordNet knows ("metal nut" gives nut, with "metal" left over as a modifier), where an ending
    goes no further than "of" and the like ("box of nails" gives box). Plurals count as their singular. No word is
    made up: a name that fits nothing gives no senses, and `how` says so.

    Raises:
        TgvigError: the name is not usable (see clean_name) or WordNet is not there (see ensure_wordnet).
    """
    text = clean_name(name)
    found = asked(("senses", text), lambda: asdict(_lookup(text, wordnet())))
    known = tuple(Sense(**{**sense, "lemmas": tuple(sense["lemmas"])}) for sense in found["senses"])
    return SenseLookup(known, found["how"], tuple(found["modifiers"]))


def ancestors(synset: str) -> tuple[str, ...]:
    """A sense's place in WordNet: the first lemmas from itself up to the most general, along its first path."""
    with WORDNET_LOCK:
        path = wordnet().synset(synset).hypernym_paths()[0]
    return tuple(step.lemma_names()[0].replace("_", " ") for step in reversed(path))


def place_of(word: str, relation: str, synset: str | None) -> tuple[str, ...]:
    """The word and what lies above its own sense; empty where no sense of it is known.

    Args:
        relation: as in Word; a word of the list "wordnet" has no sense there, and its most frequent one is
            taken, whose meaning that list gives.
        synset: the sense, None where the word's source gives none.
    """
    sense = synset or (_most_frequent(word) if relation == "wordnet" else None)
    return (word, *ancestors(sense)[1:]) if sense else ()


def _lookup(text: str, reader: WordNetCorpusReader) -> SenseLookup:
    for form in _spellings(text):
        found = _senses_of(form, reader)
        if found:
            written = form.replace("_", " ")
            same = written == text.lower()
            how = f'WordNet knows "{text}".' if same else f'WordNet writes "{text}" as "{written}".'
            return SenseLookup(found, how, ())
    for head, others in _heads(text.replace("-", " ").split()):
        found = _senses_of("_".join(head), reader)
        if found:
            modifiers = tuple(word for word in others if word.isalpha())
            unused = [word for word in others if not word.isalpha()]
            how = f'WordNet has no noun "{text}". These are senses of "{" ".join(head)}".'
            how += f" Extra words: {', '.join(modifiers)}." if modifiers else ""
            how += f" Not used: {', '.join(unused)}." if unused else ""
            return SenseLookup(found, how, modifiers)
    return SenseLookup((), f'WordNet has no noun "{text}", and none that it ends with.', ())


def _spellings(text: str) -> Iterator[str]:
    """The ways WordNet may write a whole name, lower case with underscores."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    yield "_".join(plain.split())
    parts = plain.replace("-", " ").split()
    if len(parts) > 1:
        yield "_".join(parts)
        yield "".join(parts)
        yield "-".join(parts)
    else:
        yield from (f"{plain[:i]}_{plain[i:]}" for i in range(2, len(plain) - 1))


def _heads(parts: Sequence[str]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Proper endings of the noun phrase, longest first, each with the other words."""
    end = next((i for i, part in enumerate(parts) if i and part.lower() in PREPOSITIONS), len(parts))
    while end > 1 and not parts[end - 1].isalpha():
        end -= 1  # "bottle 2" is a bottle: a number is no head
    rest = [part for part in parts[end:] if part.lower() not in PREPOSITIONS + ARTICLES]
    for start in range(end):
        if start or end < len(parts):
            yield tuple(part.lower() for part in parts[start:end]), (*parts[:start], *rest)


def _senses_of(form: str, reader: WordNetCorpusReader) -> tuple[Sense, ...]:
    """The noun senses of one form; WordNet's own morphology brings plurals to the singular."""
    base = reader.morphy(form, "n") or form
    return tuple(_sense(synset, base) for synset in reader.synsets(form, "n"))


def _sense(synset: Synset, base: str) -> Sense:
    lemmas = tuple(lemma.replace("_", " ") for lemma in synset.lemma_names())
    wanted = base.replace("_", " ")
    own = next((lemma for lemma in lemmas if lemma.lower() == wanted), lemmas[0])
    physical = any(above.name() == "physical_entity.n.01" for path in synset.hypernym_paths() for above in path)
    return Sense(synset.name(), own, lemmas, synset.definition(), physical)


def _most_frequent(word: str) -> str | None:
    with WORDNET_LOCK:
        own = word.replace(" ", "_").lower()
        found = wordnet().synsets(own)  # also those of the word's base form
        return next((s.name() for s in found if own in map(str.lower, s.lemma_names())), None)
