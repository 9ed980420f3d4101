"""`--engine ray`: draws spread over a Ray cluster (Moritz et al., OSDI 2018), one of this machine or one that is there already.

A draw is a task whose rows stream back to the command, which alone writes them down: other machines need no shared disk for
results. They need this package, the same versions, and the photos and models at the same paths. Ray places the tasks and
says which of them died; what that costs is the same as with the local engine (engine.py).
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import sys
from collections.abc import Generator, Iterator, Sequence
from types import ModuleType

from tgvig_core.benchmark.engines.engine import Died, Measure, Todo, rows_of, spread
from tgvig_core.benchmark.engines.local import cores
from tgvig_core.benchmark.plan import Cell, Draw, Plan
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

STORE = 128 * 2**20
"""Bytes of the shared memory of a cluster of this machine: only rows go through it."""
WORDS = {
    "OutOfMemoryError": "out of memory",
    "WorkerCrashedError": "killed or crashed",
    "NodeDiedError": "its machine was lost",
}  # fmt: skip
"""How a worker died, by Ray's error."""


def run(
    plan: Plan, todo: Todo, workers: int, measure: Measure, ctx: RunContext = QUIET, address: str | None = None
) -> Generator[Row]:  # fmt: skip
    """Rows as they come from at most `workers` tasks at once.

    Args:
        address: of a cluster, such as "auto" or "HOST:6379"; None starts one on this machine and ends it.

    Raises:
        TgvigError: Ray is not installed, or no cluster answers. Stopped: the stop event was set.
    """
    with _cluster(address, workers) as ray:
        yield from spread(plan, todo, _Tasks(ray, plan, measure, workers), ctx)


class _Tasks:
    """An engine.Crew. A task measures one draw and is called by the generator of its rows."""

    def __init__(self, ray: ModuleType, plan: Plan, measure: Measure, workers: int) -> None:
        self.ray, self.plan, self.measure, self.places = ray, plan, measure, workers
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self.cpus, gpus = takes(nodes, workers)
        self.task = ray.remote(
            num_returns="streaming", max_retries=0, scheduling_strategy="SPREAD", num_cpus=self.cpus,
            num_gpus=0 if plan.device == "cpu" else gpus,
        )(_measured)  # fmt: skip
        self.running: list = []

    def begin(self, draw: Draw, cells: Sequence[Cell]) -> object:
        rows = self.task.remote(self.plan, draw, tuple(cells), self.measure, self.cpus)
        self.running.append(rows)
        return rows

    def heard(self, seconds: float) -> Iterator[tuple[object, Row | Died | None]]:
        ready, _ = self.ray.wait(self.running, num_returns=len(self.running), timeout=seconds)
        for rows in ready:
            try:
                said = self.ray.get(next(rows))
            except StopIteration:
                said = None
            except self.ray.exceptions.RayError as error:
                said = Died(WORDS.get(type(error).__name__) or str(error).strip().splitlines()[-1])
            if not isinstance(said, Row):
                self.running.remove(rows)
            yield rows, said


def takes(nodes: Sequence[dict[str, float]], workers: int) -> tuple[int, float]:
    """CPU cores and the share of a GPU that a task asks for: the most with which `workers` of them fit on the machines.

    A machine smaller than that takes none; where there are fewer cores than workers, a task asks for one and some wait.

    Args:
        nodes: Ray's resources of each machine.
    """
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    gpus = sum(node.get("GPU", 0) for node in nodes)
    fitting = (each for each in range(max(cpus, default=1), 1, -1) if sum(cpu // each for cpu in cpus) >= workers)
    return next(fitting, 1), 1 / math.ceil(workers / gpus) if gpus else 0


def _measured(plan: Plan, draw: Draw, cells: Sequence[Cell], measure: Measure, threads: int) -> Iterator[Row]:
    """The task."""
    import torch

    torch.set_num_threads(threads)
    yield from rows_of(measure, plan, draw, cells)


@contextlib.contextmanager
def _cluster(address: str | None, workers: int) -> Iterator[ModuleType]:
    """Ray, connected; leaving it ends the tasks that still run."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing leaves this machine
    try:
        import ray
    except ModuleNotFoundError as error:
        raise TgvigError(
            "Ray is not installed: pip install 'tgvig[ray]', or spread over processes.", setting="engine"
        ) from error
    asked = signal.getsignal(signal.SIGTERM)
    try:
        if address:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(
                "local", num_cpus=max(cores(), workers), include_dashboard=False, object_store_memory=STORE,
                log_to_driver=False, logging_level=logging.ERROR,
            )  # fmt: skip
    except (ConnectionError, ValueError) as error:
        raise TgvigError(f"No Ray cluster answers at {address} ({error}): begin one with `ray start --head`, or "
                         "give no address for one of this machine.") from error  # fmt: skip
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints of deaths; standard output belongs to the command
        try:
            signal.signal(signal.SIGTERM, asked)  # Ray puts its own in its place
            yield ray
        finally:
            ray.shutdown()
