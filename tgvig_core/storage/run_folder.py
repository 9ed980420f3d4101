"""One run on disk: config, journal, sets, state, result. Written so that a kill at any moment loses one iteration at most.

Files appear whole or not at all (written beside, then renamed). The journal gets a line per event, flushed to disk
before the next step; a torn last line is what a kill leaves, and is ignored.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tgvig_core.photos.images import save_png, to_pixels, to_tensor
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import drafts, is_draft, remove, whole
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import NOTES, is_short

if TYPE_CHECKING:
    from torch import Tensor

MODEL_FORMAT = 2
"""Of the files in RUN/model; others are trained again."""
LOCK = ".lock"
"""Of run_lock.py. It stays when nobody works in the folder: what counts is who holds it, not that it is there."""


def _holds_something(folder: Path) -> bool:
    return any(path.name != LOCK and not is_draft(path) for path in folder.iterdir())


@contextlib.contextmanager
def writing(folder: Path, again: str = "resume the run") -> Iterator[None]:
    """Turn a full disk or a folder that may not be written to into a sentence.

    Args:
        again: how to go on when there is space.

    Raises:
        TgvigError: named after the folder.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TgvigError(f"The disk is full: {folder} cannot grow. Free some space and {again}.") from error
        if error.errno == errno.EROFS or isinstance(error, (PermissionError, NotADirectoryError, FileExistsError)):
            raise TgvigError(
                f"{folder} cannot be written to ({error.strerror}): choose another folder.", setting="out"
            ) from error
        raise
    except RuntimeError as error:  # how torch.save reports a full disk
        if any(words in str(error) for words in ("file write failed", "unexpected pos")):
            raise TgvigError(f"The disk is full: {folder} cannot grow. Free some space and {again}.") from error
        raise


class Run:
    """The folder of one run. Use `create` for a new one and `open` for one to go on with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path, config: dict) -> Run:
        """Start a run in an empty or new folder.

        Raises:
            TgvigError: the folder holds something already, or cannot be written to.
        """
        cls.make_room(folder)
        run = cls(folder)
        run.write_json("config.json", config)
        return run

    @staticmethod
    def make_room(folder: Path) -> None:
        """Make the folder of a new run; one where a run was killed before it had a config is as good as empty.

        Raises:
            TgvigError: the folder holds something already, or cannot be made.
        """
        if (folder / "config.json").exists():
            raise TgvigError(f"{folder} holds a run already: resume it, or choose another folder.", setting="resume")
        if folder.exists() and (not folder.is_dir() or _holds_something(folder)):
            raise TgvigError(f"{folder} is not an empty folder: choose another one.", setting="out")
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    @classmethod
    def open(cls, folder: Path) -> tuple[Run, dict]:
        """A run to go on with, and its config.

        Raises:
            TgvigError: there is no run, or its config cannot be read.
        """
        try:
            return cls(folder), dict(strict_json.loads((folder / "config.json").read_text(encoding="utf-8")))
        except OSError as error:
            raise TgvigError(f"{folder} holds no run to resume: start one, or name the folder of another.") from error
        except (ValueError, TypeError) as error:
            raise TgvigError(f"{folder / 'config.json'} is damaged: choose another folder and start anew.") from error

    def sweep(self) -> None:
        """Remove the drafts that a killed process left; only for who holds the folder (run_lock.py)."""
        with writing(self.folder):
            for place in (self.folder, *(self.folder / name for name in ("sets", "model", "inspect", "odd"))):
                for draft in drafts(place):
                    remove(draft)

    def write_json(self, name: str, value: dict) -> None:
        """Write a JSON file whole or not at all. NaN is refused: it is no JSON."""
        text = strict_json.dumps(value, indent=2) + "\n"
        with writing(self.folder), whole(self.folder / name) as draft:
            draft.write_text(text, encoding="utf-8")

    def read_json(self, name: str) -> dict | None:
        """A JSON file of the run, None where it is not there yet.

        Raises:
            TgvigError: it is damaged.
        """
        file = self.folder / name
        try:
            return strict_json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        except ValueError as error:
            raise TgvigError(f"{file} is damaged: delete it, and the same command makes it again.") from error

    def journal(self, event: str, **facts) -> None:
        """Append a line and wait until it is on disk."""
        line = strict_json.dumps({"time": round(time.time(), 3), "event": event, **facts})
        with writing(self.folder), (self.folder / "journal.jsonl").open("a+b") as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")  # a kill tore the last line: keep the new one apart from it
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _ends_whole(self) -> bool:
        with (self.folder / "journal.jsonl").open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def events(self, event: str) -> list[dict]:
        """All whole lines of one kind, oldest first."""
        file = self.folder / "journal.jsonl"
        rows = []
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []:
            with contextlib.suppress(ValueError):
                rows.append(strict_json.loads(line))
        return [row for row in rows if isinstance(row, dict) and row.get("event") == event]

    def iterations(self) -> list[dict]:
        """The latest journal line of every finished iteration whose set is whole on disk, in order from 1."""
        latest = {row.get("number"): row for row in self.events("iteration")}
        found: list[dict] = []
        while (row := latest.get(len(found) + 1)) and self._holds(len(found) + 1, row.get("images", 0)):
            found.append(row)
        return found

    def _holds(self, number: int, images: int) -> bool:
        """Whether a set is there with all its images: somebody may have removed one."""
        try:
            return len(os.listdir(self.set_folder(number))) >= images
        except OSError:
            return False

    def set_folder(self, number: int) -> Path:
        """RUN/sets/<l>."""
        return self.folder / "sets" / f"{number:03d}"

    def save_set(self, number: int, images: Tensor) -> None:
        """Write M images (M×3×S×S in [-1, 1]) as PNG; the folder appears when all of them are in it."""
        with writing(self.folder), whole(self.set_folder(number)) as draft:
            draft.mkdir(parents=True)
            for place, image in enumerate(images):
                save_png(to_pixels(image), draft / f"{place:03d}.png")

    def load_set(self, number: int) -> Tensor:
        """M×3×S×S in [-1, 1] of a finished set.

        Raises:
            TgvigError: an image is gone or damaged.
        """
        import torch  # here and below: looking at a run must not wait seconds for torch to load

        folder = self.set_folder(number)
        try:
            return torch.stack([to_tensor(_pixels(file)) for file in sorted(folder.glob("*.png"))])
        except (OSError, SyntaxError, ValueError, RuntimeError) as error:  # Pillow's of damaged files, torch's of none
            raise TgvigError(
                f"The images in {folder} are damaged ({error}): delete that folder and resume the run, which draws the "
                "same ones again."
            ) from error

    def save_state(self, state: dict) -> None:
        """Keep what the integrator needs to go on."""
        import torch

        with writing(self.folder), whole(self.folder / "state.pt") as draft:
            torch.save(state, draft)

    def load_state(self) -> dict | None:
        """The integrator's state, None where no iteration has ended or the file is damaged: all sets are then made again."""
        import torch

        file = self.folder / "state.pt"
        if not file.exists():
            return None
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # of a damaged file torch raises anything
            if is_short(error):
                raise
            NOTES.warning("%s is damaged: the sets are made again from the first one, the same ones.", file)
            return None


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.array(image.convert("RGB"))
