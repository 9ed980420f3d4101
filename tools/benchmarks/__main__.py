"""`make bench`: every section in turn, one table, and what it was measured on.

python -m tools.benchmarks [SECTION ...]
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tools.benchmarks.row import Row, show

SECTIONS = ("coreset", "integrator", "scoring", "text", "starts", "run")


def main() -> None:
    show(measured(asked(__doc__, SECTIONS, ("torch", "anomalib", "timm", "onnxruntime", "openvino"))))


def asked(about: str, sections: Sequence[str], packages: Sequence[str]) -> Sequence[str]:
    """The sections that the command line names, or all; prints the day, the machine and the packages that count."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections)}; without one all of them"
    )
    given = parser.parse_args().sections
    if unknown := set(given) - set(sections):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    print(f"{date.today()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}\n")
    return given or sections


def measured(sections: Sequence[str]) -> Iterator[Row]:
    for name in sections:
        yield from importlib.import_module(f"tools.benchmarks.{name}").rows()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
