"""`tgvig doctor`: what is here, what is missing, and what brings it."""

from __future__ import annotations

import typer

from tgvig_core.cli.console import show_doctor
from tgvig_core.cli.options import Json, ModelsDir
from tgvig_core.utils import strict_json


def doctor(models_dir: ModelsDir = None, as_json: Json = False) -> None:
    """What is here, what is missing, and the one command that brings it."""
    from tgvig_core.cli.doctor import examine

    found = examine(models_dir)
    print(strict_json.dumps(found, indent=2)) if as_json else show_doctor(found)
    raise typer.Exit(0 if found["ready"] else 2)
