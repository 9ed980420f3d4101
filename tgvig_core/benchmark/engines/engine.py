"""Draws handed out to workers, the same on one machine (local.py) and on Ray (on_ray.py): who gets what, and what a death costs.

Rows come back as cells end, so a worker that dies costs the cell it was in. What its draw still lacks is handed out again;
a cell in which two workers died gets a row with an error, and the others of its draw go on.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tgvig_core.benchmark.plan import Cell, Draw, Plan
from tgvig_core.benchmark.results.rows import Row, failed, sentence_of
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import QUIET, RunContext, silent

Todo = Sequence[tuple[Draw, tuple[Cell, ...]]]
"""Draws, and those of their cells that are to be measured."""
Measure = Callable[[Plan, Draw, Sequence[Cell], RunContext], Iterator[Row]]
"""Yields the rows of a draw's cells in their order. Workers import it by its name: it is a function of a module."""

DEATHS = 2
"""Of workers in one cell, before it is given up: the first may have been an accident."""
PATIENCE = 0.2
"""Seconds between two looks at the stop event."""


@dataclass(frozen=True)
class Died:
    """A worker is no more. `how`: such as "signal 9"."""

    how: str


class Crew(Protocol):
    """Workers that measure draws. `places`: how many draws at once."""

    places: int

    def begin(self, draw: Draw, cells: Sequence[Cell]) -> Hashable:
        """Let a worker measure these cells; what it will be called in `heard`."""

    def heard(self, seconds: float) -> Iterator[tuple[Hashable, Row | Died | None]]:
        """What workers say within some seconds: a row, that they died, or (None) that they are done."""


def spread(plan: Plan, todo: Todo, crew: Crew, ctx: RunContext = QUIET) -> Iterator[Row]:
    """Rows of all cells in `todo` as they end, one for each, in no order.

    Raises:
        Stopped: the stop event was set.
    """
    waiting = deque(_Share(plan, draw, cells) for draw, cells in todo)
    measured: dict[Hashable, _Share] = {}
    while waiting or measured:
        ctx.check()
        while waiting and len(measured) < crew.places:
            share = waiting.popleft()
            measured[crew.begin(share.draw, tuple(share.missing.values()))] = share
        for name, said in crew.heard(PATIENCE):
            if isinstance(said, Row):
                measured[name].took(said)
                yield said
                continue
            share = measured.pop(name)
            if isinstance(said, Died):
                yield from share.died(said.how)
            if share.missing:
                waiting.appendleft(share)


class _Share:
    """What is still to be measured of a draw, and how many workers each of its cells has cost."""

    def __init__(self, plan: Plan, draw: Draw, cells: Sequence[Cell]) -> None:
        self.plan, self.draw = plan, draw
        self.missing = {cell.key: cell for cell in cells}
        self.deaths: Counter = Counter()

    def took(self, row: Row) -> None:
        del self.missing[row.key]

    def died(self, how: str) -> Iterator[Row]:
        """The row of the cell that the worker was in, where it is given up."""
        if not self.missing:  # it had only to say that it is done
            return
        key, cell = next(iter(self.missing.items()))
        self.deaths[key] += 1
        if self.deaths[key] == DEATHS:
            del self.missing[key]
            remedy = "measure fewer draws at once if memory was short, and try it again"
            yield failed(cell, self.plan, f"The process that measured it died ({how}), twice: {remedy}.")


def rows_of(measure: Measure, plan: Plan, draw: Draw, cells: Sequence[Cell], ctx: RunContext = QUIET) -> Iterator[Row]:
    """What a worker does with a draw: a row for every cell, come what may.

    Raises:
        Stopped: the stop event was set.
    """
    missing = {cell.key: cell for cell in cells}
    try:
        for row in measure(plan, draw, cells, ctx.telling(silent)):
            del missing[row.key]
            yield row
        problem = "Its draw ended without a row for it: this is a bug, please report it."
    except Stopped:
        raise
    except Exception as error:  # a whole draw that cannot be begun, such as a photo of it that cannot be read
        problem = sentence_of(error)
    yield from (failed(cell, plan, problem) for cell in missing.values())
