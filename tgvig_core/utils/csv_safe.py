"""A CSV cell that no spreadsheet runs: an apostrophe goes before what would begin a formula (OWASP, “CSV Injection”).

A cell begins a formula with = + - @, in full width too, or with a tab or a line break, at its start or, where a spreadsheet
parts columns otherwise than by commas, after a semicolon, a tab or a line break. Quotes may stand in between: a CSV doubles
them, and where a column begins two are an empty text that goes on. `plain` takes the apostrophes away again.
"""

from __future__ import annotations

import re

_BEGINS = "[=+\\-@＝＋－＠\\t\\r\\n]"
_COLUMN = '(^|[;\\t\\r\\n]"*)'
_GUARD = re.compile(f"{_COLUMN}(?='*{_BEGINS})")
_GUARDED = re.compile(f"{_COLUMN}'(?='*{_BEGINS})")


def guarded(cell: object) -> object:
    """The cell as it is to be written; anything but a text as it is."""
    return _GUARD.sub(r"\1'", cell) if isinstance(cell, str) else cell


def plain(cell: str) -> str:
    """The reverse of `guarded`."""
    return _GUARDED.sub(r"\1", cell)
