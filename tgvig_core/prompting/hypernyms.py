"""A word's place in WordNet: the way from its own sense up to the most general one."""

from __future__ import annotations

from tgvig_core.prompting.wordnet import WORDNET_LOCK, wordnet


def ancestors(synset: str) -> tuple[str, ...]:
    """A sense's place in WordNet: the first lemmas from itself up to the most general, along its first path."""
    with WORDNET_LOCK:
        path = wordnet().synset(synset).hypernym_paths()[0]
    return tuple(step.lemma_names()[0].replace("_", " ") for step in reversed(path))


def place_of(word: str, relation: str, synset: str | None) -> tuple[str, ...]:
    """The word and what lies above its own sense; empty where no sense of it is known.

    Args:
        relation: as in word_lists.Word; a word of the list "wordnet" has no sense there, and its most frequent one is
            taken, whose meaning that list gives.
        synset: the sense, None where the word's source gives none.
    """
    sense = synset or (_most_frequent(word) if relation == "wordnet" else None)
    return (word, *ancestors(sense)[1:]) if sense else ()


def _most_frequent(word: str) -> str | None:
    with WORDNET_LOCK:
        own = word.replace(" ", "_").lower()
        found = wordnet().synsets(own)  # also those of the word's base form
        return next((s.name() for s in found if own in map(str.lower, s.lemma_names())), None)
