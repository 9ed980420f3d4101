"""What the five steps' named components have in common: which of them are drawn anew."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(frozen=True)
class Form:
    """A step's named components."""

    NEVER_DRAWN: ClassVar[tuple[str, ...]] = ()
    """Those that the step's `show` never fills: a person's entries, and buttons that stay as they are."""

    def shown(self) -> list:
        """What `show` may fill."""
        return [getattr(self, entry.name) for entry in fields(self) if entry.name not in self.NEVER_DRAWN]
