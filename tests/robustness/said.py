"""What the command `tgvig` says in this very process: its exit code, and whether it is one sentence for a person."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from tgvig_core.cli import main as line


def tgvig(*words: object) -> dict:
    """Run a command. Returns {"code", "said": what came on standard error}."""
    sys.argv, said = ["tgvig", *map(str, words)], io.StringIO()
    code = 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            line.main()
        except SystemExit as ended:
            code = ended.code or 0
    return {"code": code, "said": said.getvalue()}


def resume(out: Path) -> dict:
    """`tgvig run --resume`."""
    return tgvig("run", "--resume", "--out", out, "--quiet")


def no_sentence(ended, *words: str) -> str:
    """What is wrong with a command that had to be refused in one sentence that holds these words; "" if nothing is.

    Args:
        ended: of the child that ran it.
    """
    if not isinstance(ended.value, dict):
        return str(ended)
    code, said = ended.value["code"], ended.value["said"]
    last = said.strip().rsplit("\n", 1)[-1]
    if code != 2 or "Traceback" in said or not last.startswith("tgvig: "):
        return f"exit code {code}: {last[-200:]}"
    missing = [word for word in words if word not in last]
    return f"no {missing[0]!r} in: {last[-200:]}" if missing else ""
