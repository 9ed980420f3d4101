"""`tgvig benchmark`: the paper's experiments on any data set, spread over processes or a Ray cluster."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from tgvig_core.benchmark.plan import Plan, shots_of
from tgvig_core.cli.console import running, show_benchmark
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

ENGINES = ("local", "ray")
WINDOW = 24 * 3600.0
"""Seconds over which the time left is estimated: a cell may take half an hour."""

Many = list[str] | None


class Several(TyperCommand):
    """Takes several values after one name, where an option may be given more than once: --shots 1 5 full."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        several = {name for param in self.params if getattr(param, "multiple", False) for name in param.opts}
        return super().parse_args(ctx, unfolded(args, several))


def unfolded(words: Sequence[str], several: set[str]) -> list[str]:
    """--shots 1 5 as --shots 1 --shots 5.

    Args:
        several: names of the options that take several values.
    """
    found, option, given = [], "", False
    for word in words:
        if word.startswith("-"):
            option, inline, _ = word.partition("=")
            given = bool(inline)
        elif option in several and given:
            found.append(option)
        else:
            given = True
        found.append(word)
    return found


def benchmark(
    dataset: Annotated[str, typer.Option(help="mvtec, loco, btad, visa, or folder: any folder in MVTec layout")],
    root: Annotated[Path, typer.Option(help="folder of the data set")],
    out: Annotated[Path, typer.Option(help="folder of the results; the same command goes on where it was stopped")],
    category: Annotated[Many, typer.Option(help="one or more; left out: all")] = None,
    names: Annotated[Many, typer.Option(help="what parts are called, where folders do not say: 01='plastic part'")] = None,
    shots: Annotated[Many, typer.Option(help="numbers of normal photos, such as 1 5 full")] = None,
    seeds: Annotated[int, typer.Option(help="how often each draw of photos is repeated")] = Plan.seeds,
    arms: Annotated[Many, typer.Option(help="what the detector learns from: real augment tgvig and others")] = None,
    detectors: Annotated[Many, typer.Option(help="patchcore and others")] = None,
    backbones: Annotated[Many, typer.Option(help="where the detectors' features come from")] = None,
    count: Annotated[int, typer.Option("--images", help="generated images per iteration")] = Plan.images,
    iterations: Annotated[int, typer.Option(help="iterations of the integrator")] = Plan.iterations,
    most_tests: Annotated[int | None, typer.Option(help="at most so many good and so many defective test photos")] = None,
    size: Annotated[int, typer.Option(min=64, help="side in px of the square that every photo is stretched into")] = Plan.size,
    training: Annotated[str, typer.Option(help="of detectors that learn step by step: short or published")] = Plan.training,
    pack: Annotated[str, typer.Option("--pack", help="models: auto, embedded, paper or strong")] = Plan.pack,
    models_dir: Annotated[Path | None, typer.Option(help="folder with model files brought by hand")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = Plan.device,
    engine: Annotated[str, typer.Option(help="local: processes of this machine; ray: a Ray cluster")] = ENGINES[0],
    workers: Annotated[int, typer.Option(min=1, help="draws measured at once")] = 1,
    address: Annotated[str | None, typer.Option(help="of a Ray cluster, such as auto; left out: one of this machine")] = None,
    download: Annotated[bool, typer.Option("--download", help="fetch the data set where it is not there")] = False,
    retry: Annotated[bool, typer.Option("--retry-errors", help="measure again what ended with an error")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bars")] = False,
) -> None:  # fmt: skip
    """Compare arms and detectors on a data set: tables, figures, a report. Exit code 2: a cell ended with an error."""
    if engine not in ENGINES:
        raise TgvigError(f"There is no engine {engine!r}: choose one of {', '.join(ENGINES)}.")
    if address and engine != "ray":
        raise TgvigError(f"--address {address} is of a Ray cluster: give --engine ray, too, or leave it out.")
    lists = {"arms": arms, "detectors": detectors, "backbones": backbones, "names": names,
             "shots": shots and shots_of(shots)}  # fmt: skip
    plan = Plan(
        dataset, str(root.absolute()), _categories(dataset, root, category, download), seeds=seeds, images=count,
        iterations=iterations, size=size, training=training, pack=_pack(pack, models_dir), device=device, most_tests=most_tests,
        models_dir=str(models_dir.absolute()) if models_dir else None,
        **{name: tuple(given) for name, given in lists.items() if given},
    )  # fmt: skip
    _check_names(plan)
    try:
        with running(quiet or as_json, WINDOW) as ctx:
            rows = _carry_out(plan, out, (engine, workers, address), retry, ctx)
    except Stopped:
        print("Stopped. The same command goes on.", file=sys.stderr)
        raise typer.Exit(130) from None
    failures = [row for row in rows if row["error"]]
    if as_json:
        print(strict_json.dumps({"out": str(out), "cells": len(rows), "errors": len(failures), "rows": rows}, indent=2))
    else:
        show_benchmark(rows, out)
    raise typer.Exit(2 if failures else 0)


def _categories(dataset: str, root: Path, names: Sequence[str] | None, download: bool) -> tuple[str, ...]:
    """Here, before any worker starts: several would fetch the data set at once."""
    from tgvig_core.benchmark.data.datasets import read

    return tuple(category.name for category in read(dataset, root, names, download))


def _pack(name: str, models_dir: Path | None) -> str:
    """`auto` could be another one on another day, or on another machine."""
    from tgvig_core.packs import registry

    return registry.choose(name, models_dir)[0].name


def _check_names(plan: Plan) -> None:
    """Before hours are spent on a row of errors.

    Raises:
        TgvigError: there is no such arm, detector or training, or WordNet has no words for a part whose prompts are ranked.
    """
    from tgvig_core.benchmark.detectors.choose import DETECTORS, TRAININGS
    from tgvig_core.benchmark.recipes import recipe

    asking = [arm for arm in plan.arms if recipe(arm, plan.images).asks_words]
    for what, given, known in (("detector", plan.detectors, DETECTORS), ("training", (plan.training,), TRAININGS)):
        if strange := [name for name in given if name not in known]:
            raise TgvigError(f"There is no {what} {strange[0]!r}: choose one of {', '.join(known)}.")
    for category in plan.categories if asking else ():
        if not _has_words(plan.called(category)):
            raise TgvigError(
                f"WordNet has no words for {plan.called(category)!r}, and {asking[0]} needs some: say what the part is, such "
                f"as --names {category}='circuit board', or leave that arm out."
            )


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
    from tgvig_core.benchmark.recipes import recipe
    from tgvig_core.packs import registry
    from tgvig_core.packs.files import fetch

    folder = Path(plan.models_dir) if plan.models_dir else None
    for name in plan.backbones:
        with contextlib.suppress(TgvigError):
            backbone_of(name, folder, ctx)
    if any(recipe(arm, plan.images).asks_words for arm in plan.arms):
        with contextlib.suppress(TgvigError):
            pack, _ = registry.choose(plan.pack, folder)
            fetch(pack.generator, folder, ctx)
            registry.load_encoder(pack, folder)


def _carry_out(plan: Plan, out: Path, how: tuple[str, int, str | None], retry: bool, ctx: RunContext) -> list[dict]:
    """Measure what is missing and write the report; the rows of the plan."""
    from tgvig_core.benchmark.report.report import write
    from tgvig_core.benchmark.results import book

    with book.opened(out, plan) as held:
        todo = held.missing(retry)
        total = sum(len(plan.cells(draw)) for draw in plan.draws())
        done = total - sum(len(cells) for _, cells in todo)
        ctx.progress("Measuring", done, total)
        if todo:
            _fetch_models(plan, ctx)
            with contextlib.closing(_measured(plan, todo, *how, ctx)) as rows:  # no worker outlives a full disk
                for row in rows:
                    held.add(row)
                    done += 1
                    ctx.progress("Measuring", done, total)
        write(held.rows(), out)
        return held.planned()


def _measured(
    plan: Plan, todo: Sequence, engine: str, workers: int, address: str | None, ctx: RunContext
) -> Generator[dict]:
    from tgvig_core.benchmark.cell import measure

    if engine == "ray":
        from tgvig_core.benchmark.engines import on_ray

        return on_ray.run(plan, todo, workers, measure, ctx, address)
    from tgvig_core.benchmark.engines import local

    return local.run(plan, todo, workers, measure, ctx)
