"""Children of a warmed-up process: torch is imported and the models are loaded once, so that thirty deaths cost little.

The parent computes with one thread: OpenMP's threads do not outlive a fork.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tgvig_core.utils.errors import TgvigError

ALONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""What the environment of the parent has to say."""
PATIENCE = 1200
"""Seconds after which a child hangs."""
HUNG = -1


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        signal: what killed it, 0 where it ended by itself, HUNG where it had to be killed for its slowness.
        value: what the work returned, as JSON keeps it.
        refused: the sentence of a TgvigError.
        crash: the traceback of anything else, which is always a fault of the product.
    """

    signal: int = 0
    value: object = None
    refused: str = ""
    crash: str = ""

    def __str__(self) -> str:
        if self.signal:
            return "hung" if self.signal == HUNG else f"killed by {signal.Signals(self.signal).name}"
        return self.refused or self.crash.strip().rsplit("\n", 1)[-1] or "done"


def child(work: Callable[[], object]) -> Ended:
    """Run the work in a child and wait for it."""
    return next(iter(together([work], 1)))


def together(works: Iterable[Callable[[], object]], at_once: int = 2) -> list[Ended]:
    """Run works in children of their own, some at once; how they ended, in their order."""
    waiting, running, ended = list(enumerate(works)), {}, {}
    while waiting or running:
        while waiting and len(running) < at_once:
            place, work = waiting.pop(0)
            pid, read = _begin(work)
            running[read] = (place, pid, time.monotonic() + PATIENCE, [])
        for read in select.select(list(running), [], [], 0.2)[0]:
            place, pid, _, said = running[read]
            if block := os.read(read, 1 << 16):
                said.append(block)
            else:
                del running[read]
                ended[place] = _end(pid, read, said)
        for read, (place, pid, until, said) in list(running.items()):
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                del running[read]
                _end(pid, read, said)
                ended[place] = Ended(HUNG)
    return [ended[place] for place in sorted(ended)]


def _begin(work: Callable[[], object]) -> tuple[int, int]:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    try:
        os.close(read)
        silent = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(silent, standard)
        with open(write, "w", encoding="utf-8") as out:
            json.dump(_outcome(work), out)
    finally:
        os._exit(0)  # nothing of the parent's is tidied up here


def _outcome(work: Callable[[], object]) -> dict:
    try:
        return {"value": work()}
    except TgvigError as error:
        return {"refused": str(error)}
    except BaseException:
        return {"crash": traceback.format_exc()}


def _end(pid: int, read: int, said: list[bytes]) -> Ended:
    os.close(read)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Ended(os.WTERMSIG(status))
    return Ended(**json.loads(b"".join(said))) if said else Ended(crash="it ended without a word")
