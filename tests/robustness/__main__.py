"""`make torture`: every section in turn, one table, and what it was measured on.

python -m tools.torture [SECTION ...]
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

from tools.bench.__main__ import asked
from tools.torture.row import Row, show

SECTIONS = ("input", "faults", "load", "intruders", "numbers")


def main() -> None:
    show(tried(asked(__doc__, SECTIONS, ("torch", "gradio", "pillow"))))


def tried(sections: Sequence[str]) -> Iterator[Row]:
    for name in sections:
        yield from importlib.import_module(f"tools.torture.{name}").rows()


if __name__ == "__main__":
    main()
