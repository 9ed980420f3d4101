"""The files that leave the inspect step: scores as CSV, heatmaps in a ZIP, the report as one HTML file."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from pathlib import Path

from tgvig_ui.generations import set_files, settings_of, similarity
from tgvig_ui.report import ReportFacts, ReportPhoto, write_report
from tgvig_ui.results import Results, csv_text, heatmaps_zip, region_rows
from tgvig_ui.store import Part

DETAILED = 50
"""Photos whose regions are listed in the report: measuring them on 2000 large photos would take minutes."""


_writing = threading.Lock()  # several tabs may ask for the same files at once


def write(part: Part, found: Results) -> tuple[Path, Path, Path]:
    """The three files of an inspection as it stands; written once for each threshold and set of decisions."""
    choices = part.choices
    state = [
        (found.folder / "scores.json").stat().st_mtime_ns,
        found.threshold,
        choices.pitch,
        sorted(choices.decisions.items()),
    ]
    folder = found.folder / "downloads" / hashlib.sha256(json.dumps(state).encode()).hexdigest()[:16]
    csv, archive, report = folder / "scores.csv", folder / "heatmaps.zip", folder / "report.html"
    with _writing:
        if not report.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)  # older states are not asked for again
            folder.mkdir(parents=True)
            csv.write_text(csv_text(found), encoding="utf-8", errors="surrogateescape")
            heatmaps_zip(found, archive)
            write_report(report, facts(part, found))
    return csv, archive, report


def facts(part: Part, found: Results) -> ReportFacts:
    """What the report says."""
    choices, number = part.choices, part.choices.generation
    settings = settings_of(part, number)
    chosen = found.card["best_iteration"]
    moved = found.threshold != found.calibrated
    photos = tuple(
        ReportPhoto(row.path, row.name, row.score, row.anomalous, row.decision or None, _heatmap(found, row),
                    _regions(found, row, choices.pitch) if row.anomalous and place < DETAILED else ())
        for place, row in enumerate(found.rows)
    )  # fmt: skip
    return ReportFacts(
        title=f"Inspection of {choices.object_name}", part=choices.object_name, date=time.strftime("%Y-%m-%d %H:%M"),
        pack=settings.get("pack", ""), device=settings.get("device", ""), prompt=settings.get("prompt", ""),
        similarity=tuple(similarity(part, number)), best_set=chosen, set_images=tuple(set_files(part, number, chosen)),
        threshold=found.threshold,
        threshold_words="The threshold was moved by hand." if moved else found.card["calibration"]["words"],
        photos=photos, figures=found.figures,
    )  # fmt: skip


def _heatmap(found: Results, row) -> Path:
    return found.folder / "heatmaps" / row.heatmap


def _regions(found: Results, row, pitch: float | None) -> tuple[str, ...]:
    return tuple(f"{size} at {place}" for place, size, *_ in region_rows(found, row, pitch))
