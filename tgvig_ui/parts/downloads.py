"""The files that leave the inspect step: scores as CSV, heatmaps in a ZIP, the report as one HTML file."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from pathlib import Path

from tgvig_core.fitting.words import of_calibration
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import whole
from tgvig_ui.parts.generations import set_files, settings_of, similarity
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.report import ReportFacts, ReportPhoto, write_report
from tgvig_ui.parts.results import Results, csv_text, heatmap_file, heatmaps_zip, region_rows
from tgvig_ui.parts.trained import check_of, learned_from, sentences

DETAILED = 50
"""Photos whose regions are listed in the report: measuring them on 2000 large photos would take minutes."""


_writing: dict[tuple[Path, str], threading.Lock] = defaultdict(threading.Lock)
"""For each inspection's file: several tabs may ask for it at once, while another file must not have to wait."""


def write(part: Part, found: Results, name: str) -> Path:
    """One of the files WRITERS names, of an inspection as it stands; written once for each threshold and set of decisions.

    A large inspection's report takes minutes, so no file is written before somebody asks for it.
    """
    folder = found.folder / "downloads"
    target = folder / _state(part, found) / name
    with _writing[folder, name]:
        if not target.exists():
            for older in folder.glob(f"*/{name}"):  # of a state that is not asked for again
                older.unlink()
            target.parent.mkdir(parents=True, exist_ok=True)
            with whole(target) as draft:
                WRITERS[name](part, found, draft)
    return target


def _state(part: Part, found: Results) -> str:
    """A folder name that changes with what the files say."""
    choices = part.choices
    state = [
        (found.folder / "scores.json").stat().st_mtime_ns,
        [row.name for row in found.rows],
        found.threshold,
        choices.pitch,
        sorted(choices.decisions.items()),
        sentences(checked) if (checked := check_of(part)) else None,
    ]
    return hashlib.sha256(strict_json.dumps(state).encode()).hexdigest()[:16]


def _write_csv(part: Part, found: Results, target: Path) -> None:
    target.write_text(csv_text(found), encoding="utf-8", errors="surrogateescape")


def _write_zip(part: Part, found: Results, target: Path) -> None:
    heatmaps_zip(found, target)


def _write_report(part: Part, found: Results, target: Path) -> None:
    write_report(target, facts(part, found))


WRITERS = {"scores.csv": _write_csv, "heatmaps.zip": _write_zip, "report.html": _write_report}


def facts(part: Part, found: Results) -> ReportFacts:
    """What the report says."""
    choices, number = part.choices, part.choices.generation or 0
    name = choices.object_name or "an unnamed part"  # a detector from the photos alone needs no name
    settings = settings_of(part, number)
    chosen = found.card.best_iteration if str(found.card.training_set) == "tgvig" else None
    moved, checked = found.threshold != found.calibrated, check_of(part)
    photos = tuple(
        ReportPhoto(row.path, row.name, row.score, row.display, row.anomalous, row.decision or None, heatmap_file(found, row),
                    _regions(found, row, choices.pitch) if row.anomalous and place < DETAILED else ())
        for place, row in enumerate(found.rows)
    )  # fmt: skip
    return ReportFacts(
        title=f"Inspection of {name}", part=name, date=time.strftime("%Y-%m-%d %H:%M"),
        pack=settings.pack, device=settings.device, learned=learned_from(found.card),
        prompt=(settings.prompt or "") if chosen else "", best_set=chosen,
        similarity=tuple(similarity(part, number)) if chosen else (),
        set_images=tuple(set_files(part, number, chosen)) if chosen else (),
        threshold=found.threshold,
        threshold_words="The threshold was moved by hand." if moved else of_calibration(found.card.calibration),
        photos=photos, checked=sentences(checked) if checked else (), figures=found.figures,
    )  # fmt: skip


def _regions(found: Results, row, pitch: float | None) -> tuple[str, ...]:
    return tuple(f"{size} at {place}" for place, size, *_ in region_rows(found, row, pitch))
