"""Verdicts as they go to disk and to the screen while photos are inspected: a line of CSV and of JSON for each, at once.

What is written stays written when the command is stopped or killed; memory does not grow with the number of photos.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from tgvig_core.inspection.inspector import Verdict
from tgvig_core.inspection.limits import Limits
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import drafts
from tgvig_core.utils.csv_safe import guarded

FILES = ("scores.csv", "scores.jsonl")
COLUMNS = ("path", "score", "display", "threshold", "is_anomalous", "heatmap", "error")


def row_of(verdict: Verdict, limits: Limits) -> dict:
    """A verdict as plain values: COLUMNS, and the regions in px of the photo."""
    found, heatmap = verdict.finding, str(verdict.heatmap) if verdict.heatmap else None
    figures = (found.score, found.display, found.is_anomalous) if found else (None, None, None)
    score, display, anomalous = figures
    return {"path": str(verdict.path), "score": score, "display": display, "threshold": limits.threshold,
            "is_anomalous": anomalous, "heatmap": heatmap, "error": verdict.error,
            "regions": [asdict(region) for region in verdict.regions]}  # fmt: skip


class Judgements:
    """Where rows go, and how many there were: use `opened`."""

    def __init__(self, table: csv.DictWriter, lines, limits: Limits) -> None:
        self._table, self._lines, self._limits = table, lines, limits
        self.photos = self.anomalous = self.unreadable = 0

    def add(self, verdict: Verdict, **facts: int) -> dict:
        """Write a verdict and return its row; `facts` go into the line of JSON, too."""
        row = row_of(verdict, self._limits) | facts
        self._table.writerow({name: "" if row[name] is None else guarded(row[name]) for name in COLUMNS})
        self._lines.write(strict_json.dumps(row) + "\n")
        self.photos += 1
        self.anomalous += bool(row["is_anomalous"])
        self.unreadable += bool(row["error"])
        return row

    @property
    def exit_code(self) -> int:
        """2 where a photo could not be judged, else 1 where one is anomalous, else 0."""
        return 2 if self.unreadable else 1 if self.anomalous else 0


@contextmanager
def opened(folder: Path, limits: Limits, go_on: bool = False) -> Iterator[Judgements]:
    """FOLDER/scores.csv and FOLDER/scores.jsonl, a line at a time.

    Args:
        go_on: append to what is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for draft in drafts(folder / "heatmaps"):  # of an inspection that was killed
        draft.unlink()
    mode = "a" if go_on else "w"
    for name in FILES if go_on else ():
        _end_line(folder / name)
    with ExitStack() as stack:
        # line by line to the system; a file name may hold bytes that are no text
        files = [
            stack.enter_context(
                (folder / name).open(mode, buffering=1, newline="", encoding="utf-8", errors="surrogateescape")
            )
            for name in FILES
        ]
        table = csv.DictWriter(files[0], COLUMNS)
        if not files[0].tell():
            table.writeheader()
        yield Judgements(table, files[1], limits)


def _end_line(file: Path) -> None:
    """Keep what comes apart from a line that a kill tore."""
    if not file.exists() or not file.stat().st_size:
        return
    with file.open("r+b") as held:
        held.seek(-1, os.SEEK_END)
        if held.read(1) != b"\n":
            held.write(b"\n")


def lines_of(folder: Path) -> Iterator[dict]:
    """The rows of FOLDER/scores.jsonl; a line that a kill tore is left out."""
    file = folder / "scores.jsonl"
    if not file.exists():
        return
    with file.open(encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            with suppress(ValueError):
                yield strict_json.loads(line)
