"""The job that ranks prompts for a part's photos (Eq. 1, Fig. 7), into ranking.json, prompts.csv and prompt_map.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.service import Service
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.ranking import CSV, FILE, MAP, SHOWN, ListedPrompt, RankedSense, Ranking

if TYPE_CHECKING:
    from torch import Tensor

    from tgvig_core.models.encoders.base import ImageTextEncoder
    from tgvig_core.prompting.ranking import RankedPrompt, RankedPrompts
    from tgvig_core.runs.steps.prompt import Choice


def rank(service: Service, part: Part, watch: Watch) -> None:
    """Senses and prompts; the best prompt and its sense become the part's."""
    watch.progress("Loading the models", 0, 0)
    encoder = service.encoder()
    from tgvig_core.photos.images import read_normals
    from tgvig_core.prompting.ranking import write_csv
    from tgvig_core.runs.settings import SIZE
    from tgvig_core.runs.steps.prompt import choose_prompt, map_of

    choices = part.choices
    embeddings = encoder.encode_images(read_normals(part.photos()).tensor(SIZE))
    choice = choose_prompt(service.settings(part, choices), encoder, embeddings, watch.ctx)
    write_csv(choice.ranked, part.folder / CSV)
    write_json(part.folder / MAP, map_of(choice.ranked, encoder, embeddings))
    write_json(part.folder / FILE, asdict(ranking_of(choice, choices.object_name, encoder, embeddings)))
    part.choose(prompt=choice.ranked.best.text, sense=choice.sense)


def measure_speed(service: Service, watch: Watch) -> None:
    """Once on a machine: the estimate before a generation rests on it. The ranking stands without it."""
    from tgvig_core.packs import registry
    from tgvig_core.runs.estimates import known_speed, measure_speed

    pack, device = service.pack()[0], service.device()
    if known_speed(pack.name, device) is None:
        watch.progress("Measuring how fast this device is", 0, 0)
        try:
            model = registry.load_generator(pack, service.options.models_dir, device, watch.ctx)
            measure_speed(pack, model, device)
        except TgvigError as error:  # a generator that cannot be fetched, or does not fit into memory
            watch.note(f"No images can be generated yet. {error}")


def ranking_of(choice: Choice, object_name: str, encoder: ImageTextEncoder, embeddings: Tensor) -> Ranking:
    """The ranking as a value.

    Args:
        embeddings: f(I°), n×D unit rows; every prompt gets its cosine with each photo.
    """
    ranked, shown = choice.ranked, _shown(choice.ranked)
    each = encoder.encode_texts([prompt.text for prompt in shown]) @ embeddings.T
    listed = tuple(
        ListedPrompt(**asdict(prompt), photos=tuple(row.tolist()), place=tuple(_place(prompt, choice.sense)))
        for prompt, row in zip(shown, each, strict=True)
    )
    return Ranking(
        object=object_name, sense=choice.sense, lookup=choice.lookup.how, rule=ranked.rule_text, caveat=encoder.caveat,
        encoder=encoder.name, count=len(ranked.prompts), prompts=listed,
        senses=tuple(RankedSense(s.sense.synset, s.sense.definition, s.score) for s in choice.senses),
        best=ranked.best.text, worst=ranked.worst.text, only_word=ranked.only_word.text, naive=ranked.naive.text,
    )  # fmt: skip


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
