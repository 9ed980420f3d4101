"""`make types`: mypy over everything; the errors of a package may only become fewer (a ratchet: type_errors.json).

    python -m tools.scripts.check_types

It ends with 1 where a package has more errors than the file says, and also where it has fewer: then lower the number there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = Path(__file__).with_name("type_errors.json")
"""Errors of each package that are still to be mended."""
ERROR = re.compile(r"^(\w+)/.*: error: ", re.MULTILINE)


def main() -> None:
    """Run mypy and compare."""
    done = subprocess.run([sys.executable, "-m", "mypy", "--no-pretty"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode > 1:
        raise SystemExit(done.stdout + done.stderr)
    print(done.stdout, end="")
    problems = compared(counted(done.stdout), json.loads(ALLOWED.read_text()))
    raise SystemExit("\n".join(problems) or 0)


def counted(output: str) -> Counter[str]:
    """Errors by package in what mypy prints."""
    return Counter(ERROR.findall(output))


def compared(found: Mapping[str, int], allowed: Mapping[str, int]) -> list[str]:
    """A sentence for each package whose number is not the one that is written down."""
    said = []
    for package in sorted({*found, *allowed}):
        now, before = found.get(package, 0), allowed.get(package, 0)
        if now > before:
            said.append(f"{package} has {now} type errors, {now - before} more than before: mend what is new.")
        if now < before:
            said.append(f"{package} has {now} type errors, not {before} any more: write {now} into {ALLOWED.name}.")
    return said


if __name__ == "__main__":
    main()
