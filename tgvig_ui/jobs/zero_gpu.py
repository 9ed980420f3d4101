"""ZeroGPU of Hugging Face Spaces: one iteration of a generation at a time, on a GPU that is lent for some seconds.

`spaces.GPU` counts a GPU's seconds for the visitor in whose event it is called; a thread of the server's own has none. So
a page keeps an event open while its part's generation waits or runs (`Lender.lend`), the worker hands every iteration
over to that event (`Lender.call`) and waits for it. Whatever cannot be made so the worker makes itself, on the processor.
"""

from __future__ import annotations

import functools
import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tgvig_core.utils.errors import Stopped
from tgvig_ui.jobs.job import Watch
from tgvig_ui.parts.part import Part

try:
    import spaces
except ImportError:  # only a Space has it for certain
    spaces = None

if TYPE_CHECKING:
    from tgvig_core.runs.work import Work

ACTIVE = spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
PATIENCE = 5.0
"""Seconds that the worker waits for the page's event, which begins after the job does."""
LOADING, LEAST, MOST = 15, 20, 120
"""Seconds: for the models, and the fewest and most that are asked for. A visitor without an account has 120 a day."""
NO_TIME = "Your time on the shared GPU is used up for now."
NO_ANSWER = "The shared GPU could not be had, or gave up."
NOBODY = "The shared GPU is lent only while the page is open."
SLOWER = "The rest is made on the processor, which takes longer."
LATER = "What is finished is kept: press Continue later. These models would take hours on the processor."


def seconds(folder: str, number: int, models_dir: str = "") -> int:
    """What one iteration may take on a GPU; takes what `iterate` takes."""
    from tgvig_core.runs.estimates import rough_speed
    from tgvig_core.runs.work import read_run

    settings = read_run(Part(Path(folder)).generation(number))[1].settings
    speed = rough_speed(settings.pack, "cuda")
    one = speed.of_iteration(settings.generating, len(settings.photos), settings.integrating.update)
    return round(min(max(LOADING + 2 * one, LEAST), MOST))


def _on_gpu(function: Callable) -> Callable:
    """Without ZeroGPU `spaces.GPU` gives the function back as it is."""
    return spaces.GPU(duration=seconds)(function) if spaces else function


@_on_gpu
def iterate(folder: str, number: int, models_dir: str = "") -> int:
    """Exactly one iteration of a generation, left on disk; returns how many there are now.

    ZeroGPU runs it in a process that is forked for it: it is given plain values and returns one.

    Args:
        folder: the part's. number: the generation's. models_dir: files brought by hand, empty for none.
    """
    import torch

    from tgvig_core.runs.steps.generate import generate_sets

    torch.set_num_threads(1)  # OpenMP's threads do not outlive a fork, and a loop that waits for them never ends
    watch = Watch()
    watch.finish.set()  # ends after one iteration
    work = _service(models_dir).open_run(Part(Path(folder)), number, watch)
    generate_sets(work, work.settings.prompt)
    return len(work.run.iterations())


@functools.lru_cache(maxsize=1)
def _service(models_dir: str):
    """The models of the process that has the GPU, which is asked again while it is warm."""
    from tgvig_ui.jobs.service import Options, Service

    return Service(Options("auto", Path(models_dir) if models_dir else None, "auto"))


class NobodyLooks(Exception):
    """No page shows this part just now, so nobody lends a GPU's time to it."""


class Lender:
    """Hands calls of the worker's thread to the visitor's event that waits for them."""

    def __init__(self) -> None:
        self._open: dict[Path, SimpleQueue] = {}
        self._changed = threading.Condition()

    def lend(self, folder: Path, busy: Callable[[], bool]) -> None:
        """Make the worker's calls for a part, here in the visitor's own event, while its job waits or runs.

        Ends as soon as a newer event lends to the same part, which then makes the calls that are left.
        """
        calls: SimpleQueue = SimpleQueue()
        with self._changed:
            self._open[folder] = calls
            self._changed.notify_all()
        try:
            while busy() and self._open.get(folder) is calls:
                try:
                    calls.get(timeout=0.5)()
                except Empty:
                    continue
        finally:
            with self._changed:
                if self._open.get(folder) is calls:
                    del self._open[folder]
                newer = self._open.get(folder)
                while not calls.empty():
                    made = calls.get()
                    newer.put(made) if newer else made(given_up=True)

    def call(self, folder: Path, function: Callable, *arguments):
        """What the function returns in the event of whoever looks at the part.

        Raises:
            NobodyLooks: there is no such event. Whatever the function raises.
        """
        future: Future = Future()

        def made(given_up: bool = False) -> None:
            try:
                if given_up:
                    raise NobodyLooks
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)

        with self._changed:
            if not self._changed.wait_for(lambda: folder in self._open, PATIENCE):
                raise NobodyLooks
            self._open[folder].put(made)
        return future.result()


def borrow(lender: Lender, work: Work, part: Part, number: int, watch: Watch) -> bool:
    """Make iterations on the GPU of whoever looks at the part; returns whether no more are wanted.

    Raises:
        Stopped: a person pressed Stop, which acts between two iterations here; or the GPU is not to be had and these
            models are too slow without one.
    """
    wanted, models = work.settings.integrating.iterations, work.settings.models_dir or ""
    while (done := len(work.run.iterations())) < wanted:
        watch.ctx.check()
        work.ctx.progress(f"Iteration {done + 1} of {wanted}, on the shared GPU", 0, 0)
        try:
            lender.call(part.folder, iterate, str(part.folder), number, models)
        except Exception as error:  # gradio's, ZeroGPU's, that of the process with the GPU, or NobodyLooks
            _without(error, work.settings.pack, watch)
            return False
        if watch.finish.is_set():
            return True
    return True


def _without(error: Exception, pack: str, watch: Watch) -> None:
    """Tell why it goes on without a GPU, or that it does not."""
    said = f"{getattr(error, 'title', '')} {error}".lower()
    why = NOBODY if isinstance(error, NobodyLooks) else NO_TIME if "quota" in said else NO_ANSWER
    if why == NO_ANSWER:  # the page need not know, the server's log should
        traceback.print_exception(error)
    watch.note(f"{why} {SLOWER if pack == 'embedded' else LATER}")
    if pack != "embedded":
        raise Stopped from error
