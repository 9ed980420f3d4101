"""How long a generation will take and how much memory it needs, in words; a guess until this machine has been measured."""

from __future__ import annotations

from tgvig_ui.jobs.models import Service
from tgvig_ui.widgets.html import duration, note


def estimate(service: Service, images: int, iterations: int, photos: int, pack: str = "") -> str:
    """A hint for the page.

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
        return note(f"On this device: about {duration(seconds)}{memory}.", "hint")
    kind = "a GPU" if device == "cuda" else "two CPU cores"
    when = "This device is measured when prompts are found with these models."
    return note(f"Roughly {duration(seconds)}{memory} on {kind}, a guess. {when}", "hint")
