"""Options that several commands share; names of packs, vocabularies and rules come from the registries, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.packs.registry import choices
from tgvig_core.prompting.registry import outlier_rule, vocabulary

PROMPT, GENERATE, LEARN, TRAIN = "Prompt (Eq. 1)", "Generation (Eq. 2, 3)", "Integrator (Eq. 4 to 7)", "Detector"
"""The panels of `tgvig run --help`."""

Photos = Annotated[list[str], typer.Argument(metavar="IMG...", help="photos of good parts: files, folders or globs")]
MaybePhotos = Annotated[
    list[str] | None, typer.Argument(metavar="IMG...", help="photos of good parts: files, folders or globs")
]
Name = Annotated[str, typer.Option("--object", help='W°, what the part is called, e.g. "metal nut"')]
MaybeName = Annotated[str | None, typer.Option("--object", help='W°, what the part is called, e.g. "metal nut"')]
Sense = Annotated[
    str | None,
    typer.Option(
        "--sense", help="WordNet sense, e.g. bottle.n.01; left out: the best by the image", rich_help_panel=PROMPT
    ),
]
Vocabulary = Annotated[
    str, typer.Option(help=f"where the words come from: {', '.join(vocabulary.names())}", rich_help_panel=PROMPT)
]
Words = Annotated[
    str, typer.Option(help="W_t, your own words for the part, separated by commas", rich_help_panel=PROMPT)
]
Rule = Annotated[
    str, typer.Option(help=f"outlier rule of Eq. 1: {', '.join(outlier_rule.names())}", rich_help_panel=PROMPT)
]
Pack = Annotated[str, typer.Option("--pack", help=f"models: {', '.join(choices())}")]
ModelsDir = Annotated[Path | None, typer.Option(help="folder with model files brought by hand (or TGVIG_MODELS_DIR)")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document on standard output, nothing else there")]
Quiet = Annotated[bool, typer.Option("--quiet", help="no progress bars")]


def split(words: str) -> tuple[str, ...]:
    """What --words holds."""
    return tuple(word.strip() for word in words.split(",") if word.strip())
