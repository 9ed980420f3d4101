"""What a person did by hand on the way to a detector, in sentences: no command repeats it, so its bundle has to tell."""

from __future__ import annotations

from pathlib import Path

from tgvig_ui.parts.generations import settings_of, similarity
from tgvig_ui.parts.store import Part, read_json


def done_by_hand(part: Part, number: int) -> tuple[str, ...]:
    """The sentences of a generation with a trained detector.

    Left-out images and a moved threshold are not among them: tgvig_core.bundles.manifest tells them of every run.
    """
    card, settings = read_json(part.generation(number) / "model" / "model.json"), settings_of(part, number)
    said = [_learned(part, settings), _ended(part, number, settings) if card["arm"].startswith("tgvig") else ""]
    return tuple(filter(None, [*said, _backbone(card, settings)]))


def _learned(part: Part, settings: dict) -> str:
    """Photos that came in by the button “Add the photos marked OK to the good photos”."""
    names = [Path(path).name for path in settings["photos"] if Path(path).name in part.choices.learned]
    if not names:
        return ""
    return f"Inspected before and marked OK by a person, then added to the good photos: {', '.join(names)}."


def _ended(part: Part, number: int, settings: dict) -> str:
    made, wanted = len(similarity(part, number)), settings["integrating"]["iterations"]
    return f"The generation was ended after {made} of {wanted} iterations." if made < wanted else ""


def _backbone(card: dict, settings: dict) -> str:
    from tgvig_core.packs import registry  # loads torch, which the job that asks has done already

    own = registry.PACKS[settings["pack"]].backbone
    if card["backbone"] == own:
        return ""
    return f"The detector was given the features of {card['backbone']} in place of {own}, those of the pack."
