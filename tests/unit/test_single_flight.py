"""Work that several ask for at once is done once."""

from __future__ import annotations

import asyncio
import time

import pytest

from mcp_stack.hybrid.single_flight import MOST_REMEMBERED, SingleFlight


class Work:
    """Counts how often it began, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.begun


async def begin(*tasks: asyncio.Task[object]) -> None:
    while not all(task.done() or task.get_coro().cr_await is not None for task in tasks):  # type: ignore[union-attr]
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_ask_at_once_get_one_result_and_know_who_began() -> None:
    flights, work = SingleFlight[int](), Work()
    tasks = [asyncio.create_task(flights.run("key", work)) for _ in range(10)]
    await begin(*tasks)
    work.end.set()
    results = await asyncio.gather(*tasks)
    assert work.begun == 1
    assert [result for result, _ in results] == [1] * 10
    assert sorted(joined for _, joined in results) == [False] + [True] * 9


async def test_other_keys_and_later_questions_are_worked_on_anew() -> None:
    flights, work = SingleFlight[int](), Work()
    work.end.set()
    assert await flights.run("one", work) == (1, False)
    assert await flights.run("two", work) == (2, False)
    assert await flights.run("one", work) == (3, False)


async def test_an_error_reaches_all_and_is_not_kept() -> None:
    flights = SingleFlight[int]()
    fail = asyncio.Event()

    async def failing() -> int:
        await fail.wait()
        raise ValueError("no")

    tasks = [asyncio.create_task(flights.run("key", failing)) for _ in range(3)]
    await begin(*tasks)
    fail.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results)
    work = Work()
    work.end.set()
    assert await flights.run("key", work) == (1, False)


async def test_the_work_goes_on_when_the_one_who_began_it_goes() -> None:
    flights, work = SingleFlight[int](), Work()
    first = asyncio.create_task(flights.run("key", work))
    await begin(first)
    second = asyncio.create_task(flights.run("key", work))
    await begin(second)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.end.set()
    assert await second == (1, True)
    assert work.cancelled == 0


async def test_the_work_ends_with_the_last_who_waits_and_may_begin_again() -> None:
    flights, work = SingleFlight[int](), Work()
    tasks = [asyncio.create_task(flights.run("key", work)) for _ in range(2)]
    await begin(*tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert work.cancelled == 1
    work.end.set()
    assert await flights.run("key", work) == (2, False)


async def test_it_knows_what_ended_after_a_time_and_forgets_what_is_long_past() -> None:
    flights, work = SingleFlight[int](), Work()
    work.end.set()
    before = time.perf_counter()
    await flights.run("key", work)
    after = time.perf_counter()
    assert flights.ended_since("key", before)
    assert not flights.ended_since("key", after)
    assert not flights.ended_since("other", before)
    for number in range(MOST_REMEMBERED):
        await flights.run(str(number), work)
    assert not flights.ended_since("key", before)
