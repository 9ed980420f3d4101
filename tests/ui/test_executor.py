"""The queue of jobs: order and place, Stop and finish, what people read after a failure, jobs that outlive the server."""

import json
import re
import threading
import time

import pytest

from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.memory import in_parts
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.parts.store import Store

PATIENCE = 600


class Jobs:
    """A kind of job that waits for a word, and kinds that fail."""

    def __init__(self) -> None:
        self.go, self.order = threading.Semaphore(0), []

    @property
    def work(self) -> dict:
        kinds = (self.wait, self.refuse, self.crash, self.full, self.cuda, self.cpu, self.halve)
        return {kind.__name__: kind for kind in kinds}

    def wait(self, folder, arguments, watch) -> None:
        self.order.append(arguments.get("name"))
        watch.iterating = True
        watch.progress("Waiting", 1, 4)
        while not self.go.acquire(timeout=0.01):
            if watch.stop.is_set():
                raise Stopped
            if watch.finish.is_set():
                return

    def refuse(self, folder, arguments, watch) -> None:
        raise TgvigError("The photos have changed: start a new one.")

    def crash(self, folder, arguments, watch) -> None:
        raise ZeroDivisionError("secret inside")

    def full(self, folder, arguments, watch) -> None:
        raise MemoryError

    def cuda(self, folder, arguments, watch) -> None:
        raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")  # torch's own, told by its name

    def cpu(self, folder, arguments, watch) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    def halve(self, folder, arguments, watch) -> None:
        def work(batch: list) -> int:
            if len(batch) > 1:
                raise MemoryError
            return len(batch)

        for _ in range(2):
            in_parts(work, [1, 2, 3], "making images")
        other = threading.Thread(target=lambda: in_parts(work, [1, 2], "warming up"))
        other.start()
        other.join()
        watch.progress("Another step", 0, 1)
        self.wait(folder, arguments, watch)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def parts(tmp_path) -> Store:
    return Store(tmp_path / "parts")


@pytest.fixture
def executor(jobs):
    made = Executor(jobs.work)
    yield made
    made.close()


def until(what) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def state(executor: Executor, part) -> str:
    return executor.status(part.folder).state


def kept(part) -> dict:
    return json.loads((part.folder / "job.json").read_text())


def test_jobs_run_in_the_order_they_came_and_their_places_are_told(executor, jobs, parts):
    three = [parts.new() for _ in range(3)]
    for name, part in enumerate(three):
        executor.submit(part.folder, "wait", {"name": name})
    until(lambda: state(executor, three[0]) == "running")
    assert [executor.status(part.folder).place for part in three] == [0, 1, 2]
    assert [state(executor, part) for part in three] == ["running", "queued", "queued"]
    jobs.go.release()
    until(lambda: state(executor, three[1]) == "running")
    assert executor.status(three[2].folder).place == 1
    jobs.go.release(2)
    until(lambda: state(executor, three[2]) == "done")
    assert jobs.order == [0, 1, 2]


def test_a_running_job_tells_its_step_and_time(executor, parts):
    part = parts.new()
    executor.submit(part.folder, "wait")
    until(lambda: executor.status(part.folder).step == "Waiting")
    status = executor.status(part.folder)
    assert (status.done, status.total, status.busy) == (1, 4, True) and status.seconds > 0


def test_a_part_without_a_job_has_no_status_and_stop_does_nothing(executor, parts):
    part = parts.new()
    executor.stop(part.folder)
    assert executor.status(part.folder) is None


def test_a_part_has_one_job_at_a_time_and_another_after_it(executor, jobs, parts):
    part = parts.new()
    executor.submit(part.folder, "wait")
    with pytest.raises(TgvigError, match="press Stop"):
        executor.submit(part.folder, "wait")
    jobs.go.release(2)
    until(lambda: state(executor, part) == "done")
    executor.submit(part.folder, "wait")
    until(lambda: state(executor, part) == "done" and len(jobs.order) == 2)


def test_stop_takes_a_waiting_job_out_of_the_queue(executor, jobs, parts):
    running, waiting = parts.new(), parts.new()
    executor.submit(running.folder, "wait", {"name": "first"})
    executor.submit(waiting.folder, "wait", {"name": "second"})
    executor.stop(waiting.folder)
    assert state(executor, waiting) == "stopped" == kept(waiting)["state"]
    jobs.go.release(2)
    until(lambda: state(executor, running) == "done")
    assert jobs.order == ["first"]


def test_stop_ends_a_running_job_and_the_next_one_begins(executor, parts):
    running, waiting = parts.new(), parts.new()
    executor.submit(running.folder, "wait")
    executor.submit(waiting.folder, "wait")
    until(lambda: state(executor, running) == "running")
    executor.stop(running.folder)
    until(lambda: state(executor, running) == "stopped")
    assert executor.status(running.folder).message == "Stopped. What was finished is kept."
    until(lambda: state(executor, waiting) == "running")


def test_finish_lets_the_running_iteration_end_and_the_plan_is_gone_with_it(executor, parts):
    part = parts.new()
    executor.submit(part.folder, "wait")
    until(lambda: executor.status(part.folder).iterating)
    executor.stop(part.folder, finish=True)
    until(lambda: state(executor, part) == "done")
    assert executor.status(part.folder).message == "" == kept(part)["message"]


def test_a_plan_is_told_while_it_is_one_and_finish_is_offered_once(executor, jobs, parts, monkeypatch):
    part, ended = parts.new(), threading.Event()
    monkeypatch.setitem(
        executor.work, "wait", lambda *given: (setattr(given[2], "iterating", True), ended.wait(PATIENCE))
    )
    executor.submit(part.folder, "wait")
    until(lambda: executor.status(part.folder).iterating)
    executor.stop(part.folder, finish=True)
    status = executor.status(part.folder)
    assert (status.message, status.iterating) == ("Ends after this iteration.", False)
    ended.set()


@pytest.mark.parametrize("end", ["done", "stopped"])
def test_a_note_of_short_memory_outlives_the_next_step_and_the_job(executor, jobs, parts, end):
    part = parts.new()
    executor.submit(part.folder, "halve")
    until(lambda: executor.status(part.folder).step == "Waiting")
    said = "Memory was short: making images 2 at a time. Memory was short: making images 1 at a time."
    assert executor.status(part.folder).message == said
    jobs.go.release() if end == "done" else executor.stop(part.folder)
    until(lambda: state(executor, part) == end)
    assert kept(part)["message"].endswith(said) and "warming up" not in kept(part)["message"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("refuse", "The photos have changed: start a new one."),
        ("full", "not enough memory"),
        ("cuda", "not enough memory"),
        ("cpu", "not enough memory"),
        ("crash", r"ZeroDivisionError.*server's log"),
    ],
)
def test_a_failure_is_a_sentence_and_the_worker_goes_on(executor, jobs, parts, kind, words):
    failing, next_ = parts.new(), parts.new()
    executor.submit(failing.folder, kind)
    until(lambda: state(executor, failing) == "failed")
    message = executor.status(failing.folder).message
    assert re.search(words, message)
    assert message == kept(failing)["message"] and "secret" not in message and "\n" not in message
    jobs.go.release()
    executor.submit(next_.folder, "wait")
    until(lambda: state(executor, next_) == "done")


def test_close_leaves_running_and_waiting_jobs_to_the_next_server(jobs, parts):
    old, two = Executor(jobs.work), [parts.new(), parts.new()]
    for name, part in enumerate(two):
        old.submit(part.folder, "wait", {"name": name})
    until(lambda: state(old, two[0]) == "running")
    old.close()
    assert [kept(part)["state"] for part in two] == ["running", "queued"]
    new = Executor(jobs.work)
    assert new.recover(parts) == 2
    jobs.go.release(2)
    until(lambda: state(new, two[1]) == "done")
    assert jobs.order == [0, 0, 1] and [kept(part)["state"] for part in two] == ["done", "done"]
    new.close()


@pytest.mark.parametrize("state_", ["queued", "running", "stopping"])
def test_a_killed_servers_job_runs_again_with_its_arguments(executor, jobs, parts, state_):
    part = parts.new()
    job = {"kind": "wait", "arguments": {"name": "again"}, "state": state_, "message": ""}
    (part.folder / "job.json").write_text(json.dumps(job))
    draft = f".{'0' * 32}.part"  # it died while it wrote another state, or a map
    halves = [part.folder / f"{draft}.json", part.folder / "generations/1/inspect/maps" / f"{draft}.npy"]
    for half in halves:
        half.parent.mkdir(parents=True, exist_ok=True)
        half.touch()
    assert executor.recover(parts) == 1 and not any(half.exists() for half in halves)
    jobs.go.release()
    until(lambda: state(executor, part) == "done")
    assert jobs.order == ["again"]


def test_ended_and_broken_jobs_are_not_run_again_but_still_told(executor, jobs, parts):
    failed, broken = parts.new(), parts.new()
    job = {"kind": "wait", "arguments": {}, "state": "failed", "message": "No."}
    (failed.folder / "job.json").write_text(json.dumps(job))
    (broken.folder / "job.json").write_text('{"kind": "wa')
    assert executor.recover(parts) == 0 and jobs.order == []
    assert (state(executor, failed), executor.status(failed.folder).message) == ("failed", "No.")
    assert executor.status(broken.folder) is None
