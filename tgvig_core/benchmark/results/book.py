"""The results of a benchmark on disk: OUT/plan.json, a line in OUT/results.jsonl for every cell, at the end results.json and .csv.

A line is on disk before the next cell counts as done: a kill loses what was being measured, and the same command goes on.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tgvig_core.benchmark.plan import SHARED, Cell, Draw, Key, Plan
from tgvig_core.benchmark.results.rows import COLUMNS, Row, read_row
from tgvig_core.storage.run_folder import LOCK, writing
from tgvig_core.storage.run_lock import alone_in
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import is_draft, whole
from tgvig_core.utils.csv_safe import guarded
from tgvig_core.utils.errors import TgvigError

PLAN, LINES, TABLE, SHEET = "plan.json", "results.jsonl", "results.json", "results.csv"
AGAIN = "give the same command again"
"""How one goes on after a full disk."""


class Book:
    """The rows in a folder, the latest one of each cell. Use `opened`."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self._rows = _read(folder / LINES)

    def add(self, row: Row) -> None:
        """Keep a row and wait until it is on disk."""
        line = strict_json.dumps(row.as_json()).encode() + b"\n"
        with writing(self.folder, AGAIN), (self.folder / LINES).open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._rows[row.key] = row

    def check_names(self) -> None:
        """Refuse a plan that calls a part otherwise than the rows there do: their prompts are of another name.

        Raises:
            TgvigError: named after the category.
        """
        for row in self._rows.values():
            if row.category in self.plan.categories and row.object != self.plan.called(row.category):
                raise TgvigError(
                    f"{self.folder} holds figures of {row.category} called {row.object!r}: choose another folder, or call "
                    f"it so again, {row.category}={row.object!r}."
                )

    def missing(self, retry: bool = False) -> list[tuple[Draw, tuple[Cell, ...]]]:
        """What of the plan has no row yet, draw by draw.

        Args:
            retry: nor counts a row with an error.
        """
        found = []
        for draw in self.plan.draws():
            if cells := tuple(cell for cell in self.plan.cells(draw) if not self._has(cell.key, retry)):
                found.append((draw, cells))
        return found

    def planned(self) -> list[Row]:
        """The rows of the plan's cells, in its order."""
        cells = (cell for draw in self.plan.draws() for cell in self.plan.cells(draw))
        return [self._rows[cell.key] for cell in cells if cell.key in self._rows]

    def rows(self) -> list[Row]:
        """All rows: those of the plan, then those of other plans that shared its settings."""
        planned = {row.key: row for row in self.planned()}
        return [*planned.values(), *(row for key, row in self._rows.items() if key not in planned)]

    def close(self) -> None:
        """Write results.json and results.csv; a list or an object is JSON in its cell of the latter."""
        rows = [row.as_json() for row in self.rows()]
        columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
        with writing(self.folder, AGAIN):
            with whole(self.folder / TABLE) as draft:
                draft.write_text(strict_json.dumps(rows, indent=2) + "\n", encoding="utf-8")
            with (
                whole(self.folder / SHEET) as draft,
                draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
            ):
                table = csv.writer(file)
                table.writerow(columns)
                table.writerows([_cell(row.get(name)) for name in columns] for row in rows)

    def _has(self, key: Key, retry: bool) -> bool:
        row = self._rows.get(key)
        return row is not None and not (retry and row.error)


@contextmanager
def opened(folder: Path, plan: Plan) -> Iterator[Book]:
    """Hold a folder, new or with figures under the same settings; whatever happens, it ends with its results written.

    Raises:
        TgvigError: it holds something else, or figures under other settings; another process works in it; or it cannot be
            written to.
    """
    _check(folder, plan)
    with writing(folder, AGAIN):
        folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        _check(folder, plan)  # the plan of one who was quicker
        with writing(folder, AGAIN), whole(folder / PLAN) as draft:
            draft.write_text(strict_json.dumps(plan.as_json(), indent=2) + "\n", encoding="utf-8")
        book = Book(folder, plan)
        book.check_names()
        try:
            yield book
        finally:
            book.close()


def _check(folder: Path, plan: Plan) -> None:
    """Refuse a folder whose figures could not stand beside those of the plan."""
    try:
        former = strict_json.loads((folder / PLAN).read_text(encoding="utf-8"))
        held = {name: former[name] for name in SHARED}
    except FileNotFoundError:
        if folder.exists() and any(path.name != LOCK and not is_draft(path) for path in folder.iterdir()):
            raise TgvigError(f"{folder} holds something else than a benchmark: choose another folder.") from None
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TgvigError(f"{folder / PLAN} cannot be read ({error}): choose another folder.") from error
    wanted = strict_json.loads(strict_json.dumps(plan.as_json()))  # lists, as they were read
    if other := [f"{name} {held[name]}, not {wanted[name]}" for name in SHARED if held[name] != wanted[name]]:
        raise TgvigError(f"{folder} holds figures of {', '.join(other)}: choose another folder, or give it as it was.")


def _read(file: Path) -> dict[Key, Row]:
    """The rows in a file of lines; what a kill left of its last line is cut off, so that the next one begins anew."""
    text = file.read_bytes() if file.exists() else b""
    *lines, torn = text.split(b"\n")
    if torn:
        os.truncate(file, len(text) - len(torn))
    rows = {}
    for line in lines:
        with suppress(ValueError):  # somebody edited it: that cell is measured again
            row = read_row(line)
            rows[row.key] = row
    return rows


def _cell(value: object) -> object:
    """A value as a cell of CSV."""
    if value is None:
        return ""
    return guarded(strict_json.dumps(value) if isinstance(value, (dict, list, tuple)) else value)
