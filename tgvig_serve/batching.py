"""Photos of several requests are scored together: whoever waits when the scorer is free goes into one batch.

The idea is that of Clipper (Crankshaw et al., NSDI 2017) with a fixed size and a fixed wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LINGER = 0.005
"""Seconds a batch that is not full waits for more."""


class Batcher(Generic[Item, Result]):
    """Collects items and hands them to `work`, one batch at a time, in the executor's thread.

    Args:
        work: items to as many results, in their order. Where it fails on several they are tried one by one, so that what
            it raises reaches only those that it is raised for.
        most: the largest batch.
    """

    def __init__(self, work: Callable[[list[Item]], Sequence[Result]], most: int, executor: Executor) -> None:
        self._work, self._most, self._executor = work, most, executor
        self._waiting: dict[asyncio.Future[Result], Item] = {}
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, item: Item) -> Result:
        """The item's own result. Cancelled while it waits, the item is never worked on."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = item
        self._arrived.set()
        try:
            return await answer
        finally:
            self._waiting.pop(answer, None)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._arrived.wait()
            if len(self._waiting) < self._most:
                await asyncio.sleep(LINGER)
            batch = dict(islice(self._waiting.items(), self._most))
            for answer in batch:
                del self._waiting[answer]
            if not self._waiting:
                self._arrived.clear()
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: dict[asyncio.Future[Result], Item]) -> None:
        try:
            results = await self._worked(list(batch.values()))
        except Exception as error:  # a batch that fails must not end the worker
            for answer, item in batch.items():
                if len(batch) > 1:
                    await self._answer({answer: item})
                elif not answer.done():
                    answer.set_exception(error)
            return
        for answer, result in zip(batch, results, strict=True):
            if not answer.done():  # its request gave up meanwhile
                answer.set_result(result)

    async def _worked(self, items: list[Item]) -> Sequence[Result]:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._work, items)
