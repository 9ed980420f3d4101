"""What the generations of a part left on disk, as values: curves, settings, sets, pictures, prompts side by side."""

from __future__ import annotations

from pathlib import Path

from pydantic.dataclasses import dataclass

from tgvig_core.generation.best_set import best_iteration
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.atomic_write import whole
from tgvig_ui.parts.json_files import read_value, write_json
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.thumbnails import thumb

LISTED = 100
"""Images of a set that the page lists."""
BY_HAND = "by_hand.json"


def similarity(part: Part, number: int) -> list[float]:
    """The similarity curve of a generation, from its journal."""
    return [row["similarity"] for row in Run(part.generation(number)).iterations()]


@dataclass(frozen=True)
class Generating:
    """How images are drawn (GeneratorSettings)."""

    images: int = 20
    variance: bool = True


@dataclass(frozen=True)
class Integrating:
    """How many sets are made, and whether the text chooses among them (IntegratorSettings)."""

    iterations: int = 0
    text: bool = True


@dataclass(frozen=True)
class Settings:
    """What a generation was asked for, as far as the page tells of it: RunSettings, which needs torch."""

    photos: tuple[str, ...] = ()
    prompt: str | None = None
    seed: int = 0
    pack: str = ""
    device: str = ""
    generating: Generating = Generating()
    integrating: Integrating = Integrating()


@dataclass(frozen=True)
class Config:
    """config.json of a generation.

    Attributes:
        together: the numbers of all generations that were begun at once, to be compared.
    """

    settings: Settings = Settings()
    together: tuple[int, ...] = ()


@dataclass(frozen=True)
class ByHand:
    """The set that a person chose to learn from."""

    set: int


def _config(part: Part, number: int) -> Config:
    return read_value(Config, part.generation(number) / "config.json") or Config()


def settings_of(part: Part, number: int) -> Settings:
    """What a generation was asked for."""
    return _config(part, number).settings


def unfinished(part: Part) -> list[int]:
    """The generations that Continue finishes: the shown one, then those that were begun with it to be compared."""
    shown = part.choices.generation
    if shown is None:
        return []
    numbers = dict.fromkeys((shown, *_config(part, shown).together))
    return [number for number in numbers if lacks_sets(part, number)]


def lacks_sets(part: Part, number: int) -> bool:
    """Whether a generation has fewer sets than were asked for; one without a prompt is for a detector alone."""
    settings = settings_of(part, number)
    return bool(settings.prompt) and len(similarity(part, number)) < settings.integrating.iterations


def best_set(part: Part, number: int) -> int | None:
    """α of the sets so far, or the last one where that was asked for; None before the first set."""
    curve = similarity(part, number)
    return best_iteration(curve, settings_of(part, number).integrating.text) if curve else None


def used_set(part: Part, number: int) -> int | None:
    """The set that is learned from: the one that a person chose, else the best; None before the first set."""
    chosen = read_value(ByHand, part.generation(number) / BY_HAND)
    return chosen.set if chosen else best_set(part, number)


def use_set(part: Part, number: int, set_number: int) -> None:
    """Keep a person's choice with its generation: further iterations and a look at another generation leave it."""
    write_json(part.generation(number) / BY_HAND, {"set": set_number})


def set_files(part: Part, number: int, set_number: int) -> list[Path]:
    return sorted((part.generation(number) / "sets" / f"{set_number:03d}").glob("*.png"))


def pictures(part: Part, number: int | None, set_number: int | None) -> list[tuple[str, str]]:
    """At most the first 100, which is what the page's slider allows: a program may have asked for more."""
    if number is None or not set_number:
        return []
    out = part.choices.left_out if set_number == part.choices.chosen_set else ()
    files = set_files(part, number, set_number)[:LISTED]
    return [
        (str(thumb(file, part.folder / "thumbs")), "excluded" if place in out else "")
        for place, file in enumerate(files)
    ]


def square(path: Path) -> str:
    """The photo in the generator's square frame, so that both sides of the slider lie on each other."""
    from PIL import Image

    target = path.with_name(f"{path.stem}-square.jpg")
    if not target.exists():
        with whole(target) as draft:
            Image.open(path).resize((256, 256), Image.Resampling.BICUBIC).save(draft, quality=92)
    return str(target)
