"""JSON as RFC 8259 has it: Python's own writes and reads NaN and Infinity, which no other program understands.

Every JSON of the project goes through here, so that a number that is none ends where it is written, and a file that holds
one counts as damaged.
"""

from __future__ import annotations

import json
import math
from typing import Any


def dumps(value: Any, **how: Any) -> str:
    """`json.dumps`.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(value, allow_nan=False, **how)


def loads(text: str | bytes) -> Any:
    """`json.loads`.

    Raises:
        ValueError: it is no JSON, or a number is not finite (1e999 included).
    """
    return json.loads(text, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is not a finite number")
    return number
