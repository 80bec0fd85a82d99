"""What arrives while the model is busy is answered together, in one go."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Answer = Callable[[Sequence[Any]], list[dict[str, Any]]]


class Busy(Exception):
    """Too many records wait already."""


class Batcher:
    """One thread asks the model; requests wait for it in a queue of at most `waiting` records."""

    def __init__(self, answer: Answer, *, together: int = 1000, waiting: int = 20_000) -> None:
        self._answer, self._together, self._limit = answer, together, waiting
        self._queue: deque[tuple[Sequence[Any], asyncio.Future[list[dict[str, Any]]]]] = deque()
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._running: asyncio.Task[None] | None = None

    async def answer(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        """Raise Busy when the queue is full."""
        if self._waiting + len(records) > self._limit:
            raise Busy
        future: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
        self._queue.append((records, future))
        self._waiting += len(records)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            batch = self._next()
            records = [record for part, _ in batch for record in part]
            try:
                answers = iter(await loop.run_in_executor(self._thread, self._answer, records))
            except Exception as error:  # noqa: BLE001 (each waiting request is told)
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for part, future in batch:
                own = [next(answers) for _ in part]
                if not future.done():
                    future.set_result(own)

    def _next(self) -> list[tuple[Sequence[Any], asyncio.Future[list[dict[str, Any]]]]]:
        """The requests at the head of the queue, at least one, that hold at most `together` records."""
        batch = [self._queue.popleft()]
        count = len(batch[0][0])
        while self._queue and count + len(self._queue[0][0]) <= self._together:
            batch.append(self._queue.popleft())
            count += len(batch[-1][0])
        self._waiting -= count
        return batch
