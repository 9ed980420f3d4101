"""The report of an inspection: one HTML file that holds everything it shows, for a printer, a mail or an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tgvig_core.reports.pages import write_page


@dataclass(frozen=True)
class ReportPhoto:
    """One inspected photo.

    Attributes:
        path: the photo.
        name: what is printed for it.
        score: raw score; larger is more anomalous.
        display: the same from 0 to 1, see inspection/score_scale.py.
        anomalous: score > threshold.
        decision: the person's own, such as OK, NG or unsure; None where there is none.
        heatmap: the photo with its map laid over.
        regions: the anomalous regions in words, with their unit (px or mm), largest first.
    """

    path: Path
    name: str
    score: float
    display: float
    anomalous: bool
    decision: str | None
    heatmap: Path
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportFacts:
    """What a report says.

    Attributes:
        date: as it is to be printed.
        device: what was computed on.
        learned: which images the detector learned from, in words.
        prompt: P, which chose the set; empty where no generated image was learned from, as the next three.
        similarity: cosine of each set with the prompt, first iteration first.
        best_set: number (from 1) of the set that trained the detector.
        set_images: its images; the first 12 are shown.
        threshold: raw score above which a photo is called anomalous.
        threshold_words: how sure its false-alarm rate is (Calibration.words).
        checked: what a check of the detector says, in sentences; empty where there was none.
        figures: by the keys of reports.label_figures.FIGURES, in [0, 1]; None or missing where it could not be measured.
    """

    title: str
    part: str
    date: str
    pack: str
    device: str
    learned: str
    prompt: str
    similarity: tuple[float, ...]
    best_set: int | None
    set_images: tuple[Path, ...]
    threshold: float
    threshold_words: str
    photos: tuple[ReportPhoto, ...]
    checked: tuple[str, ...] = ()
    figures: Mapping[str, float | None] = field(default_factory=dict)


def write_report(target: Path, facts: ReportFacts) -> None:
    """Write the report as one HTML file that asks nothing of any network and needs no script.

    A photo that is no longer there, or cannot be read, gets a sentence in its place. The file is there whole or not at
    all; memory does not grow with the number of photos, the file does (about 40 kB a photo).

    Raises:
        TgvigError: the file cannot be written.
    """
    write_page(target, "inspection.html", facts=facts)
