"""What fitting found, in sentences for an engineer and an auditor; the numbers are in results.py."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from tgvig_core.fitting.results import (
    ALONE,
    FOLDS,
    HELD_OUT_VIEWS,
    LEAST_ABOVE,
    ONCE,
    TOO_FAR,
    Admission,
    Calibration,
    Gate,
)


def of_calibration(found: Calibration) -> str:
    """What a threshold was set for, and what it is worth."""
    target, between = (
        f"{found.false_alarm:.0%}",
        f"the true rate is likely between {found.low:.0%} and {found.high:.0%}",
    )
    if found.photos == 1:
        taken = "taken from how good photos of other parts differ"
        return f"Set for {target} false alarms, but from 1 photo this is a guess, {taken}: {between}."
    return f"Set for {target} false alarms from {found.photos} photos: {between}."


def how_found(photos: int, false_alarm: float) -> str:
    """What calibration.py does with so many photos, for an auditor.

    Args:
        photos: n ≥ 1. false_alarm: α in (0, 1).
    """
    law = "The threshold comes from a law of good scores whose mean these scores tell and whose spread was measured on other parts."
    if photos == 1:
        return f"One photo can be compared with nothing but itself, so {HELD_OUT_VIEWS} unseen views of it were scored. {law}"
    compared, remade = photos, "Each photo was scored against a memory bank that was made without it (cross-fitting)."
    if photos > ALONE:
        compared = photos if photos <= ONCE else math.ceil(photos / FOLDS)
        share = "One fifth of the photos after the other" if photos <= ONCE else f"{compared} of the photos, a fifth,"
        remade = f"{share} was scored against a memory bank that was made without it (cross-fitting)."
    if (compared + 1) * false_alarm < LEAST_ABOVE:
        return f"{remade} {law}"
    rank = min(math.ceil((compared + 1) * (1 - false_alarm)), compared)
    return f"{remade} The threshold is number {rank} of these {compared} scores, smallest first (split conformal prediction)."


def of_gate(found: Gate) -> str:
    """How many images of a set are learned from, and how near they are."""
    count, out = len(found.images), len(found.rejected)
    if out == count:
        return (
            f"All {out} generated images lie too far from the real photos: the detector learns from the photos alone."
        )
    said = []
    if out:
        said.append(f"{out} of {count} generated images lie too far from the real photos and are not learned from.")
    if farther := sum(image.kept and image.distance > found.good for image in found.images):
        said.append(
            f"{farther} of {count} generated images lie farther from the real photos than another good photo would, "
            "and are learned from: the generator's own texture alone can do that."
        )
    return " ".join(said) or f"All {count} generated images lie as near to the real photos as good photos can."


def of_admission(found: Admission, limit: float) -> str:
    """Why an image is learned from or not.

    Args:
        limit: the gate's.
    """
    return (
        f"Its distance to the nearest real photo, {found.distance:.3g}, is {'within' if found.kept else 'above'} the "
        f"{limit:.3g} that is {TOO_FAR:g} times what a good photo may have."
    )


def calibration_json(found: Calibration) -> dict[str, Any]:
    """Numbers and sentence, as files of a run hold them."""
    return asdict(found) | {"words": of_calibration(found)}


def gate_json(found: Gate) -> dict[str, Any]:
    """Numbers and sentences, as files of a run hold them."""
    images = [asdict(one) | {"reason": of_admission(one, found.limit)} for one in found.images]
    return asdict(found) | {"images": images, "words": of_gate(found)}
