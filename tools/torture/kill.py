"""kill -9 anywhere: before any file is opened, renamed or removed, at any step, and in the middle of what is being written.

An audit hook counts what a child does to its folder. At the drawn point it kills the process, or sets the largest size
that a file may have: the system then kills it in the middle of the first write that goes beyond.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.torture.forked import Ended, child, together
from tools.torture.row import Row
from tools.torture.small_run import SmallRun

SEED = 9
FATAL = (signal.SIGKILL, signal.SIGXFSZ)
CHANGES = {"os.rename": 2, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1}
"""Audit events that change a folder, and how many of their arguments are paths."""
LARGEST = 2**26
"""Bytes; the state of the small run is somewhat larger."""


@dataclass(frozen=True)
class Death:
    """Where a process dies: at its point `at`, from 1, either there or `size` bytes into a file that is written next."""

    at: int
    size: int | None = None

    @classmethod
    def drawn(cls, draw: random.Random, low: int, high: int, torn: bool) -> Death:
        return cls(draw.randint(low, max(low, high)), int(LARGEST ** draw.random()) if torn else None)

    def __str__(self) -> str:
        return f"point {self.at}" + (f", {self.size} bytes into a file" if self.size is not None else "")


class Points:
    """Counts what this process does to a folder; for a child that may die."""

    def __init__(self, folder: Path, death: Death | None = None) -> None:
        self.folder, self.death, self.names, self._steps = str(folder), death, [], set()
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python would make an error of it
        sys.addaudithook(self._heard)

    def progress(self, step: str, done: int, total: int) -> None:
        """The beginning and the middle of a step are points."""
        if (name := (step, done >= total / 2)) not in self._steps:
            self._steps.add(name)
            self._reached(f"step {step}", None)

    def _heard(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & (os.O_WRONLY | os.O_RDWR):
                self._changed(event, path)
        elif event in CHANGES:
            self._changed(event, arguments[CHANGES[event] - 1])

    def _changed(self, event: str, path: object) -> None:
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if self.folder in name:  # also drafts beside it
            self._reached(f"{event} {name.removeprefix(self.folder)}", name)

    def _reached(self, name: str, file: str | None) -> None:
        self.names.append(name)
        if not self.death or len(self.names) != self.death.at:
            return
        if self.death.size is None:
            os.kill(os.getpid(), signal.SIGKILL)
        size = self.death.size
        if file and file.endswith("journal.jsonl") and os.path.exists(file):
            size = os.path.getsize(file) + self.death.size % 40  # within the line that comes
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def points(work: Callable[[Points], object], folder: Path) -> list[str]:
    """The names of all points of a piece of work."""

    def counted() -> list[str]:
        seen = Points(folder)
        work(seen)
        return seen.names

    ended = child(counted)
    if not ended.value:
        raise RuntimeError(f"the undisturbed work did not end well: {ended}")
    return ended.value


def dying(work: Callable[[Points], object], folder: Path, death: Death) -> Ended:
    """Do a piece of work in a child that dies on the way, unless the files are smaller than the drawn size."""
    return child(lambda: work(Points(folder, death)) and None)


def deaths(count: int, total: int, more: int, seed: int = SEED) -> list[tuple[Death, ...]]:
    """For each trial the deaths of one run: one in every stretch of the run, every other one in mid-write.

    Args:
        total: points of the undisturbed run. more: of the last so many trials the resumed process dies twice, too.
    """
    draw, found = random.Random(seed), []
    for place in range(count):
        low, high = 1 + place * total // count, (place + 1) * total // count
        first = Death.drawn(draw, low, high, torn=bool(place % 2))
        later = [Death.drawn(draw, 1, total // 2, torn=bool(again)) for again in range(2)]
        found.append((first, *(later if place >= count - more else ())))
    return found


def trial(small: SmallRun, out: Path, planned: tuple[Death, ...]) -> str:
    """Kill a run as planned, finish it, and say in what it is wrong."""
    killed = 0
    for death in planned:
        ended = dying(lambda seen: small.go_on(out, seen.progress), out, death)
        if ended.signal not in (0, *FATAL) or ended.refused or ended.crash:
            return f"{death}: {ended}"
        killed += ended.signal in FATAL
    ended = child(lambda: small.go_on(out))
    wrong = str(ended) if str(ended) != "done" else small.differs(out, killed)
    shutil.rmtree(out, ignore_errors=True)
    return f"{' then '.join(map(str, planned))}: {wrong}" if wrong else ""


def run_row(small: SmallRun, count: int = 30, more: int = 4, seed: int = SEED) -> Row:
    """kill -9 at so many points of the small run."""
    spare = small.folder / "counted"
    names = points(lambda seen: small.begin(spare, seen.progress), spare)
    plans = deaths(count, len(names), more, seed)
    works = [
        lambda out=small.folder / f"killed{place}", plan=plan: trial(small, out, plan)
        for place, plan in enumerate(plans)
    ]
    wrong = [str(ended.value if ended.value is not None else ended) for ended in together(works)]
    wrong = [words for words in wrong if words]
    torn = sum(plan[0].size is not None for plan in plans)
    figure = f"of {len(names)} points; {torn} in mid-write, {more} killed twice more while resuming; seed {seed}"
    return Row("kill -9 of `tgvig run`, then resume", count, count - len(wrong), "; ".join([figure, *wrong[:3]]),
               "files and result as undisturbed")  # fmt: skip


def rows(small: SmallRun) -> Iterator[Row]:
    yield run_row(small)
