"""One worker for all heavy jobs: a queue that people can see, a Stop that acts, and jobs that outlive tab and server."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tgvig_core.utils.atomic_write import is_draft, remove
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.memory import NOTES, free, is_short
from tgvig_ui.jobs.job import ACTIVE, BUSY, FILE, JobRecord, Noting, State, Status, Watch
from tgvig_ui.parts.store import Store
from tgvig_ui.security.visitors import Limits

Work = Callable[[Path, Mapping[str, Any], Watch], None]
"""A kind of job: called with the part's folder, its arguments and the watch."""


@dataclass
class _Job:
    folder: Path
    kind: str
    arguments: Mapping[str, Any]
    visitor: str = ""
    state: State = "queued"
    message: str = ""  # once it has ended
    watch: Watch = field(default_factory=Watch)

    def keep(self) -> None:
        """Leave what it is and where it stands with its part."""
        JobRecord(self.kind, self.state, self.arguments, self.message).keep(self.folder)


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

    def submit(self, folder: Path, kind: str, arguments: Mapping[str, Any] | None = None, visitor: str = "") -> None:
        """Queue a job.

        Args:
            visitor: who asks for it, as security.visitors.visitor tells.

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
        job.keep()
        self._changed.notify_all()

    def status(self, folder: Path) -> Status | None:
        """The part's latest job, None where it never had one."""
        with self._changed:
            job = self._jobs.get(folder)
            if job is None:
                held = JobRecord.read(folder)
                return Status(held.kind, held.state, message=held.message) if held else None
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
        files = sorted(store.root.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime)
        held = [(file.parent, job) for file in files if (job := JobRecord.read(file.parent)) and job.kind in self.work]
        left = [(folder, job) for folder, job in held if job.active]
        left.sort(key=lambda entry: entry[1].state == "queued")  # what ran comes first again
        for draft in [path for folder, _ in left for path in folder.rglob("*") if is_draft(path)]:
            with contextlib.suppress(OSError):  # a disk that may not be written to
                remove(draft)
        with self._changed:
            for folder, job in left:
                self._queue(_Job(folder, job.kind, job.arguments))
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
                job.keep()
            state, message = self._do(job)
            with self._changed:
                self._running = None
                if not (self._closed and state == "stopped"):  # a server that ends leaves its job to the next one
                    self._end(job, state, message)

    def _do(self, job: _Job) -> tuple[State, str]:
        """Run one job; whatever happens becomes a state and a sentence."""
        noting = Noting(job.watch)
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

    def _end(self, job: _Job, state: State, message: str) -> None:
        job.state, job.message, job.watch.left = state, message, None
        job.keep()


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
