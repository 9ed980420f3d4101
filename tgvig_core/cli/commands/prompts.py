"""`tgvig prompts`: the keyword-to-prompt generator by itself (TGVIG, section 4.1, Eq. 1)."""

from __future__ import annotations

from typing import Annotated

import typer

from tgvig_core.cli.console import running, show_prompts
from tgvig_core.cli.options import (
    Device,
    Json,
    ModelsDir,
    Name,
    Pack,
    Photos,
    Quiet,
    Rule,
    Sense,
    Vocabulary,
    Words,
    split,
)


def prompts(
    images: Photos, object_name: Name, sense: Sense = None, vocabulary: Vocabulary = "relations", words: Words = "",
    rule: Rule = "robust", top: Annotated[int, typer.Option(help="how many to show")] = 20, pack: Pack = "auto",
    models_dir: ModelsDir = None, device: Device = "auto", as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Rank prompts for a part by its photos (Eq. 1)."""
    from tgvig_core.packs import registry
    from tgvig_core.photos.images import read_normals
    from tgvig_core.photos.quality_notes import report
    from tgvig_core.runs.settings import SIZE, RunSettings
    from tgvig_core.runs.steps.prompt import rank
    from tgvig_core.utils.device import device_of

    settings = RunSettings(
        tuple(images), object_name, "", sense=sense, vocabulary=vocabulary, words=split(words), rule=rule
    )
    normals = read_normals(images)
    chosen, reason = registry.choose(pack, models_dir)
    with running(quiet or as_json) as ctx:
        encoder = registry.load_encoder(chosen, models_dir, device_of(device))
        found = rank(settings, encoder, normals.tensor(SIZE), ctx)
    named = f"{chosen.name} ({reason})"
    show_prompts(found.choice, found.map, report(normals), named, encoder.caveat, top, as_json)
