"""OUT/report.md and OUT/report.html: the paper's tables and figures from the rows of a benchmark (Lee and Choi, CVPR 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tgvig_core.benchmark.plan import KEY
from tgvig_core.benchmark.report import page
from tgvig_core.benchmark.report.category_tables import all_figures, by_category
from tgvig_core.benchmark.report.figures import Picture, draw
from tgvig_core.benchmark.report.page import Section
from tgvig_core.benchmark.report.paper_tables import ablation, image_quality, one_image
from tgvig_core.benchmark.report.tables import NOTHING, Table, arm_name, arms_of, settings, shots_name, shots_of
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.errors import TgvigError

SETTINGS = {
    "Data sets": "dataset",
    "Categories": "category",
    "Seeds": "seed",
    "Detectors": "detector",
    "Pack": "pack",
    "Iterations": "iterations",
    "Side of the frame, px": "size",
    "TGVIG": "tgvig",
    "Machine": "machine",
    "Versions": "versions",
}
"""What it is called, and the field."""
WHOSE = {
    "Backbones": ("backbone", "detector"),
    "Images a set": ("images", "arm"),
    "Training": ("training", "detector"),
}
"""What it is called, the field, and the field that says whose; left out where no row has it."""
READING = (
    "Figures from 0 to 1 are written in percent: mean ± sample standard deviation over seeds. Over several categories the "
    "mean is taken within each seed first. All arms that stand together are averaged over the same draws (a category and a "
    "seed): those of which every arm has the figure, and of these the seeds that have all their categories; the notes name "
    "the categories. An arm that has the figure nowhere is not counted, and a category's own column is of the seeds that the "
    "arms share in it. “− real” and “− augment” are what is gained, on these draws, over the same photos alone and over as "
    "many plain views of them as images are generated (augment-n10 for tgvig-n10 and so on, augment-n1 for vqgan-clip, which "
    "makes one, and augment for the other arms; a dash where it was not measured): the mean of paired differences (same "
    "photos, same test photos, same detector) and its 95 % bootstrap interval, which resamples categories, or seeds where "
    "there is one category; an interval that holds 0 shows nothing. Of a handful of seeds it is too narrow."
)


def write(rows: Sequence[Row], out: Path) -> None:
    """Write report.md, report.html and figures/*.png, each whole or not at all.

    Args:
        rows: of results.json. out: an existing folder.

    Raises:
        TgvigError: there are no rows, or the folder cannot be written to.
    """
    if not rows:
        raise TgvigError(f"{out / 'results.json'} holds no row: let the benchmark measure a cell first.")
    try:
        parts = sections(rows, draw(rows, out / "figures"))
        for name, text in (("report.md", markdown(parts, out)), ("report.html", page.document(parts))):
            with whole(out / name) as draft:
                draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TgvigError(
            f"The report cannot be written into {out} ({error}): check the folder and its room."
        ) from error


def sections(rows: Sequence[Row], pictures: Sequence[Picture]) -> list[Section]:
    """What the report says, in order."""
    errors = _errors(rows)
    return [
        Section("What was measured", "", [_about(rows), _tested(rows)]),
        Section("How to read it", READING, ()),
        _or_missing("One photo of one category (Table 1)", one_image(rows),
                    "one photo (--shots 1) with the arms vqgan-clip, vqgan-clip-naive, tgvig-word or tgvig-worst"),
        _or_missing("Quality of the generated images (Table 2)", image_quality(rows),
                    "arms that generate, such as tgvig-word, tgvig-naive, tgvig-worst and tgvig"),
        _or_missing("Ablation (Table 3)", ablation(rows),
                    "the arms tgvig-notext, tgvig-novariance, tgvig-view or tgvig-n1 to tgvig-n100"),
        _or_missing("Categories, detectors and numbers of photos", by_category(rows),
                    "labelled test photos of both kinds, and cells that end without an error"),
        _or_missing("All other figures", all_figures(rows), "cells that end without an error"),
        _or_missing("Figures (4 to 8)", pictures, "the arms real and tgvig on the same draws"),
        Section("Cells that failed", "" if errors else "None.", errors),
    ]  # fmt: skip


def markdown(parts: Sequence[Section], out: Path) -> str:
    """The report for a terminal or a repository; pictures are linked below `out`."""
    lines = ["# TGVIG benchmark", ""]
    for section in parts:
        lines += [f"## {section.title}", ""] + ([section.words, ""] if section.words else [])
        for part in section.parts:
            lines += [f"### {_cell(part.title)}", ""]
            if isinstance(part, Table):
                lines += [*_rows(part), "", *([part.note, ""] if part.note else [])]
            else:
                lines += [f"![{part.caption}]({part.path.relative_to(out).as_posix()})", "", part.caption, ""]
    return "\n".join(lines)


def _rows(table: Table) -> list[str]:
    width = len(table.head)
    rows = [row if len(row) == width else (f"*{row[0]}*", *[""] * (width - 1)) for row in table.rows]
    return [f"| {' | '.join(map(_cell, row))} |" for row in (table.head, ["---"] * width, *rows)]


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _or_missing(title: str, parts: Sequence[Table | Picture], fills: str) -> Section:
    return Section(title, "" if parts else f"Nothing to show yet: it needs {fills}.", parts)


def _errors(rows: Sequence[Row]) -> list[Table]:
    failed = [(*map(str, row.key), row.error or "") for row in rows if row.error]
    return [Table(f"{len(failed)} of {len(rows)} cells", (*KEY, "error"), tuple(failed), "")] if failed else []


def _about(rows: Sequence[Row]) -> Table:
    """What the rows have in common and what differs."""
    failed = sum(bool(row.error) for row in rows)
    days = [(row.date or "unknown")[:10] for row in rows]
    arms = "; ".join(f"{arm_name(arm)} ({arm})" for arm in arms_of(rows))
    lines = [
        ("Cells", f"{len(rows) - failed} measured, {failed} failed"),
        ("Photos learned from", ", ".join(map(shots_name, shots_of(rows)))),
        ("Arms", arms),
        *((name, _all(rows, field)) for name, field in SETTINGS.items()),
        *((name, said) for name, fields in WHOSE.items() if (said := _whose(rows, *fields))),
        ("Date", " to ".join(dict.fromkeys((min(days), max(days))))),
    ]
    return Table("Settings", ("What", "Which"), tuple(lines), "")


def _tested(rows: Sequence[Row]) -> Table:
    """How many photos each category's figures are of."""
    fields = ("test_good", "test_defective")
    groups = settings(rows, "dataset", "category").items()
    lines = tuple((*key, *(_all(own, field, NOTHING) for field in fields)) for key, own in groups)
    most = ", ".join(dict.fromkeys(str(row.most_tests) for row in rows if row.most_tests))
    note = f"At most {most} good and as many defective photos of a category were taken, evenly picked." if most else ""
    return Table("Test photos", ("Data set", "Category", "Good", "Defective"), lines, note)


def _whose(rows: Sequence[Row], field: str, owner: str) -> str:
    """`20 (augment, tgvig), 100 (tgvig-n100)`: the different values of a field, and whose they are."""
    owners: dict[object, dict[str, None]] = {}
    for row in rows:
        if (value := getattr(row, field)) is not None:
            owners.setdefault(value, {})[getattr(row, owner)] = None
    return ", ".join(f"{value} ({', '.join(names)})" for value, names in owners.items())


def _all(rows: Sequence[Row], field: str, none: str = "unknown") -> str:
    """The different values of a field, in the rows' order; `none` where no row has it."""
    values = (getattr(row, field) for row in rows)
    named = (
        ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)
        for value in values
        if value is not None
    )  # fmt: skip
    return ", ".join(dict.fromkeys(named)) or none
