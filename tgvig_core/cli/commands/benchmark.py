"""`tgvig benchmark`: the paper's experiments on any data set, spread over processes or a Ray cluster (docs/benchmark.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.benchmark.arms import arm
from tgvig_core.benchmark.data.category import layout
from tgvig_core.benchmark.detectors.base import TRAININGS
from tgvig_core.benchmark.detectors.catalogue import detectors as known_detectors
from tgvig_core.benchmark.plan import Plan, shots_of
from tgvig_core.benchmark.run import ENGINES, Engine, carry_out, categories, check_names
from tgvig_core.cli.console import running, show_benchmark
from tgvig_core.packs.registry import choices
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import Stopped

WINDOW = 24 * 3600.0
"""Seconds over which the time left is estimated: a cell may take half an hour."""
SETTINGS = {"allow_extra_args": True}
"""Of the command: what is left over gets a sentence of its own."""

Many = list[str] | None


def _any_of(names: Iterable[str]) -> str:
    return f"give it again for each: {', '.join(names)}"


def benchmark(
    dataset: Annotated[str, typer.Option(help=f"how the data set lies on disk: {', '.join(layout.names())}")],
    root: Annotated[Path, typer.Option(help="folder of the data set")],
    out: Annotated[Path, typer.Option(help="folder of the results; the same command goes on where it was stopped")],
    category: Annotated[Many, typer.Option(help="give it again for each; left out: all")] = None,
    names: Annotated[Many, typer.Option(help="what a part is called, where its folder does not say: 01='plastic part'")] = None,
    shots: Annotated[Many, typer.Option(help="number of normal photos, such as 1, or full; give it again for each")] = None,
    seeds: Annotated[int, typer.Option(help="how often each draw of photos is repeated")] = Plan.seeds,
    arms: Annotated[Many, typer.Option(help=f"what the detector learns from; {_any_of(arm.names())}")] = None,
    detectors: Annotated[Many, typer.Option(help=_any_of(known_detectors()))] = None,
    backbones: Annotated[Many, typer.Option(help="where the detectors' features come from; give it again for each")] = None,
    count: Annotated[int, typer.Option("--images", help="generated images per iteration")] = Plan.images,
    iterations: Annotated[int, typer.Option(help="iterations of the integrator")] = Plan.iterations,
    most_tests: Annotated[int | None, typer.Option(help="at most so many good and so many defective test photos")] = None,
    size: Annotated[int, typer.Option(min=64, help="side in px of the square that every photo is stretched into")] = Plan.size,
    training: Annotated[str, typer.Option(help=f"of detectors that learn step by step: {' or '.join(TRAININGS)}")] = Plan.training,
    pack: Annotated[str, typer.Option("--pack", help=f"models: {', '.join(choices())}")] = Plan.pack,
    models_dir: Annotated[Path | None, typer.Option(help="folder with model files brought by hand")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = Plan.device,
    engine: Annotated[str, typer.Option(help="; ".join(f"{name}: {what}" for name, what in ENGINES.items()))] = Engine.name,
    workers: Annotated[int, typer.Option(min=1, help="draws measured at once")] = Engine.workers,
    address: Annotated[str | None, typer.Option(help="of a Ray cluster, such as auto; left out: one of this machine")] = None,
    download: Annotated[bool, typer.Option("--download", help="fetch the data set where it is not there")] = False,
    retry: Annotated[bool, typer.Option("--retry-errors", help="measure again what ended with an error")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document on standard output")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress bars")] = False,
    context: typer.Context = None,  # type: ignore[assignment]  # typer gives it
) -> None:  # fmt: skip
    """Compare arms and detectors on a data set: tables, figures, a report. Exit code 2: a cell ended with an error."""
    if context.args:
        context.fail(f"Got unexpected extra arguments ({' '.join(context.args)}): an option takes one value; give it again "
                     "for another one, such as --shots 1 --shots 5.")  # fmt: skip
    who = Engine(engine, workers, address)
    plan = Plan(
        dataset, str(root.absolute()), categories(dataset, root, category, download), seeds=seeds, images=count,
        iterations=iterations, size=size, training=training, pack=_pack(pack, models_dir), device=device, most_tests=most_tests,
        models_dir=str(models_dir.absolute()) if models_dir else None,
        shots=tuple(shots_of(shots)) if shots else Plan.shots, arms=tuple(arms or Plan.arms),
        detectors=tuple(detectors or Plan.detectors), backbones=tuple(backbones or Plan.backbones), names=tuple(names or ()),
    )  # fmt: skip
    check_names(plan)
    try:
        with running(quiet or as_json, WINDOW) as ctx:
            rows = carry_out(plan, out, who, retry, ctx)
    except Stopped:
        print("Stopped. The same command goes on.", file=sys.stderr)
        raise typer.Exit(130) from None
    failures = sum(bool(row.error) for row in rows)
    if as_json:
        document = {"out": str(out), "cells": len(rows), "errors": failures, "rows": [row.as_json() for row in rows]}
        print(strict_json.dumps(document, indent=2))
    else:
        show_benchmark(rows, out)
    raise typer.Exit(2 if failures else 0)


def _pack(name: str, models_dir: Path | None) -> str:
    """`auto` could be another one on another day, or on another machine."""
    from tgvig_core.packs import registry

    return registry.choose(name, models_dir)[0].name
