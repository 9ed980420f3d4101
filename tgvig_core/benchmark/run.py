"""A plan carried out: what is missing is measured by an engine, every row is on disk at once, a report ends it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tgvig_core.benchmark.arms import arm
from tgvig_core.benchmark.detectors import catalogue
from tgvig_core.benchmark.plan import Plan
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

ENGINES = {"local": "processes of this machine", "ray": "a Ray cluster"}


@dataclass(frozen=True)
class Engine:
    """Who measures.

    Attributes:
        name: one of ENGINES. workers: draws measured at once.
        address: of a Ray cluster; None begins one on this machine.
    """

    name: str = "local"
    workers: int = 1
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise TgvigError(f"There is no engine {self.name!r}: choose one of {', '.join(ENGINES)}.")
        if self.address and self.name != "ray":
            raise TgvigError(f"{self.address} is the address of a Ray cluster: take the engine ray, or leave it out.")


def categories(dataset: str, root: Path, names: Sequence[str] | None = None, download: bool = False) -> tuple[str, ...]:
    """The names of a data set's categories, before any worker starts: several would fetch the data set at once.

    Raises:
        TgvigError: see data.datasets.read.
    """
    from tgvig_core.benchmark.data.datasets import read

    return tuple(category.name for category in read(dataset, root, names, download))


def check_names(plan: Plan) -> None:
    """Before hours are spent on a row of errors.

    Raises:
        TgvigError: there is no such arm, detector or training, or WordNet has no words for a part whose prompts are ranked.
    """
    asking = [name for name in plan.arms if arm.get(name).asks_words]
    for name in plan.detectors:
        catalogue.check(name, plan.training)
    for category in plan.categories if asking else ():
        if not _has_words(plan.called(category)):
            raise TgvigError(
                f"WordNet has no words for {plan.called(category)!r}, and {asking[0]} needs some: name what the part is, "
                f"such as {category}='circuit board', or leave that arm out."
            )


def carry_out(plan: Plan, out: Path, engine: Engine, retry: bool = False, ctx: RunContext = QUIET) -> list[Row]:
    """Measure what is missing and write the report.

    Args:
        out: folder of the results, new or with some under the same settings.
        retry: measure again what ended with an error.

    Returns:
        the rows of the plan.

    Raises:
        TgvigError: see results.book.opened. Stopped: the stop event was set; the same call goes on.
    """
    from tgvig_core.benchmark.report.report import write
    from tgvig_core.benchmark.results import book

    with book.opened(out, plan) as held:
        todo = held.missing(retry)
        total = sum(len(plan.cells(draw)) for draw in plan.draws())
        done = total - sum(len(cells) for _, cells in todo)
        ctx.progress("Measuring", done, total)
        if todo:
            _fetch_models(plan, ctx)
            with contextlib.closing(_measured(plan, todo, engine, ctx)) as rows:  # no worker outlives a full disk
                for row in rows:
                    held.add(row)
                    done += 1
                    ctx.progress("Measuring", done, total)
        write(held.rows(), out)
        return held.planned()


def _has_words(name: str) -> bool:
    from tgvig_core.runs.settings import RunSettings
    from tgvig_core.runs.steps.prompt import has_words

    try:
        return has_words(RunSettings((), name, ""))
    except TgvigError:  # not even letters
        return False


def _fetch_models(plan: Plan, ctx: RunContext) -> None:
    """Once, before several workers ask for the same file. What cannot be had is told by the cells that need it."""
    from tgvig_core.benchmark.backbones import backbone_of
    from tgvig_core.packs import registry
    from tgvig_core.packs.files import fetch

    folder = Path(plan.models_dir) if plan.models_dir else None
    for name in plan.backbones:
        with contextlib.suppress(TgvigError):
            backbone_of(name, folder, ctx)
    if any(arm.get(name).asks_words for name in plan.arms):
        with contextlib.suppress(TgvigError):
            pack, _ = registry.choose(plan.pack, folder)
            fetch(pack.generator_file, folder, ctx)
            registry.load_encoder(pack, folder)


def _measured(plan: Plan, todo: Sequence, engine: Engine, ctx: RunContext) -> Generator[Row]:
    from tgvig_core.benchmark.cell import measure

    if engine.name == "ray":
        from tgvig_core.benchmark.engines import on_ray

        return on_ray.run(plan, todo, engine.workers, measure, ctx, engine.address)
    from tgvig_core.benchmark.engines import local

    return local.run(plan, todo, engine.workers, measure, ctx)
