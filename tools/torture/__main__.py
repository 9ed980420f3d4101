"""`make torture`: every section in turn, one table, and what it was measured on.

python -m tools.torture [SECTION ...]
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import version

from tools.bench.__main__ import processor
from tools.torture.row import Row, show

SECTIONS = ("input", "faults", "load", "intruders", "numbers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; without one all of them"
    )
    given = parser.parse_args().sections
    if unknown := set(given) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "gradio", "pillow"))
    print(f"{date.today()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}\n")
    show(tried(given or SECTIONS))


def tried(sections: Sequence[str]) -> Iterator[Row]:
    for name in sections:
        yield from importlib.import_module(f"tools.torture.{name}").rows()


if __name__ == "__main__":
    main()
