"""What a training left beside the detector of a part's chosen generation, and what a check of that detector found."""

from __future__ import annotations

from tgvig_core.runs.card import ModelCard
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.parts.json_files import read_json
from tgvig_ui.parts.part import Part


def model_card(part: Part | None) -> ModelCard | None:
    """What training left beside the detector of the chosen generation; one of another version is trained again."""
    number = part.choices.generation if part else None
    if part is None or number is None:
        return None
    try:
        return ModelCard.read(part.generation(number) / "model")
    except TgvigError:
        return None


def learned_from(card: ModelCard) -> str:
    """The images that a detector remembers, in words."""
    learned = card.training_set
    if not learned.generated or learned.set is not None:
        return learned.title
    out = f" without the {len(learned.excluded)} you excluded" if learned.excluded else ""
    return f"the photos and generated set {card.best_iteration}{out}{_admitted(card)}"


def _admitted(card: ModelCard) -> str:
    """How many generated images the gate let in, where it rejected some."""
    count = len(card.gate.images) if card.gate else 0
    kept = count - len(card.rejected)
    return "" if kept == count else f", of which {kept} of {count} images came near enough to the photos"


def check_of(part: Part | None) -> dict | None:
    """What the check of the chosen generation's detector found; a new training removes it with the detector."""
    number = part.choices.generation if part else None
    return None if number is None else read_json(part.generation(number) / "model" / "check.json")


def sentences(found: dict) -> tuple[str, str]:
    """What a check says of the synthetic defects, and of what to learn from."""
    return found["detectability"]["words"], found["advice"]["words"]
