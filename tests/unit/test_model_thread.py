"""The thread that owns a model."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mcp_stack.embeddings.model_thread import ModelThread, Steps
from mcp_stack.errors import UnavailableError


def gated(started: threading.Event, gate: threading.Event) -> Steps[str]:
    """Two steps; the first waits for the gate."""
    started.set()
    gate.wait(10)
    yield
    return "done"


async def test_everything_runs_in_the_same_thread_and_the_release_too() -> None:
    used: list[int] = []
    thread = ModelThread("model", lambda: used.append(threading.get_ident()))

    used.append(await thread.call(threading.get_ident))
    used.append(await thread.call(threading.get_ident))
    await thread.close()

    assert len(used) == 3
    assert len({*used, threading.get_ident()}) == 2


async def test_a_short_call_goes_between_the_steps_of_a_long_one() -> None:
    order: list[str] = []

    def long() -> Steps[None]:
        for n in range(3):
            order.append(f"step {n}")
            started.set()
            gate.wait(10)
            yield

    started, gate = threading.Event(), threading.Event()
    thread = ModelThread("model", lambda: None)
    running = asyncio.create_task(thread.run(long()))
    await asyncio.to_thread(started.wait, 10)
    short = asyncio.create_task(thread.call(lambda: order.append("short")))
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(running, short)
    await thread.close()

    assert order == ["step 0", "short", "step 1", "step 2"]


async def test_an_exception_reaches_its_caller_and_the_thread_lives_on() -> None:
    thread = ModelThread("model", lambda: None)

    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 // 0)

    assert await thread.call(lambda: 42) == 42
    await thread.close()


async def test_a_cancelled_call_is_dropped_at_its_next_step() -> None:
    dropped = threading.Event()

    def endless() -> Steps[None]:
        try:
            while True:
                started.set()
                yield
        finally:
            dropped.set()

    started = threading.Event()
    thread = ModelThread("model", lambda: None)
    running = asyncio.create_task(thread.run(endless()))
    await asyncio.to_thread(started.wait, 10)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(dropped.wait, 10)
    assert await thread.call(lambda: 42) == 42
    await thread.close()


async def test_closing_fails_what_waits_and_ends_the_thread() -> None:
    started, gate = threading.Event(), threading.Event()
    thread = ModelThread("model to close", lambda: None)
    running = asyncio.create_task(thread.run(gated(started, gate)))
    await asyncio.to_thread(started.wait, 10)
    waiting = asyncio.create_task(thread.call(lambda: 42))
    closing = asyncio.create_task(thread.close())
    await asyncio.sleep(0)
    gate.set()
    await closing

    for call in (running, waiting):
        with pytest.raises(UnavailableError, match="model to close is closed"):
            await call
    with pytest.raises(UnavailableError):
        await thread.call(lambda: 42)


async def test_closing_twice_or_unused_is_fine() -> None:
    thread = ModelThread("model", lambda: None)

    await asyncio.gather(thread.close(), thread.close())
