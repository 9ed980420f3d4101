"""The figures that labelled photos give (inspection/metrics.py), as reports name and explain them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIGURES = {
    "image_auroc": ("Image AUROC", "1: every defective photo scores above every good one; 0.5: chance"),
    "f1_max": ("Best F1", "balance of defects found and false alarms at the best threshold there is; 1 is perfect"),
    "false_alarm": ("False alarms", "share of the good photos called anomalous at the threshold"),
    "miss": ("Missed defects", "share of the defective photos called good at the threshold"),
    "pixel_auroc": ("Pixel AUROC", "the same as image AUROC, for the pixels of the heatmaps"),
    "pro": ("PRO", "how much of each defect the heatmaps cover, up to 30 % false pixels; 1 is perfect"),
}
"""Key of result.json: name, and what it says."""
RATES = ("false_alarm", "miss")
"""Those that depend on the threshold."""


@dataclass(frozen=True)
class LabelFigure:
    """A figure in [0, 1]; `rate`: whether it is a share, written in percent."""

    name: str
    meaning: str
    value: float
    rate: bool


def label_figures(figures: Mapping[str, float | None]) -> list[LabelFigure]:
    """The figures by the keys of FIGURES, in their order; none for what was not measured."""
    return [
        LabelFigure(name, meaning, value, key in RATES)
        for key, (name, meaning) in FIGURES.items()
        if (value := figures.get(key)) is not None
    ]
