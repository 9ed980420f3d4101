"""What each kind of job is asked for; job.json keeps it as plain values (JobRecord.arguments), under these names."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from tgvig_ui.parts.choices import Number, Place


@dataclass(frozen=True)
class Generate:
    """Sets for these generations, one after the other, as far as they are not there yet."""

    generations: tuple[Number, ...]


@dataclass(frozen=True)
class Train:
    """A detector for a generation.

    Attributes:
        arm: the training set (fitting.training_sets). set: α, the generated set; None where there is none.
        left_out: images of the set that are excluded.
        detector: a detector's name. false_alarm: the target false-alarm rate.
        backbone: the pack whose backbone it takes; empty takes that of the generation's pack.
        features: the backbone by its own name, which comes before `backbone`; empty where that decides.
    """

    generation: Number
    arm: str
    false_alarm: Annotated[float, Field(gt=0, lt=1)]
    set: Number | None = None
    left_out: tuple[Place, ...] = ()
    detector: str = "patchcore"
    backbone: str = ""
    features: str = ""


@dataclass(frozen=True)
class Complete(Train):
    """Sets for the generations, then a detector from the best set of `generation`: what a program asks for at once."""

    generations: tuple[Number, ...] = ()


@dataclass(frozen=True)
class Inspect:
    """Scores and maps of the part's test photos by a generation's detector."""

    generation: Number


@dataclass(frozen=True)
class Check:
    """What a generation's detector would miss; a thorough check tries other generated sets and fewer images, too."""

    generation: Number
    thorough: bool = False


@dataclass(frozen=True)
class Export:
    """A bundle of a generation's detector; threshold: as a person moved it, None for the calibrated one."""

    generation: Number
    formats: tuple[str, ...]
    with_normals: bool = False
    threshold: float | None = None


Arguments = Generate | Train | Inspect | Check | Export


def plain_values(arguments: Arguments) -> dict[str, Any]:
    """Plain values, as JSON has them."""
    return TypeAdapter(type(arguments)).dump_python(arguments, mode="json")
