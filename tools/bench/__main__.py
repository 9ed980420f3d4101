"""`make bench`: every section in turn, one table, and what it was measured on.

python -m tools.bench [SECTION ...]
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tools.bench.row import Row, show

SECTIONS = ("coreset", "integrator", "scoring", "text", "starts", "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; without one all of them"
    )
    given = parser.parse_args().sections
    if unknown := set(given) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "anomalib", "timm", "onnxruntime", "openvino"))
    print(f"{date.today()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}\n")
    show(measured(given or SECTIONS))


def measured(sections: tuple[str, ...] | list[str]) -> Iterator[Row]:
    for name in sections:
        yield from importlib.import_module(f"tools.bench.{name}").rows()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
