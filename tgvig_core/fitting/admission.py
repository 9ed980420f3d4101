"""Which generated images a detector may learn from: those not too far from the real normals.

The distance is PatchCore's own (Roth et al., CVPR 2022): the score of a generated image against the memory of the real
photos alone, that is the distance of its strangest patch to the nearest real one. A generator leaves its own texture, so
that its images often lie somewhat farther than another good photo would; docs/advice.md has what such sets did.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from tgvig_core.detectors.base import BATCH, Detector
from tgvig_core.utils.progress import QUIET, RunContext

TOO_FAR = 2.0
"""The limit, in thresholds of the detector of the photos alone. Sets of up to 1.9 were as good in the bank as out of it
(docs/advice.md); noise lies beyond (tests/core/fitting/test_admission.py)."""


@dataclass(frozen=True)
class Admission:
    """Whether one generated image is learned from.

    Attributes:
        image: its place in the set.
        kept: False where the gate leaves it out.
        distance: to the nearest real normal, a raw score.
        reason: why, in words.
    """

    image: int
    kept: bool
    distance: float
    reason: str


@dataclass(frozen=True)
class Gate:
    """The admissions of a set.

    Attributes:
        good: the threshold of the detector of the photos alone, up to which another good photo may lie.
        limit: the largest distance of an image that is kept.
        images: one for each image of the set, in its order.
        words: the same for an engineer.
    """

    good: float
    limit: float
    images: tuple[Admission, ...]
    words: str


def admit(
    alone: Detector, generated: Tensor, good: float,
    ctx: RunContext = QUIET,
) -> Gate:  # fmt: skip
    """Measure every image of a set.

    Args:
        alone: trained on the real normals only.
        generated: I⁺, M×3×S×S in [-1, 1].
        good: the threshold of `alone`, a raw score.

    Raises:
        Stopped: the stop event was set.
    """
    parts = generated.split(BATCH)
    steps = ctx.track(parts, "Measuring the generated images", len(parts))
    distances = [score for part in steps for score in alone.score(part).scores.tolist()]
    limit = TOO_FAR * good
    images = tuple(_admission(place, distance, limit) for place, distance in enumerate(distances))
    return Gate(good, limit, images, _words(images, good))


def dropped(card: dict) -> tuple[int, ...]:
    """The places that the gate left out of the set a detector was trained on, by what training left beside it."""
    found = card.get("gate")
    return tuple(row["image"] for row in found["images"] if not row["kept"]) if found else ()


def _admission(place: int, distance: float, limit: float) -> Admission:
    kept = distance <= limit
    reason = (
        f"Its distance to the nearest real photo, {distance:.3g}, is {'within' if kept else 'above'} the {limit:.3g} "
        f"that is {TOO_FAR:g} times what a good photo may have."
    )
    return Admission(place, kept, distance, reason)


def _words(images: tuple[Admission, ...], good: float) -> str:
    out = sum(not image.kept for image in images)
    farther = sum(image.kept and image.distance > good for image in images)
    if out == len(images):
        return (
            f"All {out} generated images lie too far from the real photos: the detector learns from the photos alone."
        )
    said = []
    if out:
        said.append(
            f"{out} of {len(images)} generated images lie too far from the real photos and are not learned from."
        )
    if farther:
        said.append(
            f"{farther} of {len(images)} generated images lie farther from the real photos than another good photo would, "
            "and are learned from: the generator's own texture alone can do that."
        )
    return " ".join(said) or f"All {len(images)} generated images lie as near to the real photos as good photos can."
