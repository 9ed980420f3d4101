"""JSON files of a part: read as they are, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import whole

T = TypeVar("T")


def read_value(kind: type[T], file: Path) -> T | None:
    """A JSON file as a typed value; None where there is none yet, or what is there (another version's) is not of this kind.

    Args:
        kind: a pydantic dataclass whose fields are the file's keys; keys that it does not name are passed over.
    """
    found = read_json(file)
    try:
        return None if found is None else kind(**found)
    except (TypeError, ValidationError):
        return None


def read_json(file: Path) -> dict[str, Any] | None:
    """A JSON file, None where there is none yet (or it is being replaced)."""
    try:
        return strict_json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_json(file: Path, value: dict) -> None:
    """Write a JSON file whole or not at all."""
    with whole(file) as draft:
        draft.write_text(strict_json.dumps(value, indent=2), encoding="utf-8")
