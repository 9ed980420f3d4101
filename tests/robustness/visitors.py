"""Clients under load: programs, each with a photo of its own pattern, that see whether their own results come back."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.robustness.asking import Asker

SIDE = 64
PATIENCE = 600
"""Seconds that a job may wait and run: with twenty in the queue the last ones waited 284 s on a quiet machine."""
APART = 2.0
"""Seconds between the first jobs of two programs: which of two that are asked for at once comes first is nobody's right."""
PAUSE = 0.5
"""Seconds between two looks at a job."""
GENERATING, GENERATIONS = 4, 2
"""Every so manieth program also has images generated, in so many of its turns."""


@dataclass(frozen=True)
class Job:
    """One job, in seconds since 1970: when it was asked for, when it was taken in, and when it had ended."""

    asked: float
    taken: float
    ended: float

    @property
    def waited(self) -> float:
        """Seconds from the asking to the end."""
        return self.ended - self.asked


@dataclass
class Log:
    """What all clients saw.

    Attributes:
        own: what each was to get back, and whether it did.
        shown: seconds of a page from a photo's choosing to its picture, and from New part to the empty page.
    """

    jobs: list[Job] = field(default_factory=list)
    own: list[tuple[str, bool]] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)


def pattern(number: int) -> np.ndarray:
    """64×64×3 uint8: stripes whose colours and width no other number has."""
    rng = np.random.default_rng(number)
    stripes = rng.integers(0, 256, (8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(stripes, SIDE // 8, axis=0)[:, None], SIDE, axis=1)


def patterned(folder: Path, number: int) -> Path:
    """The photo of that number."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"photo{number}.png"
    Image.fromarray(pattern(number)).save(file)
    return file


def upload(asker: Asker, file: Path) -> dict:
    """A photo on the server, as the endpoints take it."""
    answer = asker.uploaded(file.name, file.read_bytes())
    assert answer.status == 200, answer.text
    return {"path": json.loads(answer.body)[0], "meta": {"_type": "gradio.FileData"}}


@dataclass
class Program:
    """A client at the named endpoints that gives one photo again and again.

    Attributes:
        programs: how many there are. told: the ranking that it got at every turn.
    """

    app: object
    folder: Path
    client: int
    programs: int
    log: Log
    told: list[list[dict]] = field(default_factory=list)

    def go(self, end: float) -> None:
        """Begin parts, wait for each and compare; none is begun after `end`, a time of time.monotonic."""
        time.sleep(APART * self.client)
        turn = 0
        while time.monotonic() < end:
            name = f"client {self.client} turn {turn}"
            try:
                id, prompts = self.ranked(name)
                self.told.append(prompts)
                if self.client % GENERATING == 0 and turn < GENERATIONS:
                    self._generated(id, name)
            except Exception as error:
                self._saw(False, f"{name}: {type(error).__name__} {str(error)[:100]}")
                return
            turn += 1

    def ranked(self, name: str) -> tuple[str, list[dict]]:
        """A new part: its id, and its first prompts with their scores."""
        given = [self._photo()]
        id = self._done(f"{name} rank", "rank", given, "plate")
        found = data_of(self._asker.called("result", id))
        prompts = found["prompts"]
        self._saw(found["object"] == "plate" and prompts, f"{name} has {len(prompts)} prompts")
        photo = self._asker.get(f"/gradio_api/file={self.app.runs}/{id}/photos/0000_{self._file.name}")
        self._saw(photo.body == self._file.read_bytes(), f"{name} got another photo")
        return id, prompts

    def _generated(self, id: str, name: str) -> None:
        """A set, and a detector from it: both know its own pattern and no other."""
        self._done(f"{name} start", "start", id, 2, 1, 0, "")
        files = sorted((self.app.runs / id / "generations" / "1" / "sets" / "001").glob("*.png"))
        nearest = [nearest_client(file, self.programs) for file in files]
        self._saw(nearest == [self.client] * 2, f"{name} got images of the clients {nearest}")
        self._done(f"{name} inspect", "inspect", id, [self._photo()])
        rows = data_of(self._asker.called("result", id))["images"]
        own = [row["photo"] for row in rows] == [f"0000_{self._file.name}"]
        self._saw(own and not rows[0]["is_anomalous"], f"{name} got the inspection {rows}")

    def _done(self, name: str, endpoint: str, *data: object) -> str:
        """Ask for a job and wait for its end; the part's id."""
        asked = time.time()
        id = data_of(self._asker.called(endpoint, *data))
        taken, state = time.time(), waited(self._asker, id, PATIENCE)
        self._saw(state["state"] == "done", f"{name} ended {state['state']}: {state['message']}")
        self.log.jobs.append(Job(asked, taken, (self.app.runs / id / "job.json").stat().st_mtime))
        return id

    def _photo(self) -> dict:
        return upload(self._asker, self._file)

    def _saw(self, right: object, trial: str) -> None:
        self.log.own.append((trial, bool(right)))

    @property
    def _asker(self) -> Asker:
        return Asker(self.app.url)

    @property
    def _file(self) -> Path:
        return patterned(self.folder, number_of(self.client))


def number_of(client: int) -> int:
    """A program's pattern."""
    return 10_000 * (client + 1)


def nearest_client(file: Path, programs: int) -> int:
    """Whose pattern an image is nearest to, by the mean absolute difference."""
    shown = np.asarray(Image.open(file).convert("RGB").resize((SIDE, SIDE)), dtype=float)
    return int(np.argmin([np.abs(shown - pattern(number_of(client))).mean() for client in range(programs)]))


def compare_alone(programs: Sequence[Program], log: Log) -> None:
    """The idle server ranks every program's photo once more: each got that at every turn, and no two got the same."""
    alone = {}
    for program in programs:
        name = f"client {program.client} alone"
        try:
            alone[name] = program.ranked(name)[1]
        except Exception as error:
            log.own.append((f"{name}: {type(error).__name__} {str(error)[:100]}", False))
            continue
        for turn, told in enumerate(program.told):
            log.own.append((f"client {program.client} turn {turn} got another ranking than alone", told == alone[name]))
    for one, other in itertools.combinations(alone, 2):
        log.own.append((f"{one} and {other} got one ranking", alone[one] != alone[other]))


def waited(asker: Asker, id: str, patience: float) -> dict:
    """The status of a part's job when it has ended.

    Raises:
        AssertionError: after so many seconds it has not.
    """
    deadline = time.monotonic() + patience
    while (state := data_of(asker.called("status", id)))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, f"still {state['state']} after {patience:g} s"
        time.sleep(PAUSE)
    return state


def data_of(said: str):
    """What a named endpoint answered.

    Raises:
        AssertionError: it refused.
    """
    assert "event: complete" in said, said[:200]
    return json.loads(said.rpartition("data: ")[2])[0]
