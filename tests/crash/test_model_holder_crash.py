"""Processes that share a local model, when the one that holds it is killed; and what sharing saves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcp_stack.llm.sharing.asking import state_at
from mcp_stack.llm.sharing.meeting_point import MeetingPoint
from tests.support.model_process import ModelProcess
from tests.support.tiny_gguf import write_big_gguf
from tests.support.waiting import until

pytestmark = pytest.mark.crash

LAYERS = 52
"""Four hundred megabytes: enough for the processes themselves not to count."""


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_big_gguf(tmp_path_factory.mktemp("big") / "big.gguf", layers=LAYERS)


@pytest.fixture
def processes(big_file: Path, tmp_path: Path) -> Iterator[list[ModelProcess]]:
    with ExitStack() as stack:
        yield [stack.enter_context(ModelProcess(big_file, tmp_path / "run")) for _ in range(3)]


def test_three_processes_take_little_more_memory_than_one(processes: list[ModelProcess]) -> None:
    processes[0].ask("hello", 3)
    assert processes[0].reply()["tokens_out"] == 3
    alone = processes[0].memory()
    for process in processes[1:]:
        process.ask("hello", 3)
        assert process.reply()["tokens_out"] == 3
    assert alone > 400e6
    assert sum(process.memory() for process in processes) <= 1.2 * alone


async def test_when_the_holder_is_killed_those_who_wait_are_answered_by_another(
    processes: list[ModelProcess], big_file: Path, tmp_path: Path
) -> None:
    holder, *others = processes
    place = MeetingPoint(tmp_path / "run", str(big_file))
    holder.ask("hello", 3)
    await asyncio.to_thread(holder.reply)
    holder.ask("a long one", 200)
    for process in others:
        process.ask("hello", 3)

    async def all_wait() -> bool:
        return (await state_at(place)).unfinished == 3

    await until(all_wait, seconds=60)
    holder.kill()
    replies = [await asyncio.to_thread(process.reply) for process in others]
    assert [reply.get("tokens_out") for reply in replies] == [3, 3]
    assert (await state_at(place)).holder_pid in {process.pid for process in others}
