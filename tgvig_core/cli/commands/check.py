"""`tgvig check`: does generation help on this part, and what would its detector miss? (docs/advice.md)"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tgvig_core.cli.console import running, show_check, show_result
from tgvig_core.cli.options import Device, Json, Quiet
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import Stopped


def check(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a finished run")],
    thorough: Annotated[bool, typer.Option("--thorough", help="also other generated sets and fewer images")] = False,
    use: Annotated[bool, typer.Option("--use", help="then train again from what is recommended, and inspect")] = False,
    device: Device = "auto", as_json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Does generation help on this part, and which defects would be missed? Tried with synthetic defects."""
    from tgvig_core.runs import pipeline
    from tgvig_core.runs.steps import check

    try:
        with running(quiet or as_json) as ctx:
            found = check.check_run(folder, thorough, device, ctx)
            recommended = found["advice"]["recommended"]
            result = pipeline.use(folder, recommended, device, ctx) if use else None
    except Stopped:
        print(
            f"Stopped. The same command goes on, or finish the run: tgvig run --resume --out {folder}", file=sys.stderr
        )
        raise typer.Exit(130) from None
    if as_json:
        print(strict_json.dumps(found | ({"result": result.as_json()} if result else {}), indent=2))
        return
    show_check(found, folder)
    if result:
        show_result(result, folder)
