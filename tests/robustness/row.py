"""A line of the table of `make torture`: what was done to the tool, how often, and how often it did the right thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One kind of trial.

    Attributes:
        what: what was done.
        tried: how often.
        right: how often the answer was right.
        figure: what was measured on the way, or the first wrong answers with what repeats them.
        bound: the limit that the figure is held against, "" where right or wrong is all.
    """

    what: str
    tried: int
    right: int
    figure: str = ""
    bound: str = ""

    @property
    def held(self) -> bool:
        return self.tried > 0 and self.right == self.tried


def show(rows: Iterable[Row]) -> None:
    """Print the table as Markdown, a row as soon as it is known; the process ends with 1 if one did not hold."""
    print("| what | tried | right | measured | bound |\n|---|---|---|---|---|", flush=True)
    broken = 0
    for row in rows:
        broken += not row.held
        print(f"| {row.what} | {row.tried} | {row.right} | {row.figure or '–'} | {row.bound or '–'} |", flush=True)
    if broken:
        raise SystemExit(f"{broken} rows did not hold.")
