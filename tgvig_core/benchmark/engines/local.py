"""`--engine local`: draws spread over processes of this machine, which report through pipes.

multiprocessing's own processes and pipes, as a pool of concurrent.futures gives up as a whole when one process dies. Started
anew (spawn) and not forked: torch's threads and CUDA do not outlive a fork.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from tgvig_core.benchmark.engines.engine import Died, Measure, Todo, rows_of, spread
from tgvig_core.benchmark.plan import Cell, Draw, Plan
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import QUIET, RunContext

GRACE = 5.0
"""Seconds in which a process that is stopped may tidy up."""


def run(
    plan: Plan, todo: Todo, workers: int, measure: Measure, ctx: RunContext = QUIET
) -> Generator[Row]:  # fmt: skip
    """Rows as they come from `workers` processes, which share this machine's cores.

    Raises:
        Stopped: the stop event was set; no process is left.
    """
    with contextlib.closing(_Processes(plan, min(workers, len(todo)), measure)) as crew:
        yield from spread(plan, todo, crew, ctx)


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Processes:
    """An engine.Crew. A process takes one draw after the other and is called by its pipe."""

    def __init__(self, plan: Plan, workers: int, measure: Measure) -> None:
        self.plan, self.places, self.measure = plan, workers, measure
        self.all: dict[Connection, BaseProcess] = {}
        self.idle: list[Connection] = []

    def begin(self, draw: Draw, cells: Sequence[Cell]) -> Connection:
        while self.idle:
            pipe = self.idle.pop()
            with contextlib.suppress(OSError):  # it died while it had nothing to do
                pipe.send((draw, cells))
                return pipe
            self._bury(pipe)
        pipe = self._hire()
        with contextlib.suppress(OSError):  # `heard` finds out
            pipe.send((draw, cells))
        return pipe

    def heard(self, seconds: float) -> Iterator[tuple[Connection, Row | Died | None]]:
        busy = [pipe for pipe in self.all if pipe not in self.idle]
        ready = wait(busy, seconds)
        for pipe in busy:
            if pipe not in ready:
                continue
            try:
                said: Row | Died | None = pipe.recv()
            except (EOFError, OSError):  # OSError: in the midst of a row
                said = Died(self._bury(pipe))
            if said is None:
                self.idle.append(pipe)
            yield pipe, said

    def close(self) -> None:
        """End every process, at last by force."""
        for pipe, process in self.all.items():
            pipe.close()  # ends one that waits for its next draw
            process.terminate()
        until = time.monotonic() + GRACE
        for process in self.all.values():
            process.join(max(0.0, until - time.monotonic()))
            process.kill()
            process.join()

    def _hire(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        threads = max(1, cores() // self.places)
        process = context.Process(target=_work, args=(self.plan, self.measure, theirs, threads))
        process.start()
        theirs.close()  # held by the process alone, so that its death ends the pipe
        self.all[ours] = process
        return ours

    def _bury(self, pipe: Connection) -> str:
        """How a process ended."""
        process = self.all.pop(pipe)
        process.join()
        pipe.close()
        code = process.exitcode
        assert code is not None  # it was waited for
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _work(plan: Plan, measure: Measure, pipe: Connection, threads: int) -> None:
    """The life of a process: a row after the other, then None, for each draw that comes."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    import torch

    torch.set_num_threads(threads)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, Stopped):  # nobody listens any more
        while True:
            draw, cells = pipe.recv()
            for row in rows_of(measure, plan, draw, cells, RunContext(stop=stop)):
                pipe.send(row)
            pipe.send(None)


def _die_with_the_parent() -> None:
    """Not after the cell, which may take many minutes: who starts the command again needs the machine."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a child's
    wait([parent.sentinel])
    os._exit(1)
