"""A part's ranking as a value (ranking.json): senses, the first prompts, their scores and places in WordNet (Eq. 1)."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from tgvig_ui.parts.json_files import read_value
from tgvig_ui.parts.part import Part

FILE, CSV, MAP = "ranking.json", "prompts.csv", "prompt_map.json"
SHOWN = 300
"""Prompts that the page lists; prompts.csv has them all."""


@dataclass(frozen=True)
class RankedSense:
    """A meaning of the part's name; score is its cosine with the photos."""

    synset: str
    definition: str = ""
    score: float = 0.0

    @property
    def title(self) -> str:
        """Its name and definition."""
        return f"{self.synset.split('.')[0].replace('_', ' ')}: {self.definition}"


@dataclass(frozen=True)
class ListedPrompt:
    """A prompt of the list: prompting.ranking.RankedPrompt, its cosine with each photo, and its word's place in WordNet."""

    text: str
    word: str = ""
    relation: str = ""
    gloss: str = ""
    score: float = 0.0
    distance: float = 0.0
    kept: bool = True
    reason: str = ""
    synset: str | None = None
    photos: tuple[float, ...] = ()
    place: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """What a ranking left.

    Attributes:
        object: the part's name that was ranked for. sense: the synset of its meaning, None where there is none.
        lookup, rule, caveat: how the name was found, what was excluded, and what the encoder is bad at, in sentences.
        count: prompts that were ranked. prompts: the first of them and those that follow, best first.
        best, worst, only_word, naive: texts of the prompts that comparisons name.
    """

    object: str = ""
    sense: str | None = None
    lookup: str = ""
    rule: str = ""
    caveat: str = ""
    encoder: str = ""
    count: int = 0
    senses: tuple[RankedSense, ...] = ()
    prompts: tuple[ListedPrompt, ...] = ()
    best: str = ""
    worst: str = ""
    only_word: str = ""
    naive: str = ""

    def prompt(self, text: str) -> ListedPrompt | None:
        """The listed prompt of this text, None where it is a person's own."""
        return next((prompt for prompt in self.prompts if prompt.text == text), None)


def ranking(part: Part) -> Ranking | None:
    """The part's ranking, None where there is none (or one that another version wrote and this one cannot use)."""
    return read_value(Ranking, part.folder / FILE)
