"""What step 4 says of a trained detector, of its check, and of a defect that is looked at."""

from __future__ import annotations

from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.diagnosis.words import of_lift
from tgvig_core.fitting.results import Calibration
from tgvig_core.fitting.training_sets import REAL
from tgvig_core.fitting.words import of_calibration
from tgvig_core.inspection.score_scale import shown
from tgvig_core.runs.card import ModelCard
from tgvig_core.synthetic.registry import defect
from tgvig_ui.parts.trained import learned_from


def trained(card: ModelCard) -> str:
    """What a detector was trained on, and where its threshold lies."""
    about = card.calibration
    return f"Trained on {learned_from(card)}. Scores above {about.threshold:.2f} are called anomalous. {of_calibration(about)}"


def how(card: ModelCard) -> str:
    """Which detector it is, and what its training set changed."""
    name = detectors.title(card.saved.detector).partition(":")[0]  # without what distinguishes it from the others
    saved = card.saved
    features = f", on the features of {saved.backbone} ({', '.join(saved.layers)})" if saved.backbone else ""
    seen = f"{name}{features}."
    return f"{seen} {of_lift(card.lift, card.training_set)}" if card.lift and card.training_set != REAL else seen


def verdict(score: float, about: Calibration, hit: bool) -> str:
    """The detector's verdict on a photo with a defect, as HTML.

    Args:
        hit: whether the map is highest at the defect.
    """
    limit = about.threshold
    found, display = score > limit, shown(score, limit, about.steepness)
    where = "" if not found else " for this spot" if hit else " for another spot"
    badge = f'<span class="tg-bad">ANOMALOUS</span>{where}' if found else '<span class="tg-good">GOOD</span> (missed)'
    scale = f"{display:.2f} on a scale from 0 to 1 (0.5 is the threshold)"
    return f"<div>Your detector says: {badge}, {scale}, raw score {score:.2f}, threshold {limit:.2f}.</div>"


def unseen(kind: str) -> str:
    """That a defect would not be seen."""
    return f"{defect.title(kind).capitalize()} of this strength and size would not be seen here: raise one, or take another place."
