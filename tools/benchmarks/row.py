"""A line of the table of `make bench`: ratios taken in turns on one machine, which other work on it disturbs least."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: what is measured.
        against: what a user would have otherwise; "" where there is nothing of the kind.
        ours: seconds.
        theirs: seconds, None where there is nothing to compare with.
        goal: the wanted theirs/ours; seconds where there is nothing to compare with.
        notes: what was found equal and how closely, memory and the like.
    """

    what: str
    against: str
    ours: float
    theirs: float | None
    goal: float
    notes: str = ""

    @property
    def met(self) -> bool:
        return self.ours <= self.goal if self.theirs is None else self.theirs / self.ours >= self.goal


def seconds(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


def best(function: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of some goes, in seconds."""
    return min(seconds(function) for _ in range(repeats))


def alternately(ours: Callable[[], object], theirs: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """The fastest of each, in seconds, taken in turns."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def show(rows: Iterable[Row]) -> None:
    """Print the table as Markdown."""
    print("| what | against | ratio | goal | | ours | theirs | checked |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        ratio, goal = (
            ("–", f"{row.goal:g} s") if row.theirs is None else (f"{row.theirs / row.ours:.1f}", f"{row.goal:g}")
        )
        theirs = "–" if row.theirs is None else f"{row.theirs:.3g} s"
        met = "met" if row.met else "missed"
        print(
            f"| {row.what} | {row.against or '–'} | {ratio} | {goal} | {met} | {row.ours:.3g} s | {theirs} | {row.notes} |",
            flush=True,
        )
