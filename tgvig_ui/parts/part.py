"""One part on disk: the photos, choices and results of one inspection task, owned by the server and not by a browser tab.

PARTS/<id>/part.json          what the person chose (Choices)
PARTS/<id>/job.json           its latest job (jobs/job.py)
PARTS/<id>/owner              the name of who began it, where people log in
PARTS/<id>/photos/            the photos of good parts
PARTS/<id>/ranking.json       the ranked prompts (Ranking), prompts.csv, prompt_map.json
PARTS/<id>/generations/<k>/   a run of tgvig_core: sets, model, inspection
PARTS/<id>/tests/             photos to inspect
PARTS/<id>/bundles/           its detector to take home
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tgvig_core.photos.inputs import SUFFIXES, lacking_suffix
from tgvig_core.utils.atomic_write import is_draft, whole
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.parts.choices import Choices
from tgvig_ui.parts.json_files import read_json, write_json
from tgvig_ui.parts.photo_names import own_name, storable

SEEN = "seen"
"""A file of a part that is touched when somebody looks at it."""
MAX_PHOTOS = 200
MAX_TESTS = 2000
MAX_BYTES = 2_000_000_000
"""Bytes of photos that one part may take on the server's disk."""

_choosing = threading.Lock()  # the page and the worker may both change a part


@dataclass(frozen=True)
class Part:
    """One part's folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name, which is also the deep link."""
        return self.folder.name

    @property
    def owner(self) -> str:
        """The name of who began it; empty where nobody had to log in then."""
        try:
            return (self.folder / "owner").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    @property
    def choices(self) -> Choices:
        """What was chosen."""
        return Choices.read(read_json(self.folder / "part.json") or {})

    def choose(self, **changes) -> Choices:
        """Write some of the choices and return all."""
        with _choosing:
            chosen = replace(self.choices, **changes)
            write_json(self.folder / "part.json", asdict(chosen))
        return chosen

    def look(self) -> None:
        """Note that somebody looks at it, at most once a minute: the page looks every second."""
        file = self.folder / SEEN
        with contextlib.suppress(OSError):  # a full disk; or it has just been removed
            if not file.exists() or time.time() - file.stat().st_mtime > 60:
                file.touch()

    def last_used(self) -> float:
        """When somebody looked at it or its job changed, in seconds since 1970; 0 where there is nothing of it."""
        found = max(_written(self.folder / name) for name in (SEEN, "part.json", "job.json"))
        return found or _written(self.folder)  # just being made: only its folder is there yet

    def chosen_at(self) -> float:
        """When something was chosen last, in seconds since 1970; 0 where it has been removed meanwhile."""
        return _written(self.folder / "part.json")

    def photos(self) -> list[Path]:
        """The photos of good parts, in the order they came."""
        return _pictures((self.folder / "photos").glob("*"))

    def tests(self) -> list[Path]:
        """The photos to inspect; in MVTec layout they lie in folders."""
        return _pictures((self.folder / "tests" / "test").rglob("*"))

    def generations(self) -> list[int]:
        """Numbers of the generations, oldest first."""
        return sorted(int(path.name) for path in (self.folder / "generations").glob("*") if path.name.isdigit())

    def generation(self, number: int) -> Path:
        """The folder of one generation, a run of tgvig_core."""
        return self.folder / "generations" / str(number)

    def add_photos(self, given: Sequence[str | Path], folder: str = "photos") -> list[Path]:
        """Copy photos into the part.

        Raises:
            TgvigError: too many, or too many bytes. OSError: the disk fails. Nothing is copied then.
        """
        target = self.folder / folder
        present = sum(1 for _ in target.glob("*")) if target.is_dir() else 0
        most = MAX_PHOTOS if folder == "photos" else MAX_TESTS
        if present + len(given) > most:
            raise TgvigError(f"{present + len(given)} photos are more than the {most} that fit here: give fewer.")
        self.check_room(given)
        target.mkdir(parents=True, exist_ok=True)
        # not the count: after a photo was removed it would give a number out twice, and maybe overwrite a photo
        numbers = [int(path.name[:4]) for path in target.glob("[0-9][0-9][0-9][0-9]_*")]
        first = max(numbers, default=-1) + 1
        names = [f"{storable(self._name(Path(path)))}{lacking_suffix(Path(path))}" for path in given]
        copies = [target / f"{place:04d}_{name}" for place, name in enumerate(names, first)]
        try:
            for path, copy in zip(given, copies, strict=True):
                with whole(copy) as draft:
                    shutil.copyfile(path, draft)
        except BaseException:
            for copy in copies:
                copy.unlink(missing_ok=True)
            raise
        return copies

    def _name(self, path: Path) -> str:
        """What a photo is called; a test photo that becomes a normal must not get a second number."""
        return own_name(path) if path.parent == self.folder / "tests" / "test" else path.name

    def remove_tests(self) -> None:
        """Remove the photos to inspect, and the inspections that show them: of every generation."""
        for number in self.generations():
            shutil.rmtree(self.generation(number) / "inspect", ignore_errors=True)
        shutil.rmtree(self.folder / "tests", ignore_errors=True)
        self.choose(decisions={}, looked_at="")

    def bytes(self) -> int:
        """What it takes on the disk."""
        found = 0
        for folder, _, names in os.walk(self.folder):  # unlike rglob it bears what goes while it looks
            for name in names:
                with contextlib.suppress(OSError):
                    found += os.lstat(os.path.join(folder, name)).st_size
        return found

    def check_room(self, given: Sequence[str | Path]) -> None:
        """Refuse photos that would take too much of the disk.

        Raises:
            TgvigError: too many bytes or photos.
        """
        size = sum(Path(path).stat().st_size for path in given) + self.bytes()
        if size > MAX_BYTES:
            raise TgvigError(
                f"{size / 1e9:.1f} GB are more than the {MAX_BYTES / 1e9:g} GB that a part may take: give fewer photos."
            )
        if len(given) > MAX_TESTS:
            raise TgvigError(f"{len(given)} photos are more than the {MAX_TESTS} that fit here: give fewer.")


def _written(path: Path) -> float:
    """When a file or folder was last written, in seconds since 1970; 0 where it is not there, or not any more."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _pictures(paths: Iterable[Path]) -> list[Path]:
    """The photos among them, in order; those that are just being copied are none yet."""
    return sorted(path for path in paths if path.suffix.lower() in SUFFIXES and not is_draft(path))
