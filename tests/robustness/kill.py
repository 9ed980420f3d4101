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

from tests.robustness.forked import Ended, child, together
from tests.robustness.row import Row
from tests.robustness.small_run import SmallRun
from tgvig_core.utils.progress import RunContext

SEED = 9
FATAL = (signal.SIGKILL, signal.SIGXFSZ)
CHANGES = {"os.rename": (1, 3), "os.mkdir": (0, 2), "os.remove": (0, 1), "os.rmdir": (0, 1)}
"""Audit events that change a folder: where among their arguments the path is, and the folder that it is relative to."""
LARGEST = 2**26
"""Bytes; the state of the small run is somewhat larger."""
SMALLER = 2**6
"""A size beyond all that is written is divided by this until the process dies."""


@dataclass(frozen=True)
class Death:
    """Where a process dies: at its point `at`, from 1, either there or `size` bytes into a file that is written next."""

    at: int
    size: int | None = None

    @classmethod
    def drawn(cls, draw: random.Random, low: int, high: int, torn: bool) -> Death:
        return cls(draw.randint(low, max(low, high)), int(LARGEST ** draw.random()) if torn else None)

    def earlier(self, points: int) -> Death | None:
        """What to try where a process with so many points did not die of this one; None where it cannot die.

        Its point is one that there is, its file larger than its size, or nothing is written any more: it dies at the point.
        """
        if self.at > points:
            return Death(1 + (self.at - 1) % points, self.size) if points else None
        return Death(self.at, self.size // SMALLER or None) if self.size is not None else None

    def __str__(self) -> str:
        return f"point {self.at}" + (f", {self.size} bytes into a file" if self.size is not None else "")


class Points:
    """Counts what this process does to a folder, whose path is the real one; for a child that may die."""

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
            path, base = CHANGES[event]
            self._changed(event, arguments[path], arguments[base])

    def _changed(self, event: str, path: object, base: int = -1) -> None:
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if base >= 0 and not os.path.isabs(name):  # how shutil.rmtree goes through a folder
            name = os.path.join(os.readlink(f"/proc/self/fd/{base}"), name)
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
    """Do a piece of work in a child that dies on the way, or whose value is how many points it had without dying."""

    def counted() -> int:
        seen = Points(folder, death)
        work(seen)
        return len(seen.names)

    return child(counted)


def killed(work: Callable[[Points], object], folder: Path, death: Death) -> tuple[Ended, Death]:
    """The same with an earlier death, from the same folder, until it dies: only work without points ends well.

    Raises:
        RuntimeError: it ended otherwise; the sentence says how.
    """
    kept = folder.with_name(f"{folder.name}-kept")
    if folder.exists():
        shutil.copytree(folder, kept)
    while not (ended := dying(work, folder, death)).signal and (earlier := death.earlier(ended.value or 0)):
        death = earlier
        shutil.rmtree(folder)
        if kept.exists():
            shutil.copytree(kept, folder)
    shutil.rmtree(kept, ignore_errors=True)
    if ended.signal not in (0, *FATAL) or ended.refused or ended.crash:
        raise RuntimeError(f"{death}: {ended}")
    return ended, death


def spread(draw: random.Random, count: int, total: int) -> list[Death]:
    """One death in every stretch of so many points, every other one in mid-write."""
    return [Death.drawn(draw, 1 + k * total // count, (k + 1) * total // count, torn=bool(k % 2)) for k in range(count)]


def deaths(count: int, total: int, more: int, seed: int = SEED) -> list[tuple[Death, ...]]:
    """For each trial the deaths of one run, see `spread`.

    Args:
        total: points of the undisturbed run. more: of the last so many trials the resumed process dies twice, too.
    """
    draw = random.Random(seed)
    firsts = spread(draw, count, total)
    later = [[Death.drawn(draw, 1, total // 2, torn=bool(again)) for again in range(2)] for _ in range(more)]
    return [(first, *after) for first, after in zip(firsts, [()] * (count - more) + later, strict=True)]


def trial(small: SmallRun, out: Path, planned: tuple[Death, ...]) -> dict:
    """Kill a run as planned and finish it. Returns {"signals": what it died of, "wrong": in what it is wrong}."""
    signals, died = [], []
    try:
        for death in planned:
            ended, death = killed(lambda seen: small.go_on(out, RunContext(seen.progress)), out, death)
            signals += [ended.signal] if ended.signal else []
            died.append(str(death))
        ended = child(lambda: small.go_on(out))
        wrong = str(ended) if str(ended) != "done" else small.differs(out, len(signals))
        wrong = wrong or ("" if signals else "nothing died")
    except RuntimeError as error:
        wrong = str(error)
    shutil.rmtree(out, ignore_errors=True)
    return {"signals": signals, "wrong": ": ".join(filter(None, [" then ".join(died), wrong])) if wrong else ""}


def run_row(small: SmallRun, count: int = 30, more: int = 4, seed: int = SEED) -> Row:
    """kill -9 at so many points of the small run."""
    spare = small.folder / "counted"
    names = points(lambda seen: small.begin(spare, RunContext(seen.progress)), spare)
    works = [
        lambda out=small.folder / f"killed{place}", plan=plan: trial(small, out, plan)
        for place, plan in enumerate(deaths(count, len(names), more, seed))
    ]
    told = [ended.value or {"signals": [], "wrong": str(ended)} for ended in together(works)]
    wrong = [one["wrong"] for one in told if one["wrong"]]
    died = [signal for one in told for signal in one["signals"]]
    figure = f"of {len(names)} points; {len(died)} deaths in {sum(bool(one['signals']) for one in told)} trials, "
    figure += f"{died.count(signal.SIGXFSZ)} in mid-write; seed {seed}"
    return Row("kill -9 of `tgvig run`, then resume", count, count - len(wrong), "; ".join([figure, *wrong[:3]]),
               "files and result as undisturbed")  # fmt: skip


def rows(small: SmallRun) -> Iterator[Row]:
    yield run_row(small)
