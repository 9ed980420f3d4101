"""ZeroGPU without its hardware: who makes an iteration, what crosses over to the other process, what happens without time.

The package `spaces` is the real one; outside ZeroGPU its decorator gives the function back. A stand-in takes its place
where a call must leave the process: it pickles what it is given, as ZeroGPU does, and runs it in a process of its own.
"""

import json
import multiprocessing
import pickle
import threading
import time
from types import SimpleNamespace

import gradio as gr
import pytest
import spaces
import torch
from made_generations import Held, add_set, generation
from photos import normals
from served import soon

from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import RunContext
from tgvig_ui import launch
from tgvig_ui.jobs import zero_gpu
from tgvig_ui.jobs.begin_generations import Asked, begin
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.server import Server
from tgvig_ui.jobs.service import Options
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.jobs.zero_gpu import LATER, NO_ANSWER, NO_TIME, NOBODY, SLOWER, Lender, NobodyLooks, borrow
from tgvig_ui.launch import make
from tgvig_ui.page import assemble
from tgvig_ui.parts.generations import similarity

PATIENCE = 600


@pytest.fixture
def lender() -> Lender:
    return Lender()


@pytest.fixture
def lending(lender, tmp_path):
    """A visitor's event that lends its time to a part until `over` is set."""
    over = threading.Event()
    thread = threading.Thread(target=lender.lend, args=(tmp_path, lambda: not over.is_set()), name="event")
    thread.start()
    yield SimpleNamespace(folder=tmp_path, over=over, thread=thread)
    over.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_call_is_made_in_the_visitors_event_and_its_value_comes_back(lender, lending):
    assert lender.call(lending.folder, lambda *given: (threading.current_thread().name, given), 1, "a") == (
        "event",
        (1, "a"),
    )


def test_what_the_call_raises_reaches_the_worker_and_the_event_goes_on(lender, lending):
    with pytest.raises(ZeroDivisionError):
        lender.call(lending.folder, lambda: 1 / 0)
    assert lender.call(lending.folder, lambda: 7) == 7


def test_nobody_lends_to_a_part_that_no_page_shows(lender, lending, tmp_path, monkeypatch):
    monkeypatch.setattr(zero_gpu, "PATIENCE", 0.01)
    with pytest.raises(NobodyLooks):
        lender.call(tmp_path / "other", lambda: 7)
    lending.over.set()
    lending.thread.join(PATIENCE)
    with pytest.raises(NobodyLooks):
        lender.call(lending.folder, lambda: 7)


def test_the_worker_waits_a_moment_for_the_page(lender, tmp_path, monkeypatch):
    monkeypatch.setattr(zero_gpu, "PATIENCE", PATIENCE)
    over, found = threading.Event(), []
    worker = threading.Thread(target=lambda: found.append(lender.call(tmp_path, lambda: 7)))
    worker.start()
    time.sleep(0.1)
    event = threading.Thread(target=lender.lend, args=(tmp_path, lambda: not over.is_set()))
    event.start()
    worker.join(PATIENCE)
    over.set()
    event.join(PATIENCE)
    assert found == [7]


class Answers(list):
    """A lender that writes down what it was asked for and answers with what it was given."""

    def __init__(self, run, answers) -> None:
        super().__init__()
        self.run, self.answers = run, list(answers)

    def call(self, folder, function, *arguments) -> int:
        self.append((folder, function, arguments))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        add_set(self.run, answer)
        return len(self.run.iterations())


@pytest.fixture
def held(tmp_path):
    made = Held(tmp_path)
    yield made
    made.close()


def borrowing(held, *answers, pack: str = "embedded", finish: bool = False):
    """What borrowing for a generation of three iterations comes to: the lender, the watch, and its answer."""
    part, watch, steps = held.part(), Watch(), []
    run = generation(part, 1, wanted=3)
    settings = SimpleNamespace(integrating=SimpleNamespace(iterations=3), models_dir=None, pack=pack)
    work = SimpleNamespace(run=run, settings=settings, ctx=RunContext(lambda *step: steps.append(step[0])))
    if finish:
        watch.finish.set()
    asked = Answers(run, answers)
    return asked, watch, steps, lambda: borrow(asked, work, part, 1, watch)


def test_every_iteration_is_a_call_of_its_own_with_plain_arguments(held):
    asked, watch, steps, go = borrowing(held, 0.1, 0.2, 0.3)
    assert go() is True and watch.notes == []
    assert [function for _, function, _ in asked] == [zero_gpu.iterate] * 3
    assert steps == [f"Iteration {k} of 3, on the shared GPU" for k in (1, 2, 3)]
    for folder, _, arguments in asked:
        assert arguments == (str(folder), 1, "") and pickle.loads(pickle.dumps(arguments)) == arguments


QUOTA = gr.Error(
    "You have exceeded your free ZeroGPU quota (60s requested vs. 12s left).", title="ZeroGPU quota exceeded"
)
ABORTED = gr.Error("GPU task aborted", title="ZeroGPU worker error")


@pytest.mark.parametrize(("error", "why"), [(QUOTA, NO_TIME), (ABORTED, NO_ANSWER), (NobodyLooks(), NOBODY)])
def test_without_a_gpu_the_small_models_go_on_here_and_say_why(held, error, why):
    asked, watch, _, go = borrowing(held, 0.1, error)
    assert go() is False and len(asked) == 2
    assert watch.notes == [f"{why} {SLOWER}"]


@pytest.mark.parametrize(("error", "why"), [(QUOTA, NO_TIME), (NobodyLooks(), NOBODY)])
def test_large_models_stop_with_what_is_finished_kept(held, error, why):
    asked, watch, _, go = borrowing(held, 0.1, error, pack="paper")
    with pytest.raises(Stopped):
        go()
    assert watch.notes == [f"{why} {LATER}"] and len(asked.run.iterations()) == 1


def test_stop_and_finish_act_between_two_iterations(held):
    asked, watch, _, go = borrowing(held, 0.1, 0.2, 0.3, finish=True)
    assert go() is True and len(asked.run.iterations()) == 1
    watch.stop.set()
    with pytest.raises(Stopped):
        go()
    assert len(asked.run.iterations()) == 1


def test_a_finished_generation_asks_for_no_gpu(held):
    asked, _, _, go = borrowing(held)
    for value in (0.1, 0.2, 0.3):
        add_set(asked.run, value)
    assert go() is True and asked == []


def test_the_real_package_leaves_the_function_as_it_is_where_there_is_no_zerogpu():
    assert not zero_gpu.ACTIVE and not spaces.config.Config.zero_gpu
    assert zero_gpu.iterate.__module__ == "tgvig_ui.jobs.zero_gpu" and not hasattr(zero_gpu.iterate, "zerogpu")
    assert pickle.loads(pickle.dumps(zero_gpu.iterate)) is zero_gpu.iterate


def test_on_zerogpu_all_else_runs_on_the_processor(monkeypatch, tmp_path):
    assert launch._options("auto", None, "auto") == Options("auto")
    monkeypatch.setattr(zero_gpu, "ACTIVE", True)
    assert launch._options("auto", None, "auto") == Options("embedded", None, "cpu")
    assert launch._options("paper", None, "auto") == Options("paper", None, "cpu")
    server = make(tmp_path / "parts", Options("embedded", device="cpu"), local=False)
    assert isinstance(server.lender, Lender)
    server.executor.close()


def test_an_event_of_another_job_than_a_generation_lends_nothing(held):
    server = Server(held.server.store, None, held.server.executor, held.server.samples, False, lender=Lender())
    part = held.part()
    server.submit(part, "rank")
    server.lend(part.id)  # comes back at once
    server.lend("")


# --- with the real models ---


class Process:
    """In ZeroGPU's place: pickled arguments, a process of its own, some calls and then no time left."""

    def __init__(self, calls: int) -> None:
        self.left, self.asked = calls, []

    def __call__(self, *arguments) -> int:
        self.asked.append((threading.current_thread().name, zero_gpu.seconds(*arguments)))
        if not self.left:
            raise QUOTA
        self.left -= 1
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(there, (pickle.dumps(arguments),))


def there(arguments: bytes) -> int:
    """In the other process."""
    return zero_gpu.iterate(*pickle.loads(arguments))


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A server that believes it has ZeroGPU, and a part that is ready to generate; on one thread, as `iterate` is."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(zero_gpu, "ACTIVE", True)
    monkeypatch.setattr(zero_gpu, "PATIENCE", PATIENCE)
    server = make(tmp_path / "parts", Options("embedded", device="cpu"), local=False)
    part = server.store.new()
    part.add_photos(normals("bottle", 1))
    part.choose(object_name="bottle", prompt="a bottle")
    yield server, part
    server.executor.close()
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_an_iteration_of_another_process_is_gone_on_with_here_and_gives_the_same_set(real, monkeypatch):
    server, part = real
    process = Process(calls=1)
    monkeypatch.setattr(zero_gpu, "iterate", process)
    begin(server, part, ["a bottle"], Asked(images=2, iterations=2), "generate")
    event = threading.Thread(target=server.lend, args=(part.id,), name="event")
    event.start()
    soon(lambda: not server.busy(part), 1200, "the end of the generation")
    event.join(PATIENCE)
    assert not event.is_alive()
    status = server.status(part)
    assert (status.state, status.message) == ("done", f"{NO_TIME} {SLOWER}")
    assert process.asked == [("event", 20)] * 2  # both in the visitor's event, and for the least time
    assert len(similarity(part, 1)) == 2 and part.choices.chosen_set

    monkeypatch.setattr(zero_gpu, "PATIENCE", 0.0)
    begin(server, part, ["a bottle"], Asked(images=2, iterations=1), "generate")  # nobody lends: it is made here
    soon(lambda: not server.busy(part), 1200, "the end of the generation")
    assert similarity(part, 2) == pytest.approx(similarity(part, 1)[:1], abs=1e-6)
    assert json.loads((part.folder / "job.json").read_text())["message"] == f"{NOBODY} {SLOWER}"


def test_without_zerogpu_a_worker_asks_nobody(tmp_path):
    assert Jobs(SimpleNamespace()).lender is None
    server = make(tmp_path / "parts", Options("embedded", device="cpu"), local=True)
    assert server.lender is None
    server.lend("0" * 12)
    server.executor.close()


def test_the_page_keeps_an_event_of_the_queue_open_after_start_continue_and_a_refresh(tmp_path, monkeypatch):
    for active, count in ((False, 0), (True, 3)):
        monkeypatch.setattr(zero_gpu, "ACTIVE", active)
        server = make(tmp_path / f"parts{count}", Options("embedded", device="cpu"), local=False)
        lending = [fn for fn in assemble.build(server).fns.values() if fn.name == "lend"]
        assert len(lending) == count and all(fn.queue and fn.concurrency_limit is None for fn in lending)
        server.executor.close()


def test_an_event_ends_when_a_newer_one_lends_to_the_same_part_and_leaves_its_calls_to_it(lender, tmp_path):
    begun, go, over = threading.Event(), threading.Event(), threading.Event()

    def lend(name: str) -> threading.Thread:
        event = threading.Thread(target=lender.lend, args=(tmp_path, lambda: not over.is_set()), name=name, daemon=True)
        event.start()
        return event

    def slow() -> str:
        begun.set()
        go.wait(PATIENCE)
        return threading.current_thread().name

    def call(function) -> threading.Thread:
        worker = threading.Thread(target=lambda: found.append(lender.call(tmp_path, function)), daemon=True)
        worker.start()
        return worker

    found: list[str] = []
    older = lend("older")
    workers = [call(slow)]
    assert begun.wait(PATIENCE)
    queue = lender._open[tmp_path]
    workers.append(call(lambda: threading.current_thread().name))  # waits behind the slow one
    deadline = time.monotonic() + PATIENCE
    while queue.empty():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    newer = lend("newer")
    while lender._open[tmp_path] is queue:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    go.set()
    older.join(PATIENCE)
    for worker in workers:
        worker.join(PATIENCE)
    assert not older.is_alive() and newer.is_alive()
    assert sorted(found) == ["newer", "older"]
    over.set()
    newer.join(PATIENCE)
    assert not newer.is_alive() and lender._open == {}
