"""The command line `tgvig` (also `python -m tgvig_core`). Exit codes: 0 good, 1 a defect found by `inspect`, 2 could not run.

One file for each command, in commands/. Heavy libraries are imported inside the commands, so that `tgvig --help` answers at
once; the web app and the server are other packages, which are looked up by name when they are asked for.
"""

from __future__ import annotations

import importlib
import io
import sys
import traceback
import warnings

import typer

from tgvig_core.cli.commands import benchmark, check, doctor, export, inspect, prompts, run
from tgvig_core.cli.remedies import remedy
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.memory import is_short, too_short

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
                  help="Few-shot anomaly detection from one to a few photos of good parts (TGVIG, CVPR 2024).")  # fmt: skip
for command in (doctor.doctor, prompts.prompts, run.run, check.check, inspect.inspect, export.export):
    app.command()(command)
app.command(context_settings=benchmark.SETTINGS)(benchmark.benchmark)

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
"""Of a command of another package: its options are its own."""


@app.command("app", add_help_option=False, context_settings=PASSED_ON)
def web_app(context: typer.Context) -> None:
    """Open the web app in a browser (its options: tgvig app --help)."""
    _elsewhere("tgvig_ui.command", "app", context.args)


@app.command(add_help_option=False, context_settings=PASSED_ON)
def serve(context: typer.Context) -> None:
    """Put a bundle behind a small HTTP API (its options: tgvig serve --help)."""
    _elsewhere("tgvig_serve.command", "serve", context.args)


def _elsewhere(module: str, extra: str, arguments: list[str]) -> None:
    """Run the `main(arguments)` of a package that the core does not know.

    Raises:
        TgvigError: it, or a library that it needs, is not installed.
    """
    try:
        importlib.import_module(module).main(arguments)
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("tgvig"):
            raise
        raise TgvigError(f"tgvig {extra} needs {error.name}: pip install 'tgvig[{extra}]'.") from error


def main() -> None:
    """Entry point: a TgvigError is one sentence on standard error and exit code 2."""
    warnings.filterwarnings("ignore", category=FutureWarning)  # the libraries' notes about their own parts
    warnings.filterwarnings("ignore", module=r"PIL\.")  # of a damaged photo, which gets its sentence
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except TgvigError as error:
        print(f"tgvig: {error}{remedy(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except Stopped:
        print("Stopped.", file=sys.stderr)
        raise SystemExit(130) from None
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("tgvig"):
            traceback.print_exc()
        else:  # an installation that only inspects
            print(f'tgvig: This needs {error.name}: pip install "tgvig[train]".', file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:  # exit code 1 means a defect: a bug must not be taken for one
        if is_short(error):
            print(f"tgvig: {too_short(error, 'this')}", file=sys.stderr)
        else:
            traceback.print_exc()
        raise SystemExit(2) from None
