"""Keyword-to-prompt generator of TGVIG (Lee and Choi, CVPR 2024), Eq. 1: the prompt P that says best what I° shows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from tgvig_core.models.encoders.base import ImageTextEncoder
from tgvig_core.models.encoders.text_cache import encode_texts_cached, text_cache_dir
from tgvig_core.prompting.names import clean_name
from tgvig_core.prompting.registry import outlier_rule
from tgvig_core.prompting.senses import Sense
from tgvig_core.prompting.vocabulary import Word
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.csv_safe import guarded
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

BLOCK = 4096  # rows in float64 at once: they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class RankedSense:
    """A sense of W°, the text that stood for it, cos(f(I°), G(text)), and cos(G(W°), G(text)) where W° has more words.

    Both lie in [-1, 1]; by_name is 0 where the name is just the sense's own word.
    """

    sense: Sense
    text: str
    score: float
    by_name: float = 0.0


@dataclass(frozen=True, slots=True)
class RankedPrompt:
    """A prompt S_j with its word W_t, score cos(f(I°), G(S_j)) in [-1, 1], distance d in [0, 2], and its fate.

    synset is the word's own sense, None where its source gives none.
    """

    text: str
    word: str
    relation: str
    gloss: str
    score: float
    distance: float
    kept: bool
    reason: str
    synset: str | None = None


@dataclass(frozen=True)
class RankedPrompts:
    """All prompts, best score first (dropped ones among them), and the ones to compare with.

    best is P of Eq. 1; worst the lowest score of all, dropped or not; only_word is the bare name, naive is
    "a photo of a {name}". threshold is the d of the rule, rule its name, rule_text the same in plain words.
    """

    prompts: tuple[RankedPrompt, ...]
    best: RankedPrompt
    worst: RankedPrompt
    only_word: RankedPrompt
    naive: RankedPrompt
    rule: str
    rule_text: str
    threshold: float


@dataclass(frozen=True, eq=False)
class PromptMap:
    """Prompts (T×2) and images (N×2) on their two principal axes, and the share of variance of each axis (2)."""

    prompts: np.ndarray
    images: np.ndarray
    explained: np.ndarray


def prompt_text(name: str, word: str) -> str:
    """S_t: `a {W°} with {W_t}` without the braces."""
    return f"a {name} with {word}"


def mean_embedding(embeddings: torch.Tensor) -> torch.Tensor:
    """f(I°) of several images: the mean of the unit-norm rows (N×D, or D for one), brought back to norm 1; float64.

    Raises:
        TgvigError: a value is not finite.
    """
    if not torch.isfinite(embeddings).all():
        raise TgvigError(
            "The embedding of a photo is not a number, so no prompt can be compared with it: read it again."
        )
    rows = functional.normalize(embeddings.double().reshape(-1, embeddings.shape[-1]), dim=-1)
    return functional.normalize(rows.mean(dim=0), dim=0)


def rank_senses(
    senses: Sequence[Sense], image_embeddings: torch.Tensor, encoder: ImageTextEncoder, name: str = ""
) -> tuple[RankedSense, ...]:
    """Order the senses of W° by cos(f(I°), G("a photo of a {lemma}, {definition}")), best first.

    Physical things come before the rest whatever their score: a photo shows a bottle, never "the quantity contained in
    a bottle", and a weak encoder would take it for that. Where the name has words that the sense's lemma lacks, the
    name itself is compared too and the two cosines are added: "metal nut" is the fastener, whatever a photo looks like.

    Args:
        senses: any number; none gives none.
        image_embeddings: f of the normal images, N×D or D.
        name: W° where it says more than the lemma, else "".
    """
    if not senses:
        return ()
    texts = [f"a photo of a {sense.lemma}, {sense.definition}" for sense in senses]
    encoded = encoder.encode_texts(texts).double()
    scores = (encoded @ mean_embedding(image_embeddings)).tolist()
    by_name = (encoded @ encoder.encode_texts([name])[0].double()).tolist() if name else [0.0] * len(texts)
    ranked = (RankedSense(*row) for row in zip(senses, texts, scores, by_name, strict=True))
    return tuple(sorted(ranked, key=lambda row: (not row.sense.physical, -(row.score + row.by_name))))


def rank_prompts(
    name: str,
    words: Sequence[Word],
    image_embeddings: torch.Tensor,
    encoder: ImageTextEncoder,
    rule: str = "robust",
    cache: Path | None = None,
    ctx: RunContext = QUIET,
) -> RankedPrompts:
    """Eq. 1: P = argmax over S^p of cos(f(I°), G(S_j)).

    S^p by one of outlier_rules.py, from d = ‖f(I°) − G(S_j)‖₂. Ties keep the order of the words.

    Args:
        name: W°.
        words: W_t; their embeddings are cached on disk.
        image_embeddings: f of the normal images, N×D or D; several count as their mean (see mean_embedding).
        cache: the folder of the text cache; None for the usual one.

    Raises:
        TgvigError: no words, an unusable name, an unknown rule, or a rule that drops every prompt.
        Stopped: the stop event was set; finished text chunks stay in the cache.
    """
    name = clean_name(name)
    if not words:
        raise TgvigError(
            f"There is no word to describe {name!r} with: give some, or another vocabulary.", setting="words"
        )
    f = mean_embedding(image_embeddings)
    texts = [prompt_text(name, word.text) for word in words]
    embeddings = encode_texts_cached(encoder, texts, cache or text_cache_dir(), ctx)
    scores, distances = _scores(embeddings, f)
    threshold, kept, rule_text = outlier_rule.get(rule)(distances)
    if not kept.any():
        raise TgvigError(
            f"The rule `{rule}` drops all {len(words)} prompts: the largest distance is {distances.max():.3f}, and it "
            f"keeps d > {threshold:.3f}. Use the rule `robust`."
        )
    order = np.argsort(-scores, kind="stable")
    columns = (scores[order].tolist(), distances[order].tolist(), kept[order].tolist())  # Python's numbers are quick
    limit = ("the paper's limit" if rule == "paper" else "the outlier limit") + f" {threshold:.3f}"
    prompts = [
        _prompt(texts[j], words[j], score, d, stays, f"{'above' if d > threshold else 'not above'} {limit}")
        for j, score, d, stays in zip(order.tolist(), *columns, strict=True)
    ]
    best = next(prompt for prompt in prompts if prompt.kept)
    only_word, naive = _comparisons(name, f, encoder)
    return RankedPrompts(tuple(prompts), best, prompts[-1], only_word, naive, rule, rule_text, threshold)


def prompt_map(image_embeddings: torch.Tensor, prompt_embeddings: torch.Tensor) -> PromptMap:
    """The paper's Fig. 7: images (N×D) and prompts (T×D) together on their first two principal axes.

    The sign of an axis is chosen so that its largest loading is positive. Encode the texts of the prompts to be shown
    for this (encoder.encode_texts); a few hundred are a readable map.

    Raises:
        ValueError: fewer than three points together.
    """
    points = torch.cat([prompt_embeddings, image_embeddings]).double().cpu().numpy()
    if len(points) < 3:
        raise ValueError("a map needs three points")
    centred = points - points.mean(axis=0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    places = centred @ axes.T
    variance = singular**2
    count = len(prompt_embeddings)
    return PromptMap(places[:count], places[count:], variance[:2] / max(variance.sum(), np.finfo(float).tiny))


def write_csv(ranked: RankedPrompts, path: Path) -> None:
    """prompts.csv: rank (1 is the highest score), prompt, word, relation, gloss, score, distance, kept, reason.

    Raises:
        TgvigError: the file cannot be written.
    """
    try:
        with whole(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow("rank prompt word relation gloss score distance kept reason".split())
            for rank, p in enumerate(ranked.prompts, start=1):
                numbers = (f"{p.score:.6f}", f"{p.distance:.6f}", "yes" if p.kept else "no")
                writer.writerow((rank, *map(guarded, (p.text, p.word, p.relation, p.gloss)), *numbers, p.reason))
    except OSError as error:
        raise TgvigError(f"{path} cannot be written ({error}). Choose a writable folder with room.") from error


def _scores(embeddings: torch.Tensor, f: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """cos(f(I°), G(S_j)) and d = ‖f(I°) − G(S_j)‖₂ = sqrt(2 − 2cos) of unit-norm rows, float64."""
    scores = torch.cat([rows.double() @ f for rows in embeddings.split(BLOCK)]).numpy()
    return scores, np.sqrt(np.maximum(2 - 2 * scores, 0))


def _prompt(text: str, word: Word, score: float, d: float, kept: bool, side: str) -> RankedPrompt:
    reason = f"{'kept' if kept else 'dropped'}: distance {d:.3f} is {side}"
    return RankedPrompt(text, word.text, word.relation, word.gloss, score, d, kept, reason, word.synset)


def _comparisons(name: str, f: torch.Tensor, encoder: ImageTextEncoder) -> tuple[RankedPrompt, RankedPrompt]:
    """The bare name and "a photo of a {name}", scored alike; they are never chosen."""
    texts = (name, f"a photo of a {name}")
    scores, distances = _scores(encoder.encode_texts(texts), f)
    only_word, naive = (
        RankedPrompt(text, "", "comparison", "", float(score), float(d), False, "shown to compare with, never chosen")
        for text, score, d in zip(texts, scores, distances, strict=True)
    )
    return only_word, naive
