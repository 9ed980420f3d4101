"""What step 3 says: how a generation goes, how long one will take, and what a click does."""

from __future__ import annotations

from collections.abc import Sequence

from tgvig_core.generation.best_set import best_iteration
from tgvig_ui.charts.prompts_and_sets import FIRST_SET
from tgvig_ui.jobs.service import Service
from tgvig_ui.parts.generations import LISTED
from tgvig_ui.widgets.html import duration

HINT = "Click an image to compare it with the photo it was drawn from, and to exclude it."
FIRST_RUNS = "The first iteration is running."
NO_SET = "This generation has no set yet. Continue goes on with it."
PATIENCE = 3
"""Iterations without a better set after which the curve counts as no longer improving."""


def improving(similarity: Sequence[float]) -> str:
    """Whether going on seems worth it, in one sentence; similarity: the cosine of each set so far."""
    if not similarity:
        return f"{FIRST_SET}."
    best = best_iteration(similarity)
    if len(similarity) - best >= PATIENCE:
        return f"No longer improving since iteration {best}."
    return f"Set {best} fits the prompt best so far."


def hint(count: int) -> str:
    """What a click does, and whether there are more images than are listed."""
    more = f" The first {LISTED} of {count} images are listed; the others are used, too." if count > LISTED else ""
    return HINT + more


def estimate(service: Service, images: int, iterations: int, photos: int, pack: str = "") -> str:
    """How long a generation will take and how much memory it needs; a guess until this device has been measured.

    Args:
        images: in a set.
        iterations: of all prompts together.
        photos: of good parts.
        pack: a pack's name; empty takes the one in use.
    """
    name, device = pack or service.pack()[0].name, service.device()
    from tgvig_core.generation.settings import GeneratorSettings
    from tgvig_core.runs.estimates import known_speed, rough_speed

    known = known_speed(name, device)
    speed = known or rough_speed(name, device)
    seconds = iterations * speed.of_iteration(GeneratorSettings(images=images), photos)
    memory = f" and {speed.gigabytes:.1f} GB of memory" if speed.gigabytes else ""
    if known:
        return f"On this device: about {duration(seconds)}{memory}."
    kind = "a GPU" if device == "cuda" else "two CPU cores"
    when = "This device is measured when prompts are found with these models."
    return f"Roughly {duration(seconds)}{memory} on {kind}, a guess. {when}"
