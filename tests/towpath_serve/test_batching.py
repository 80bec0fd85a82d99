"""Requests that wait are answered together, and each gets its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from towpath_serve.batching import Batcher, Busy


class Model:
    """Answers when it is let; remembers how many records it was asked at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.let = threading.Event()

    def answer(self, records: Sequence[Any]) -> list[dict[str, Any]]:
        self.let.wait(10)
        self.sizes.append(len(records))
        if "bad" in records:
            raise ValueError("no")
        return [{"label": record} for record in records]


def test_what_waits_is_answered_in_one_go() -> None:
    model = Model()

    async def ask() -> list[list[dict[str, Any]]]:
        batcher = Batcher(model.answer, together=4)
        asked = [asyncio.create_task(batcher.answer([f"{number}a", f"{number}b"])) for number in range(4)]
        await asyncio.sleep(0)
        model.let.set()
        return await asyncio.gather(*asked)

    answers = asyncio.run(ask())

    assert answers == [[{"label": f"{number}a"}, {"label": f"{number}b"}] for number in range(4)]
    assert model.sizes in ([2, 4, 2], [4, 4])


def test_a_fault_is_told_to_those_who_asked_and_to_nobody_else() -> None:
    model = Model()
    model.let.set()

    async def ask() -> list[Any]:
        batcher = Batcher(model.answer, together=1)
        asked = batcher.answer(["bad"]), batcher.answer(["good"])
        return list(await asyncio.gather(*asked, return_exceptions=True))

    bad, good = asyncio.run(ask())

    assert isinstance(bad, ValueError)
    assert good == [{"label": "good"}]


def test_a_full_queue_says_so() -> None:
    async def ask() -> None:
        model = Model()
        batcher = Batcher(model.answer, together=1, waiting=2)
        first = [asyncio.create_task(batcher.answer([number])) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await batcher.answer(["one", "two", "three"])
        model.let.set()
        await asyncio.gather(*first)
        assert await batcher.answer(["again"]) == [{"label": "again"}]

    asyncio.run(ask())


def test_a_client_that_went_away_holds_nobody_up() -> None:
    model = Model()

    async def ask() -> list[dict[str, Any]]:
        batcher = Batcher(model.answer)
        gone = asyncio.create_task(batcher.answer(["gone"]))
        waiting = asyncio.create_task(batcher.answer(["here"]))
        await asyncio.sleep(0)
        gone.cancel()
        model.let.set()
        return await waiting

    assert asyncio.run(ask()) == [{"label": "here"}]
