"""All parts of a server: new ones, those that somebody may see, and what to say of one that is gone."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.parts.choices import Choices
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.parts.part import Part

ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{12}")
"""128 bits from the system's source of randomness: knowing one is what lets a stranger in. Earlier versions gave out 48."""


class Store:
    """All parts of a server.

    Args:
        hours: after which a part that nobody looks at is removed (expiry.py); None to keep all.
        user: tells who asks just now, where people log in: each sees their own parts, and those from before that had no
            owner. None where nobody logs in.
    """

    def __init__(self, root: Path, hours: float | None = None, user: Callable[[], str] | None = None) -> None:
        self.root, self.hours, self.user = root.resolve(), hours, user
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TgvigError(f"{root} cannot be used for runs ({error.strerror}): choose another --runs.") from error

    def new(self) -> Part:
        """An empty part."""
        folder = self.root / secrets.token_hex(16)
        folder.mkdir()
        if self.user:
            (folder / "owner").write_text(self.user(), encoding="utf-8")
        write_json(folder / "part.json", asdict(Choices()) | {"created": time.time()})
        return Part(folder)

    def part(self, id: str | None) -> Part | None:
        """The part of an id, None where there is none for who asks. Only names that this store gives out reach the disk."""
        part = self.seen_by(id, self._asking())
        if part and self.hours:
            part.look()
        return part

    def seen_by(self, id: str | None, user: str | None) -> Part | None:
        """The part of an id if this user may see it; looks at none.

        Args:
            user: None where nobody logs in.
        """
        if not id or not ID.fullmatch(id) or not (self.root / id / "part.json").is_file():
            return None
        part = Part(self.root / id)
        return part if self._is_for(part, user) else None

    def mine(self) -> list[Part]:
        """The parts that who asks may see, in no order; looks at none."""
        user = self._asking()
        return [part for part in self.all() if self._is_for(part, user)]

    def _asking(self) -> str | None:
        return self.user() if self.user else None

    def _is_for(self, part: Part, user: str | None) -> bool:
        return not self.user or part.owner in ("", user)

    def all(self) -> list[Part]:
        """Every part, whoever's it is, in no order; looks at none."""
        return [Part(folder) for folder in self.root.iterdir() if ID.fullmatch(folder.name)]

    def gone(self, id: str | None) -> str:
        """What to say of an id that this store gave out once, or another one did; empty where its part is here."""
        if not id or not ID.fullmatch(id):
            return ""
        if (self.root / id).is_dir() and self._is_for(Part(self.root / id), self._asking()):
            return ""
        if self.hours:
            return (
                f"This part is not here any more: parts that nobody looks at for {self.hours:g} hours are removed with all "
                "their photos and results. Begin a new one."
            )
        return "This part is not here: it was removed, or belongs to another server. Begin a new one, or choose a recent one."

    def recent(self, count: int = 20) -> list[Part]:
        """The parts touched last, newest first; those without a photo are left out."""
        parts = sorted(self.mine(), key=Part.chosen_at, reverse=True)
        return [part for part in parts if part.photos()][:count]
