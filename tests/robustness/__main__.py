"""`make torture`: every section in turn, one table, and what it was measured on.

python -m tests.robustness [SECTION ...]
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from tests.robustness.row import Row, show
from tools.benchmarks.__main__ import asked

SECTIONS = ("input", "faults", "load", "intruders", "numbers")


def main() -> None:
    show(tried(asked(__doc__, SECTIONS, ("torch", "gradio", "pillow"))))


def tried(sections: Sequence[str]) -> Iterator[Row]:
    for name in sections:
        yield from importlib.import_module(f"tests.robustness.{name}").rows()


if __name__ == "__main__":
    main()
