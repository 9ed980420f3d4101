"""What step 5 says of all verdicts, and of photos that become good photos."""

from __future__ import annotations

from tgvig_core.fitting.words import of_calibration
from tgvig_ui.parts.results import Results
from tgvig_ui.widgets.html import note

FIGURES = {"image_auroc": "Image AUROC", "pixel_auroc": "Pixel AUROC", "pro": "PRO", "f1_max": "Best F1"}


def summary(found: Results) -> str:
    """How many photos are reported at the threshold, how sure that is, and the figures of a labelled folder."""
    flagged = sum(row.anomalous for row in found.rows)
    text = f"{flagged} of {len(found.rows)} photos are reported as anomalous at threshold {found.threshold:.2f}."
    moved = (
        " You moved the threshold: the estimated false-alarm rate no longer holds."
        if found.threshold != found.calibrated
        else ""
    )
    scale = "From 0 to 1, 0.5 is the threshold and 0.05 a typical good part; the raw score has no upper end."
    shown = note(f"{text} {scale}{moved}") + (note(of_calibration(found.card.calibration), "hint") if not moved else "")
    figures = [
        f"{title} {found.figures[name]:.3f}" for name, title in FIGURES.items() if found.figures.get(name) is not None
    ]
    if figures:
        explained = (
            " (1 is perfect; AUROC: how well the scores separate good from defective; PRO: how well each defect's area is "
            "covered)"
        )
        shown += note(" · ".join(figures) + explained, "hint")
    return shown


def learned(added: int, known: int) -> str:
    """What became of the photos marked OK."""
    there = f"{known} {'was' if known == 1 else 'were'} there already"
    if not added:
        return f"No photo was added to the good photos of step 1: {there}."
    text = f"{added} photo{'s' * (added != 1)} added to the good photos of step 1"
    return f"{text}{f'; {there}' if known else ''}. Generate and train again to use them."
