"""A clock that is set back, two processes on one run, and memory that runs out."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode

from tests.robustness.disk import REFUSED, WENT_ON, finished, half_done, row
from tests.robustness.forked import child
from tests.robustness.row import Row
from tests.robustness.said import no_sentence, resume, tgvig
from tests.robustness.small_run import SmallRun, left_in
from tgvig_core.utils.progress import RunContext

SEED = 12
SHORT = {
    "MemoryError": MemoryError,
    "torch.OutOfMemoryError": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "the CPU's RuntimeError": lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
}
SPARE = (20, 80, 200, 400, 800)
"""Megabytes of addresses that a process may still take."""


class Short(TorchFunctionMode):
    """Memory runs out at one call of torch, or at every call from then on."""

    def __init__(self, at: int, error, for_good: bool) -> None:
        super().__init__()
        self.left, self.error, self.for_good = at, error, for_good

    def __torch_function__(self, function, types, given=(), named=None):
        self.left -= 1
        if self.left == 0 or (self.for_good and self.left < 0):
            raise self.error()
        return function(*given, **(named or {}))


@contextmanager
def squeezed(megabytes: int) -> Iterator[None]:
    """An address space (RLIMIT_AS) with so much to spare; for a child that ends with it."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = taken + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    yield


def scarce(small: SmallRun, out: Path, name: str, shortage: Callable[[], AbstractContextManager]) -> str:
    """Resume while memory is short: a sentence, or it helps itself; then it is finished.

    Smaller batches round otherwise: what a run that helped itself has made is compared in its numbers, see SmallRun.far.
    """
    shutil.copytree(half_done(small), out)

    def disturbed() -> dict:
        with shortage():
            return resume(out)

    ended = child(disturbed)
    if done := isinstance(ended.value, dict) and ended.value["code"] == 0:
        wrong = _alike(small, out)
    else:
        wrong = no_sentence(ended, "memory") or finished(small, out)
    wrong = wrong or left_in(out)
    shutil.rmtree(out, ignore_errors=True)
    return f"{name}: {wrong}" if wrong else WENT_ON if done else REFUSED


def _alike(small: SmallRun, out: Path) -> str:
    found = small.differs(out, deaths=1)
    return small.far(out) if found.startswith(("other bytes", "another result")) else found


def clock(small: SmallRun, out: Path, back: float) -> str:
    """A run whose clock is set back at every look at it, by so many seconds."""
    real, looks = time.time, iter(range(10**9))

    def disturbed() -> None:
        time.time = lambda: real() - back * next(looks)
        small.begin(out)

    ended = child(disturbed)
    return str(ended) if str(ended) != "done" else small.differs(out)


def second(small: SmallRun, out: Path, *command: str) -> str:
    """While a process works on a run another command comes; then the first is killed, and nothing is in the way."""
    shutil.copytree(half_done(small), out)
    ready, told = os.pipe()
    holder = os.fork()
    if not holder:
        try:

            def progress(step: str, done: int, total: int) -> None:
                if step.startswith("Iteration 2"):
                    os.write(told, b"!")
                    time.sleep(600)

            small.go_on(out, RunContext(progress))
        finally:
            os._exit(0)
    os.close(told)
    os.read(ready, 1)
    os.close(ready)
    ended = child(lambda: tgvig(*command))
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    return no_sentence(ended, "Another process works in", str(out)) or finished(small, out)


def rows(small: SmallRun) -> Iterator[Row]:
    half_done(small)
    works = [lambda b=b, k=k: clock(small, small.folder / f"clock{k}", b) for k, b in enumerate((1.0, 86400.0))]
    yield row(
        "clock set back all the time during a run", works, "by a second and by a day at every look", "as undisturbed"
    )
    commands = []
    for name in ("resume", "check"):
        out = small.folder / f"second_{name}"
        words = ("run", "--resume", "--out", str(out)) if name == "resume" else ("check", str(out))
        commands.append(lambda o=out, w=words: second(small, o, *w))
    yield row("a second process on one run, then the first killed", commands, "`run --resume` and `check`",
              "refused in a sentence; the dead one's lock is no hindrance")  # fmt: skip
    draw = random.Random(SEED)
    drawn = [(name, draw.randint(1, 4000), bool(k % 2)) for name in SHORT for k in range(4)]
    works = [
        lambda o=small.folder / f"short{k}", d=d: scarce(
            small, o, f"call {d[1]}", lambda: Short(d[1], SHORT[d[0]], d[2])
        )
        for k, d in enumerate(drawn)
    ]
    yield row("out of memory at a random call of torch, once or for good", works, f"{', '.join(SHORT)}; seed {SEED}",
              "helps itself, or one sentence, then as undisturbed")  # fmt: skip
    works = [lambda m=m: scarce(small, small.folder / f"squeezed{m}", f"{m} MB", lambda: squeezed(m)) for m in SPARE]
    yield row("address space limited (RLIMIT_AS)", works, f"{', '.join(map(str, SPARE))} MB to spare",
              "helps itself, or one sentence, then as undisturbed")  # fmt: skip
