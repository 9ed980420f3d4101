"""Generations as a part has them on disk, without a model: config, journal, sets of grey images."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from tgvig_core.storage.run_folder import Run
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store


def generation(
    part: Part, number: int, curve: Sequence[float] = (), wanted: int = 3, text: bool = True,
    together: Sequence[int] = (), images: int = 2,
) -> Run:  # fmt: skip
    """A generation with a set for each similarity of the curve."""
    settings = {"prompt": f"a nut {number}", "integrating": {"iterations": wanted, "text": text}}
    run = Run.create(part.generation(number), {"settings": settings, "together": list(together or [number])})
    for similarity in curve:
        add_set(run, similarity, images)
    return run


def add_set(run: Run, similarity: float, images: int = 2) -> None:
    """One more iteration."""
    number = len(run.iterations()) + 1
    run.set_folder(number).mkdir(parents=True)
    for place in range(images):
        Image.new("RGB", (32, 32), (place, place, place)).save(run.set_folder(number) / f"{place:03d}.png")
    run.journal("iteration", number=number, similarity=similarity)


def photo(folder: Path, name: str = "nut.png") -> Path:
    """A photo of one colour."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (90, 120, 90)).save(folder / name)
    return folder / name


class Held:
    """A server without models whose jobs wait until `go` is set."""

    def __init__(self, folder: Path, service: object = None) -> None:
        self.go, self.done = threading.Event(), []
        executor = Executor(
            dict.fromkeys(("rank", "generate", "train", "inspect", "check", "export", "complete"), self._wait)
        )
        self.server = Server(Store(folder / "parts"), service or SimpleNamespace(), executor, folder, local=True)

    def part(self, **choices) -> Part:
        """A part whose photo and prompt are there."""
        part = self.server.store.new()
        part.add_photos([photo(self.server.store.root.parent / "photos")])
        part.choose(object_name="nut", prompt="a nut with thread", **choices)
        return part

    def queued(self, part: Part) -> dict:
        """The arguments of the part's job."""
        return self.server.executor._jobs[part.folder].arguments

    def close(self) -> None:
        """Let the jobs end."""
        self.go.set()
        self.server.executor.close()

    def _wait(self, folder: Path, arguments: dict, watch) -> None:
        self.go.wait(600)
