"""Turns at a model: no client waits for more than one request of each other one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.llm.llama_thread import ModelThread
from mcp_stack.llm.turns import Turns


class Interrupt:
    """Stands for native code that can be interrupted: a gate that opens."""

    def __init__(self) -> None:
        self.flag = threading.Event()

    def set(self) -> None:
        self.flag.set()

    def clear(self) -> None:
        self.flag.clear()


@given(st.lists(st.one_of(st.sampled_from("abcd"), st.none()), max_size=60))
def test_whoever_has_the_turn_was_served_least_since_it_waits(steps: list[str | None]) -> None:
    """A letter is a request of that client, None serves one."""
    turns: Turns[tuple[str, int]] = Turns()
    waiting: dict[str, list[int]] = {}
    passed_over: dict[str, int] = {}
    for number, client in enumerate(steps):
        if client is not None:
            waiting.setdefault(client, []).append(number)
            turns.add(client, (client, number))
            continue
        if not waiting:
            with pytest.raises(LookupError):
                turns.next()
            continue
        served, request = turns.next()
        assert waiting[served].pop(0) == request  # the requests of one client keep their order
        passed_over = {each: passed_over.get(each, 0) + 1 for each in waiting if each != served}
        if not waiting[served]:
            del waiting[served]
        assert all(count <= 3 for count in passed_over.values())  # four clients: each of the others once
    assert len(turns) == sum(map(len, waiting.values()))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=20), st.data())
def test_a_request_that_was_removed_is_never_served(requests: list[tuple[str, int]], data: st.DataObject) -> None:
    turns: Turns[tuple[int, str]] = Turns()
    numbered = [(number, client) for number, (client, _) in enumerate(requests)]
    for request in numbered:
        turns.add(request[1], request)
    removed = data.draw(st.lists(st.sampled_from(numbered), unique=True)) if numbered else []
    for request in removed:
        turns.remove(request[1], request)
        turns.remove(request[1], request)
    served = [turns.next() for _ in range(len(turns))]
    assert sorted(served) == sorted(set(numbered) - set(removed))


async def test_of_64_requests_at_once_those_of_small_clients_are_not_behind_those_of_a_big_one() -> None:
    thread = ModelThread("model", Interrupt(), lambda: None)
    gate, order = threading.Event(), list[str]()

    def work(client: str) -> Generator[None, None, None]:
        gate.wait(10)
        order.append(client)
        yield

    async def ask(client: str) -> None:
        async for _ in thread.stream(lambda: work(client), client):
            pass

    clients = ["big"] * 58 + [f"small {number}" for number in range(6)]
    requests = [asyncio.create_task(ask(client)) for client in clients]
    await asyncio.sleep(0)  # all of them wait now
    gate.set()
    await asyncio.gather(*requests)
    await thread.close()
    assert sorted(order) == sorted(clients)
    assert max(order.index(client) for client in clients[58:]) <= 8  # the one that runs, and one turn of each


async def test_a_request_cancelled_while_it_waits_never_runs() -> None:
    thread = ModelThread("model", Interrupt(), lambda: None)
    gate, started, ran = threading.Event(), threading.Event(), list[int]()

    def work(number: int) -> Generator[None, None, None]:
        started.set()
        gate.wait(10)
        ran.append(number)
        yield

    async def ask(number: int) -> None:
        async for _ in thread.stream(lambda: work(number)):
            pass

    requests = [asyncio.create_task(ask(number)) for number in range(4)]
    await asyncio.to_thread(started.wait, 10)
    assert thread.unfinished == 4
    for request in requests[1:3]:
        request.cancel()
    await asyncio.gather(*requests[1:3], return_exceptions=True)
    assert thread.unfinished == 2
    gate.set()
    await asyncio.gather(requests[0], requests[3])
    await thread.close()
    assert ran == [0, 3]


async def test_cancelling_interrupts_native_code_that_looks_at_nothing_else() -> None:
    interrupt = Interrupt()
    thread = ModelThread("model", interrupt, lambda: None)
    started = threading.Event()

    def native() -> Generator[None, None, None]:
        started.set()
        assert interrupt.flag.wait(10)
        yield

    async def ask() -> None:
        async for _ in thread.stream(native):
            pass

    request = asyncio.create_task(ask())
    await asyncio.to_thread(started.wait, 10)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert [item async for item in thread.stream(lambda: iter_once("next"))] == ["next"]
    assert not interrupt.flag.is_set()
    await thread.close()


def iter_once(item: str) -> Generator[str, None, None]:
    """One item."""
    yield item
