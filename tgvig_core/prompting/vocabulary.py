"""The T words W_t around an object's name: senses and relations from WordNet, wide word lists, the person's own.

Source: TGVIG (Lee and Choi, CVPR 2024), keyword-to-prompt generator: "synonyms, hypernyms, hyponyms and part-whole
relations" of W° from WordNet through NLTK. How names that WordNet lacks are treated is decided in `senses`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from tgvig_core.prompting.word_cache import remembered
from tgvig_core.prompting.word_lists import Word, webster, wordnet_lemmas
from tgvig_core.prompting.wordnet import WORDNET_LOCK, ensure_wordnet, ensure_words, wordnet
from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import Synset, WordNetCorpusReader

Kind = Literal["relations", "wordnet", "words"]
MAX_NAME, MAX_PROMPT = 80, 300  # characters
HYPERNYM_LEVELS = 2  # above that come "artifact" and "object", which fit every part
HYPONYM_LEVELS = 3
MAX_RELATED = 2000  # words; only a very general sense ("artifact") has more hyponyms than that
ARTICLES = ("a", "an", "the")
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


def clean_name(name: str) -> str:
    """An object's name W° as people write it: spaces for underscores, no article in front, at most 80 characters.

    Raises:
        TgvigError: the name is empty, too long, has control characters, or has no letter.
    """
    text = unicodedata.normalize("NFC", name).replace("_", " ")
    text = " ".join(text.split())
    if not text:
        raise TgvigError("The object has no name. Give one, such as `metal nut`.")
    if len(text) > MAX_NAME:
        raise TgvigError(
            f"The object's name has {len(text)} characters ({text[:30]}…); give one of at most {MAX_NAME}."
        )
    if not text.isprintable():
        raise TgvigError(f"The object's name {text!r} holds a character that cannot be printed; type it again.")
    if not any(character.isalpha() for character in text):
        raise TgvigError(f"The object's name {text!r} holds no letter; give a word for it, such as `metal nut`.")
    first, _, rest = text.partition(" ")
    return rest if rest and first.lower() in ARTICLES else text


def clean_prompt(text: str) -> str:
    """A person's own prompt P in one line, at most 300 characters: CLIP reads 77 tokens.

    Raises:
        TgvigError: it is empty, too long, or has control characters.
    """
    prompt = " ".join(unicodedata.normalize("NFC", text).split())
    if not prompt:
        raise TgvigError("The prompt is empty: write one, or leave --prompt out.")
    if len(prompt) > MAX_PROMPT:
        raise TgvigError(f"The prompt has {len(prompt)} characters ({prompt[:30]}…); give one of at most {MAX_PROMPT}.")
    if not prompt.isprintable():
        raise TgvigError(f"The prompt {prompt!r} holds a character that cannot be printed; type it again.")
    return prompt


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
    found = _asked(("senses", text), lambda: asdict(_lookup(text, wordnet())))
    known = tuple(Sense(**{**sense, "lemmas": tuple(sense["lemmas"])}) for sense in found["senses"])
    return SenseLookup(known, found["how"], tuple(found["modifiers"]))


def _asked(question: tuple[str, ...], answer: Callable[[], Any]) -> Any:
    """WordNet's answer, from disk where it was asked before."""
    with WORDNET_LOCK:
        return remembered(question, ensure_wordnet(), answer)


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


def related_words(sense: Sense) -> tuple[Word, ...]:
    """The words that WordNet relates to a sense: at most 2000, each once, the nearest relation first.

    Synonyms; hypernyms up to 2 levels; parts, wholes, substances and members; hyponyms up to 3 levels. The sense's own
    lemma is left out: "a bottle with bottle" says nothing.
    """
    words = _asked(("related", sense.synset), lambda: _related(wordnet().synset(sense.synset)))
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


def vocabulary(
    kind: Kind, sense: Sense | None, modifiers: Sequence[str] = (), given: Sequence[str] = ()
) -> tuple[Word, ...]:
    """All words W_t of one choice, each once: given, modifiers, the sense's relations, then the wide list if any.

    Args:
        kind: `relations` (the paper's text), `wordnet` (147 k lemmas), `words` (Webster's Second, 235 k; the words of
            the paper's Table 4 are mostly from there).
        sense: the chosen meaning, or None where WordNet lacks the object.
        modifiers: what SenseLookup left over.
        given: the person's own words; blanks around them are dropped, empty ones ignored.

    Raises:
        TgvigError: there is no word at all, a given word is over 80 characters, or the list's data is missing.
    """
    words = near_words(kind, sense, modifiers, given)
    wide = {
        "relations": lambda: (),
        "wordnet": _all_of_wordnet,
        "words": lambda: webster(ensure_words()),
    }
    return _once((*words, *wide[kind]()), own=sense.lemma if sense else "")


def near_words(kind: Kind, sense: Sense | None, modifiers: Sequence[str], given: Sequence[str]) -> list[Word]:
    """The words of a choice without its wide list, which takes half a second to read but is known to be there.

    Raises:
        TgvigError: as `vocabulary`.
    """
    if kind not in ("relations", "wordnet", "words"):
        raise TgvigError(f"There is no vocabulary {kind!r}; choose relations, wordnet or words.")
    if kind == "words":
        ensure_words()
    words = [Word(text, "given", "", None) for text in _clean_given(given)]
    words += [Word(text, "modifier", "", None) for text in modifiers]
    words += related_words(sense) if sense else ()
    if not words and kind == "relations":
        raise TgvigError(
            "WordNet relates no word to this object. Give words that describe it (`--words steel,thread,hole`), "
            "another name for it, or a wide vocabulary (`--vocabulary words`)."
        )
    return words


def _all_of_wordnet() -> Iterator[Word]:
    pairs = _asked(("lemmas",), lambda: list(wordnet_lemmas(wordnet())))
    return (Word(text, "wordnet", gloss, None) for text, gloss in pairs)


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
