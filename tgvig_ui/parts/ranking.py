"""What the page and programs are told of a ranking (ranking.json): senses, the first prompts, their scores and places."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from tgvig_core.models.encoders.base import ImageTextEncoder
    from tgvig_core.prompting.ranking import RankedPrompt, RankedPrompts
    from tgvig_core.runs.steps.prompt import Choice

SHOWN = 300
"""Prompts that the page lists; prompts.csv has them all."""


def ranking_of(choice: Choice, object_name: str, encoder: ImageTextEncoder, embeddings: Tensor) -> dict:
    """The ranking as plain values.

    Args:
        embeddings: f(I°), n×D unit rows; every prompt gets its cosine with each photo.
    """
    ranked, shown = choice.ranked, _shown(choice.ranked)
    each = encoder.encode_texts([prompt.text for prompt in shown]) @ embeddings.T
    return {
        "object": object_name, "sense": choice.sense, "lookup": choice.lookup.how, "rule": ranked.rule_text,
        "caveat": encoder.caveat, "encoder": encoder.name, "count": len(ranked.prompts),
        "senses": [{"synset": s.sense.synset, "definition": s.sense.definition, "score": s.score} for s in choice.senses],
        "prompts": [
            asdict(prompt) | {"photos": row.tolist(), "place": _place(prompt, choice.sense)}
            for prompt, row in zip(shown, each, strict=True)
        ],
        **{name: getattr(ranked, name).text for name in ("best", "worst", "only_word", "naive")},
    }  # fmt: skip


def _shown(ranked: RankedPrompts) -> list[RankedPrompt]:
    """The first prompts and those that comparisons name."""
    named = (ranked.best, ranked.worst, ranked.only_word, ranked.naive)
    first = list(ranked.prompts[:SHOWN])
    texts = {prompt.text for prompt in first}
    return first + [prompt for prompt in dict.fromkeys(named) if prompt.text not in texts]


def _place(prompt: RankedPrompt, sense: str | None) -> list[str]:
    """The place in WordNet of the prompt's word; a prompt without one has that of the object's name."""
    from tgvig_core.prompting.senses import ancestors, place_of

    if not prompt.word:
        return list(ancestors(sense)) if sense else []
    return list(place_of(prompt.word, prompt.relation, prompt.synset))
