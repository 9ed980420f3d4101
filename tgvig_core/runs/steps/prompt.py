"""Keyword-to-prompt generator: from the object's name W° and the photos to the prompt P (TGVIG, section 4.1, Eq. 1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from tgvig_core.models.encoders.base import ImageTextEncoder
from tgvig_core.prompting.ranking import RankedPrompts, RankedSense, prompt_map, rank_prompts, rank_senses, write_csv
from tgvig_core.prompting.senses import SenseLookup, senses
from tgvig_core.prompting.vocabulary import all_words, check_words, related_words
from tgvig_core.runs.settings import RunSettings
from tgvig_core.storage.run_folder import Run, writing
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

if TYPE_CHECKING:
    from tgvig_core.runs.work import Work

MAP_PROMPTS = 200
"""Prompts on the map: more dots hide each other."""


@dataclass(frozen=True)
class Choice:
    """What the keyword-to-prompt generator found: how the name was looked up, the senses, the ranked prompts."""

    lookup: SenseLookup
    senses: tuple[RankedSense, ...]
    sense: str | None
    ranked: RankedPrompts


@dataclass(frozen=True)
class Ranking:
    """A choice, with what it rests on.

    Attributes:
        choice: senses and prompts, ranked.
        embeddings: f(I°), n×D unit rows.
        map: of prompts and photos, see `map_of`.
    """

    choice: Choice
    embeddings: Tensor
    map: dict[str, Any]

    def keep(self, folder: Path) -> None:
        """Write prompts.csv and prompt_map.json.

        Raises:
            TgvigError: the folder cannot be written to.
        """
        with writing(folder):
            write_csv(self.choice.ranked, folder / "prompts.csv")
        Run(folder).write_json("prompt_map.json", self.map)


@dataclass(frozen=True)
class ChosenPrompt:
    """RUN/prompt.json: P, the WordNet sense it came from (None: none), and where that was looked up."""

    prompt: str
    sense: str | None
    lookup: str


def prompt_of(work: Work) -> ChosenPrompt:
    """P (Eq. 1): from disk where the run had chosen it, or the person's own.

    Raises:
        TgvigError: see `words_of`. Stopped: the stop event was set.
    """
    if known := work.run.read_json("prompt.json"):
        return ChosenPrompt(known["prompt"], known["sense"], known.get("lookup") or "")
    own = work.settings.prompt
    if own and not has_words(work.settings):
        return _kept(work.run, ChosenPrompt(own, None, "The prompt was given."))
    found = rank(work.settings, work.models.encoder, work.images, work.ctx)
    found.keep(work.run.folder)
    chosen = ChosenPrompt(own or found.choice.ranked.best.text, found.choice.sense, found.choice.lookup.how)
    work.run.journal("prompt", prompt=chosen.prompt, sense=chosen.sense)
    return _kept(work.run, chosen)


def _kept(run: Run, chosen: ChosenPrompt) -> ChosenPrompt:
    run.write_json("prompt.json", {"prompt": chosen.prompt, "sense": chosen.sense, "lookup": chosen.lookup})
    return chosen


def rank(settings: RunSettings, encoder: ImageTextEncoder, images: Tensor, ctx: RunContext = QUIET) -> Ranking:
    """Look at the photos, rank senses and prompts, and lay them on a map.

    Args:
        images: I°, n×3×S×S in [-1, 1].

    Raises:
        TgvigError: see `words_of`. Stopped: the stop event was set.
    """
    embeddings = encoder.encode_images(images)  # f(I°)
    choice = choose_prompt(settings, encoder, embeddings, ctx)
    return Ranking(choice, embeddings, map_of(choice.ranked, encoder, embeddings))


def words_of(settings: RunSettings) -> tuple[SenseLookup, tuple]:
    """The senses of W° (all, or the one that was asked for).

    Raises:
        TgvigError: an unusable name, a sense that the name does not have, or no words at all.
    """
    lookup = senses(settings.object_name)
    chosen = tuple(sense for sense in lookup.senses if settings.sense in (None, sense.synset))
    if settings.sense and not chosen:
        known = ", ".join(sense.synset for sense in lookup.senses) or "none"
        raise TgvigError(f"{settings.object_name!r} has no sense {settings.sense!r} in WordNet; it has: {known}.")
    if settings.vocabulary == "relations" and not (lookup.modifiers or settings.words):
        chosen = tuple(sense for sense in chosen if related_words(sense))  # some senses stand alone in WordNet
    if settings.prompt is None or chosen or lookup.modifiers or settings.words:
        # a missing word list or an overlong word is told before a folder is made
        check_words(settings.vocabulary, chosen[0] if chosen else None, lookup.modifiers, settings.words)
    return lookup, chosen


def has_words(settings: RunSettings) -> bool:
    """Whether Eq. 1 has any word to rank; without one only a prompt of the person's own can be used."""
    lookup, chosen = words_of(settings)
    return bool(chosen or lookup.modifiers or settings.words)


def choose_prompt(
    settings: RunSettings, encoder: ImageTextEncoder, embeddings: Tensor,
    ctx: RunContext = QUIET,
) -> Choice:  # fmt: skip
    """Keyword-to-prompt generator: senses ranked by the image, words of the best (or asked-for) sense, Eq. 1.

    Args:
        embeddings: f(I°), n×D unit rows.
    """
    lookup, chosen = words_of(settings)
    ranked = rank_senses(chosen, embeddings, encoder, settings.object_name if lookup.modifiers else "")
    sense = ranked[0].sense if ranked else None
    words = all_words(settings.vocabulary, sense, lookup.modifiers, settings.words)
    prompts = rank_prompts(settings.object_name, words, embeddings, encoder, settings.rule, ctx=ctx)
    return Choice(lookup, ranked, sense.synset if sense else None, prompts)


def map_of(ranked: RankedPrompts, encoder: ImageTextEncoder, embeddings: Tensor) -> dict[str, Any]:
    """The paper's Fig. 7: the best prompts, the worst one and the photos on their two principal axes.

    Args:
        embeddings: f(I°), n×D unit rows.
    """
    shown = (*ranked.prompts[:MAP_PROMPTS], ranked.worst)
    found = prompt_map(embeddings, encoder.encode_texts([prompt.text for prompt in shown]))
    points = [
        {"prompt": prompt.text, "score": prompt.score, "xy": xy}
        for prompt, xy in zip(shown, found.prompts.tolist(), strict=True)
    ]
    return {"prompts": points, "photos": found.images.tolist(), "explained": found.explained.tolist()}
