"""A job as others see it: what it is (job.json), where it stands, and what it reports to while it runs."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pydantic

from tgvig_core.utils.progress import RunContext
from tgvig_ui.parts.json_files import read_value, write_json

State = Literal["queued", "running", "stopping", "done", "stopped", "failed"]
ACTIVE = ("queued", "running", "stopping")
BUSY = "This part is still being worked on: wait for it, or press Stop."
FILE = "job.json"


@pydantic.dataclasses.dataclass(frozen=True)
class JobRecord:
    """A part's latest job as job.json keeps it, so that a server that ended leaves it to the next one.

    Attributes:
        arguments: plain values, see jobs/arguments.py for each kind's. message: once it has ended.
    """

    kind: str
    state: State
    arguments: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def active(self) -> bool:
        """Whether it still holds or waits for the worker."""
        return self.state in ACTIVE

    def keep(self, folder: Path) -> None:
        """Write it to the part's folder."""
        with contextlib.suppress(OSError):  # a full disk: a job that writes more will say so
            write_json(folder / FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> JobRecord | None:
        """A part's; None where it has none, or what is there is no job."""
        return read_value(cls, folder / FILE)


@dataclass(frozen=True)
class Status:
    """Where a part's latest job stands.

    Attributes:
        kind: rank, generate, train, inspect, check, export or complete (generate and train).
        state: queued, running, stopping, done, stopped or failed.
        step, done, total: what is being done, in plain words and units.
        place: 0 for the running job, else how many are before it.
        seconds: since it began to run.
        left: estimated seconds to go, None where nothing is known yet.
        message: what the person should know: an error with its remedy, a change of plan.
        iterating: whether it can be asked to end after the running iteration.
    """

    kind: str
    state: str
    step: str = ""
    done: int = 0
    total: int = 0
    place: int = 0
    seconds: float = 0.0
    left: float | None = None
    message: str = ""
    iterating: bool = False

    @property
    def busy(self) -> bool:
        """Whether it still holds or waits for the worker."""
        return self.state in ACTIVE


@dataclass
class Watch:
    """What a job reports to and looks at; `finish` asks it to end after the running iteration.

    Attributes:
        plan: what it will do next because a person asked for it.
        notes: what stays true of it when it has ended.
        iterating: whether it makes iterations just now.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    finish: threading.Event = field(default_factory=threading.Event)
    step: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None
    plan: str = ""
    notes: list[str] = field(default_factory=list)
    iterating: bool = False
    began: float = 0.0

    def progress(self, step: str, done: int, total: int) -> None:
        """The Progress callback of tgvig_core."""
        self.step, self.done, self.total = step, done, total

    @property
    def ctx(self) -> RunContext:
        """What the core's long steps are handed."""
        return RunContext(self.progress, self.stop)

    def note(self, text: str) -> None:
        """Keep a sentence with the job; what was said before is not said again."""
        if text not in self.notes:
            self.notes.append(text)

    def said(self, sentence: str) -> str:
        """A sentence and the notes."""
        return " ".join(filter(None, [sentence, *self.notes]))


class Noting(logging.Handler):
    """What the core says during a job, kept with the job; other threads' words are not this job's."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self.watch, self.thread_id = watch, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread_id:
            self.watch.note(record.getMessage())
