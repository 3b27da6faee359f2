"""Servers that crash, hang, print garbage or never stop: bounded time and memory, the right code, no other harmed."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from mcp_stack.errors import UnavailableError
from tests.support.gateway import Caller, Raw, open_gateway, tool
from tests.support.waiting import until

UNHARMED = "healthy.echo"


def healthy(folder: Path) -> Raw:
    return Raw(folder, "healthy", ["echo", "slow"])


async def milliseconds(gateway: Caller) -> float:
    """How long a call of a healthy server takes: the median of some."""
    await gateway.call(UNHARMED)
    times = []
    for _ in range(15):
        began = time.perf_counter()
        await gateway.call(UNHARMED)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("die", r"ended with status 3, saying: cannot start: no such database"),
        ("mute", r"did not answer within 2 s of its start"),
        ("garbage", r"printed 10001 lines that are no messages, such as 'Starting up, please wait...'"),
        ("endless", r"sent a message of more than 10000000 bytes"),
    ],
)
async def test_a_server_that_cannot_start_is_unreachable_and_the_reason_is_told(
    conninfo: str, tmp_path: Path, start: str, reason: str
) -> None:
    raw = Raw(tmp_path, tools=["echo"], start=start)
    servers = {"raw": raw.entry(connect_timeout_seconds=2), "healthy": healthy(tmp_path).entry()}
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        with pytest.raises(UnavailableError, match=f"server raw is unreachable: it {reason}"):
            await gateway.call("raw.echo")
        assert await gateway.status("raw") == "failed"
        assert await gateway.text(UNHARMED, text="fine") == '{"text": "fine"}'
        raw.plan({"tools": [tool("echo")]})
        assert await gateway.text("raw.echo", text="back") == '{"text": "back"}'
        assert await gateway.status("raw") == "connected"
        assert await gateway.error("raw") == ""
    assert not [pid for pid in raw.starts if psutil.pid_exists(pid)]


async def test_a_server_that_crashes_is_started_again_by_the_next_call(conninfo: str, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["echo", "crash", "slow"])
    servers = {"raw": raw.entry(env={"KEY": "status"}), "healthy": healthy(tmp_path).entry()}
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        beside = asyncio.create_task(gateway.call("healthy.slow", steps=3, seconds=0.1))
        also_lost = asyncio.create_task(gateway.call("raw.slow", steps=100, seconds=0.1))
        await gateway.call("raw.echo")
        with pytest.raises(UnavailableError) as caught:
            await gateway.call("raw.crash")
        # Its last words, without terminal commands and without what its configuration keeps secret.
        assert caught.value.problem == "raw.crash failed: it ended with ******** 7, saying: out of memory [31m"
        assert (await gateway.tool_status("raw.echo"), await gateway.status("raw")) == ("unreachable", "unreachable")
        with pytest.raises(UnavailableError, match=r"raw\.slow failed"):
            await also_lost
        assert await gateway.text("raw.echo", text="again") == '{"text": "again"}'
        assert (await beside).result["content"][0]["text"] == "done"
        assert len(raw.starts) == 2


async def test_a_server_that_keeps_crashing_gets_pauses_and_the_error_says_until_when(
    conninfo: str, tmp_path: Path
) -> None:
    now = 1000.0
    raw = Raw(tmp_path, tools=["echo", "crash"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        gateway.gateway.supervisor.connection("raw")._clock = lambda: now
        for _ in range(3):
            with pytest.raises(UnavailableError, match="saying: out of memory"):
                await gateway.call("raw.crash")
        with pytest.raises(UnavailableError, match=r"server raw is unreachable: .*; the next try is in 1 s"):
            await gateway.call("raw.echo")
        assert len(raw.starts) == 3
        now += 1.1
        assert await gateway.text("raw.echo", text="well") == '{"text": "well"}'
        with pytest.raises(UnavailableError, match="saying: out of memory"):
            await gateway.call("raw.crash")
        assert await gateway.text("raw.echo", text="forgiven") == '{"text": "forgiven"}'


async def test_the_call_after_one_that_hung_is_answered_by_the_server_started_anew(
    conninfo: str, tmp_path: Path
) -> None:
    raw = Raw(tmp_path, tools=["echo", "hang"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(timeout_seconds=1)}) as gateway:
        with pytest.raises(UnavailableError, match=r"raw\.hang did not answer within 1 s"):
            await gateway.call("raw.hang")
        assert await gateway.text("raw.echo", text="well") == '{"text": "well"}'
        assert len(raw.starts) == 2


async def test_a_server_that_hangs_is_killed_and_others_stay_quick(conninfo: str, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["echo", "hang"])
    servers = {"raw": raw.entry(timeout_seconds=1), "healthy": healthy(tmp_path).entry()}
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        alone = await milliseconds(gateway)
        await gateway.call("raw.echo")
        hanging = asyncio.create_task(gateway.call("raw.hang"))
        beside = await milliseconds(gateway)
        with pytest.raises(UnavailableError, match=r"raw\.hang did not answer within 1 s"):
            await hanging
        await until(lambda: gateway.state("raw") == "unreachable")
        assert not psutil.pid_exists(raw.starts[0])
        assert await gateway.error("raw") == "it answers neither calls nor pings"
        assert await gateway.text("raw.echo", text="again") == '{"text": "again"}'
    assert beside < alone * 3 + 5, f"{beside:.1f} ms beside a server that hangs, {alone:.1f} ms without"


async def test_lines_that_are_no_messages_are_passed_over(conninfo: str, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["garbage", "shout"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        assert await gateway.text("raw.garbage") == "here all the same"
        assert await gateway.text("raw.shout") == "done"


@pytest.mark.parametrize(
    "result", [7, None, [], {}, {"content": "x"}, {"content": [{"type": "text"}]}, {"content": [], "isError": "x"}]
)
async def test_an_answer_that_is_none_is_an_error_of_that_call_alone(
    conninfo: str, tmp_path: Path, result: Any
) -> None:
    raw = Raw(tmp_path, tools=["echo", "nonsense"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(timeout_seconds=5)}) as gateway:
        began = time.perf_counter()
        with pytest.raises(UnavailableError, match=r"raw\.nonsense failed: (what it answers|its answer to nonsense)"):
            await gateway.call("raw.nonsense", result=result)
        assert time.perf_counter() - began < 4
        assert await gateway.text("raw.echo") == "{}"
        assert len(raw.starts) == 1


@pytest.mark.parametrize(("name", "arguments"), [("big", {"bytes": 50_000_000}), ("endless", {})])
async def test_a_message_of_50_megabytes_ends_the_connection_and_takes_no_memory(
    conninfo: str, tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    raw = Raw(tmp_path, tools=["echo", "big", "endless"])
    servers = {"raw": raw.entry(), "healthy": healthy(tmp_path).entry()}
    us = psutil.Process()
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        await gateway.call("raw.echo")
        await gateway.call(UNHARMED)
        before, most = us.memory_info().rss, 0
        calling = asyncio.create_task(gateway.call(f"raw.{name}", **arguments))
        while not calling.done():
            most = max(most, us.memory_info().rss)
            await asyncio.wait({calling}, timeout=0.005)
        with pytest.raises(UnavailableError, match=r"sent a message of more than 10000000 bytes"):
            await calling
        assert most - before < 40_000_000, f"{(most - before) / 1e6:.0f} MB more"
        await until(lambda: not psutil.pid_exists(raw.starts[0]))
        assert await gateway.text("raw.echo", text="again") == '{"text": "again"}'
        assert await gateway.text(UNHARMED, text="fine") == '{"text": "fine"}'


async def test_an_answer_within_the_limit_arrives(conninfo: str, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["big"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        assert len(await gateway.text("raw.big", bytes=9_000_000)) == 9_000_000


async def test_a_server_that_never_stops_talking_does_not_keep_the_others_waiting(
    conninfo: str, tmp_path: Path
) -> None:
    raw = Raw(tmp_path, tools=["chatter"])
    servers = {"raw": raw.entry(timeout_seconds=30), "healthy": healthy(tmp_path).entry()}
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        alone = await milliseconds(gateway)
        talking = asyncio.create_task(gateway.call("raw.chatter"))
        await until(lambda: len(raw.starts) > 0)
        us, began = psutil.Process(), time.perf_counter()
        spent = us.cpu_times().user
        beside = await milliseconds(gateway)
        await asyncio.sleep(max(0, 2 - (time.perf_counter() - began)))  # a share of a processor needs a while
        share = (us.cpu_times().user - spent) / (time.perf_counter() - began)
        talking.cancel()
    assert beside < alone * 5 + 20, f"{beside:.1f} ms beside it, {alone:.1f} ms without"
    assert share < 0.8, f"{share:.0%} of a processor"


async def test_nothing_is_left_of_a_server_and_its_children(conninfo: str, tmp_path: Path) -> None:
    seconds = "7301"
    raw = Raw(tmp_path, tools=["spawn"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        await gateway.call("raw.spawn", seconds=seconds)
        children = [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", seconds]]
        assert children
    await until(lambda: not any(each.is_running() for each in children))
    assert not [pid for pid in raw.starts if psutil.pid_exists(pid)]


async def test_a_server_is_stopped_when_nobody_calls_it_and_started_again_by_a_call(
    conninfo: str, tmp_path: Path
) -> None:
    raw = Raw(tmp_path, tools=["echo", "slow"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(idle_seconds=0.3)}) as gateway:
        await gateway.call("raw.slow", steps=5, seconds=0.2)  # longer than it may be idle
        assert len(raw.starts) == 1
        await until(lambda: gateway.state("raw") == "idle")
        assert not psutil.pid_exists(raw.starts[0])
        assert (await gateway.status("raw"), await gateway.tool_status("raw.echo")) == ("idle", "known")
        assert await gateway.text("raw.echo", text="again") == '{"text": "again"}'
        assert len(raw.starts) == 2


async def test_many_calls_at_once_start_a_server_once(conninfo: str, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["echo"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        answers = await asyncio.gather(*(gateway.text("raw.echo", n=n) for n in range(50)))
        assert answers == [f'{{"n": {n}}}' for n in range(50)]
        assert len(raw.starts) == 1


async def test_a_server_that_was_killed_from_outside_is_started_again(conninfo: str, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["echo"])
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        await gateway.call("raw.echo")
        os.kill(raw.starts[0], 9)
        await until(lambda: gateway.state("raw") == "unreachable")
        assert "137" in await gateway.error("raw")
        assert await gateway.text("raw.echo", text="again") == '{"text": "again"}'
