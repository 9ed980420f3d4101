"""A row of figures: what one cell of the plan gave, as plain values for results.json (DESIGN.md's list, and how it came about)."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

from tgvig_core.benchmark.plan import KEY, Cell, Plan
from tgvig_core.utils.errors import TgvigError, one_line
from tgvig_core.utils.memory import is_short, too_short

FIGURES = ("image_auroc", "image_ap", "f1_max", "pixel_auroc", "pixel_ap", "pro", "false_alarm", "miss")
"""From 0 to 1."""
COLUMNS = (
    *KEY, *FIGURES, "threshold", "seconds", "peak_mb", "steps", "quality", "similarity", "best_iteration", "prompt", "error",
    "object", "pack", "images", "iterations", "size", "training", "shots_used", "pool", "test_good", "test_defective",
    "most_tests", "machine", "date", "versions", "tgvig",
)  # fmt: skip
"""Of every row, in their order; None where one does not apply. A row may say more."""

Key = tuple[str | int, ...]


def row_of(cell: Cell, plan: Plan, **found: object) -> dict:
    """The row of a cell that was measured just now.

    Args:
        found: values by column; what is left out is None.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    names = ("pack", "iterations", "size", "training", "most_tests")
    settings = {name: getattr(plan, name) for name in names} | {"object": plan.called(cell.draw.category)}
    return dict.fromkeys(COLUMNS) | cell.named() | settings | {"date": date, "tgvig": plan.version} | found


def failed(cell: Cell, plan: Plan, sentence: str) -> dict:
    """The row of a cell that has no figures, and why."""
    return row_of(cell, plan, error=one_line(sentence))


def key_of(row: dict) -> Key:
    """The `Cell.key` that a row belongs to.

    Raises:
        KeyError: it is no row.
    """
    return tuple(row[name] for name in KEY)


def sentence_of(error: Exception) -> str:
    """What a row says of an error; one that is a bug also goes to standard error, with its traceback."""
    if isinstance(error, TgvigError):
        return str(error)
    if is_short(error):
        return too_short(error, "this cell", "give fewer --workers")
    traceback.print_exception(error)
    return f"It could not be measured ({type(error).__name__}: {error}): this is a bug, please report it."
