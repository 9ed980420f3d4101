"""What the five steps' named components and their events have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Of every event of the page that is no endpoint for programs."""


@dataclass(frozen=True)
class Form:
    """A step's named components."""

    NEVER_DRAWN: ClassVar[tuple[str, ...]] = ()
    """Those that the step's `show` never fills: a person's entries, and buttons that stay as they are."""

    def shown(self) -> list:
        """What `show` may fill."""
        return [getattr(self, entry.name) for entry in fields(self) if entry.name not in self.NEVER_DRAWN]
