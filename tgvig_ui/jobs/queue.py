"""One worker for all heavy jobs: a queue that people can see, a Stop that acts, and jobs that outlive tab and server."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tgvig_core.utils.atomic_write import is_draft, remove
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.memory import NOTES, free, is_short
from tgvig_core.utils.progress import RunContext
from tgvig_ui.parts.store import Store, read_json, write_json
from tgvig_ui.security.visitors import Limits

Work = Callable[[Path, dict, "Watch"], None]
"""A kind of job: called with the part's folder, its arguments and the watch."""
ACTIVE = ("queued", "running", "stopping")
BUSY = "This part is still being worked on: wait for it, or press Stop."


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


class _Noting(logging.Handler):
    """What the core says during a job, kept with the job; other threads' words are not this job's."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self.watch, self.thread_id = watch, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread_id:
            self.watch.note(record.getMessage())


@dataclass
class _Job:
    folder: Path
    kind: str
    arguments: dict
    visitor: str = ""
    state: str = "queued"
    message: str = ""  # once it has ended
    watch: Watch = field(default_factory=Watch)


class Executor:
    """Runs jobs one after the other in a thread of its own.

    A part has one job at a time. Its last job stays in `job.json`; one that was waiting or running when the server ended
    is queued again by `recover`.

    Args:
        limits: how many jobs may wait or run, None for any number.
    """

    def __init__(self, work: Mapping[str, Work], limits: Limits | None = None) -> None:
        self.work, self.limits = dict(work), limits
        self._jobs: dict[Path, _Job] = {}
        self._waiting: list[_Job] = []
        self._running: _Job | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="tgvig-worker", daemon=True)
        self._thread.start()

    def submit(self, folder: Path, kind: str, arguments: dict | None = None, visitor: str = "") -> None:
        """Queue a job.

        Args:
            visitor: who asks for it, as `public.visitor` tells.

        Raises:
            TgvigError: the part has a job already, or there are as many as the limits allow.
        """
        with self._changed:
            if self._active(folder):
                raise TgvigError(BUSY)
            if self.limits:
                others = [job.visitor for job in self._jobs.values() if job.state in ACTIVE]
                self.limits.check_queue(len(others), others.count(visitor))
            self._queue(_Job(folder, kind, arguments or {}, visitor))

    def without_job(self, folder: Path, then: Callable[[], None]) -> bool:
        """Do something quick to a part unless a job of it waits or runs; none can begin meanwhile. Returns whether."""
        with self._changed:
            if self._active(folder):
                return False
            self._jobs.pop(folder, None)
            then()
            return True

    def _active(self, folder: Path) -> bool:
        held = self._jobs.get(folder)
        return bool(held and held.state in ACTIVE)

    def _queue(self, job: _Job) -> None:
        self._jobs[job.folder] = job
        self._waiting.append(job)
        self._keep(job)
        self._changed.notify_all()

    def status(self, folder: Path) -> Status | None:
        """The part's latest job, None where it never had one."""
        with self._changed:
            job = self._jobs.get(folder)
            if job is None:
                held = read_json(folder / "job.json")
                return Status(held["kind"], held["state"], message=held.get("message", "")) if held else None
            watch = job.watch
            place = self._waiting.index(job) + bool(self._running) if job in self._waiting else 0
            seconds = time.monotonic() - watch.began if watch.began else 0.0
            message = watch.said(watch.plan) if job.state in ACTIVE else job.message
            iterating = watch.iterating and not watch.finish.is_set()
            return Status(
                job.kind, job.state, watch.step, watch.done, watch.total, place, seconds, watch.left, message, iterating
            )

    def stop(self, folder: Path, finish: bool = False) -> None:
        """Stop a part's job within a batch, or (finish) after the running iteration; a waiting one leaves the queue."""
        with self._changed:
            job = self._jobs.get(folder)
            if job is None:
                return
            if job in self._waiting:
                self._waiting.remove(job)
                self._end(job, "stopped", "Taken out of the queue.")
            elif job.state == "running":
                (job.watch.finish if finish else job.watch.stop).set()
                job.state = "running" if finish else "stopping"
                job.watch.plan = "Ends after this iteration." if finish else "Stopping…"

    def recover(self, store: Store) -> int:
        """Queue again what a server that ended had not finished, remove what it was just writing; returns how many jobs."""
        files = sorted(store.root.glob("*/job.json"), key=lambda path: path.stat().st_mtime)
        held = [(file.parent, job) for file in files if (job := read_json(file)) and job["kind"] in self.work]
        left = [entry for entry in held if entry[1]["state"] in ACTIVE]
        left.sort(key=lambda entry: entry[1]["state"] == "queued")  # what ran comes first again
        for draft in [path for folder, _ in left for path in folder.rglob("*") if is_draft(path)]:
            with contextlib.suppress(OSError):  # a disk that may not be written to
                remove(draft)
        with self._changed:
            for folder, job in left:
                self._queue(_Job(folder, job["kind"], job["arguments"]))
        return len(left)

    def close(self) -> None:
        """Stop what runs and end the thread; waiting jobs stay on disk for `recover`."""
        with self._changed:
            self._closed = True
            if self._running:
                self._running.watch.stop.set()
            self._changed.notify_all()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._running = self._waiting.pop(0)
                job.state, job.watch.began = "running", time.monotonic()
                self._keep(job)
            state, message = self._do(job)
            with self._changed:
                self._running = None
                if not (self._closed and state == "stopped"):  # a server that ends leaves its job to the next one
                    self._end(job, state, message)

    def _do(self, job: _Job) -> tuple[str, str]:
        """Run one job; whatever happens becomes a state and a sentence."""
        noting = _Noting(job.watch)
        NOTES.addHandler(noting)
        try:
            self.work[job.kind](job.folder, job.arguments, job.watch)
            return "done", job.watch.said("")
        except Stopped:
            return "stopped", job.watch.said("Stopped. What was finished is kept.")
        except TgvigError as error:
            return "failed", job.watch.said(str(error))
        except Exception as error:
            traceback.print_exc()
            return "failed", job.watch.said(_unforeseen(error))
        finally:
            NOTES.removeHandler(noting)
            # a GPU that has failed fails here again, and this thread has to live on
            with contextlib.suppress(Exception):
                free()

    def _end(self, job: _Job, state: str, message: str) -> None:
        job.state, job.message, job.watch.left = state, message, None
        self._keep(job)

    @staticmethod
    def _keep(job: _Job) -> None:
        with contextlib.suppress(OSError):  # a full disk: a job that writes more will say so
            held = {"kind": job.kind, "arguments": job.arguments, "state": job.state, "message": job.message}
            write_json(job.folder / "job.json", held)


def disk_failed(error: OSError) -> str:
    """A sentence for a full disk, or a folder that may not be read or written."""
    return f"The server could not read or write a file ({error.strerror or error}): check its disk and try again."


def _unforeseen(error: Exception) -> str:
    """A sentence for what no part of the job has put into words itself."""
    if is_short(error):
        return "There is not enough memory for this: close other programs, or ask for fewer images."
    if isinstance(error, OSError):
        return disk_failed(error)
    return f"Something went wrong that should not have ({type(error).__name__}): see the server's log."
