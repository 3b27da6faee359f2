"""Calls reach other servers checked, and what they answer comes back as it is."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from mcp_stack.ports.upstreams import ProtocolError
from mcp_stack.storage.postgres.pool import Database
from tests.support.gateway import CLIENT, Caller, Raw, open_gateway, tool
from tests.support.waiting import until

TEXT = {"type": "string", "minLength": 2}


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    echo = tool("echo", text=TEXT, n={"type": "integer"})
    return Raw(tmp_path, tools=[echo, "fail", "refuse", "slow", "never", "environment"])


@pytest.fixture
async def gateway(conninfo: str, tmp_path: Path, raw: Raw) -> AsyncIterator[Caller]:
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as caller:
        yield caller


async def logged(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return await (await connection.execute("select * from app.tool_calls order by id")).fetchall()


async def test_a_result_comes_back_unchanged(gateway: Caller) -> None:
    answer = await gateway.call("raw.echo", text="grüße 🎉", n=7)
    given = {"text": "grüße 🎉", "n": 7}
    assert answer.result == {
        "content": [
            {
                "type": "text",
                "text": json.dumps(given, sort_keys=True),
                "annotations": {"priority": 0.5},
                "_meta": {"part": 1},
            },
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource_link", "uri": "file:///a", "name": "a"},
        ],
        "structuredContent": {"given": given, "nothing": None, "none": [None]},
        "isError": False,
        "_meta": {"x/y": [1]},
    }


async def test_a_result_that_says_that_the_tool_failed_is_a_result(gateway: Caller) -> None:
    answer = await gateway.call("raw.fail")
    assert answer.is_error
    assert answer.result == {
        "content": [{"type": "text", "text": "it did not work"}],
        "isError": True,
        "_meta": {"why": "x"},
    }


async def test_a_protocol_error_comes_back_unchanged(gateway: Caller) -> None:
    with pytest.raises(ProtocolError) as caught:
        await gateway.call("raw.refuse")
    assert (caught.value.code, caught.value.message, caught.value.data) == (-32050, "no", {"retry": [1]})


async def test_arguments_are_checked_before_the_server_sees_them(gateway: Caller, raw: Raw) -> None:
    await gateway.gateway.supervisor.refresh("raw")
    starts = len(raw.starts)
    for arguments, problem in (
        ({"text": 7}, "text: must be of type string"),
        ({"text": "x"}, "text: breaks minLength 2"),
        ({"n": "7"}, "n: must be of type integer"),
    ):
        with pytest.raises(UsageError, match=problem):
            await gateway.call("raw.echo", **arguments)
    assert len(raw.starts) == starts


async def test_an_unknown_tool_is_not_found_and_near_names_are_given(gateway: Caller) -> None:
    with pytest.raises(NotFoundError, match=r"did you mean raw\.echo"):
        await gateway.call("raw.ecko")
    with pytest.raises(NotFoundError, match=r"did you mean raw\.echo"):
        await gateway.call("echo")
    with pytest.raises(NotFoundError, match="find the tool with discover_tools"):
        await gateway.call("no-such-server.no-such-tool")


@pytest.mark.parametrize(
    "arguments",
    [{"text": "a\0b"}, {"text": "a\x1bb"}, {"text": "\ud800"}, {"n": float("nan")}, {"text": "x" * 10_000_001}],
    ids=["NUL", "ESC", "surrogate", "NaN", "size"],
)
async def test_arguments_that_no_message_can_hold_are_refused(gateway: Caller, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        await gateway.call("raw.echo", **arguments)


async def test_its_own_tools_are_not_called_through_itself(gateway: Caller) -> None:
    with pytest.raises(UsageError, match="call query itself"):
        await gateway.call("aidb.query", query="x")


async def test_progress_is_passed_on(gateway: Caller) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    await gateway.call("raw.slow", progress, steps=3, seconds=0.01)
    await until(lambda: len(told) == 3)
    assert told == [(0, 3, "step 0"), (1, 3, "step 1"), (2, 3, "step 2")]


async def test_a_server_is_told_when_its_caller_gives_up(gateway: Caller, raw: Raw) -> None:
    begun = asyncio.Event()

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    calling = asyncio.create_task(gateway.call("raw.slow", progress, seconds=600))
    await begun.wait()
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await until(lambda: bool(raw.cancelled))
    assert await gateway.text("raw.slow", seconds=0.01) == "done"


async def test_a_call_that_takes_too_long_is_given_up_and_the_server_told(
    conninfo: str, tmp_path: Path, raw: Raw
) -> None:
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(timeout_seconds=0.3)}) as gateway:
        await gateway.text("raw.echo", text="it is up")
        with pytest.raises(UnavailableError, match=r"raw\.never did not answer within 0 s.*timeout_seconds"):
            await gateway.call("raw.never")
        await until(lambda: bool(raw.cancelled))
        assert await gateway.status("raw") == "connected", "it answers pings: the tool is slow, not the server"
        assert len(raw.starts) == 1


async def test_a_call_that_tells_of_its_progress_may_take_longer(conninfo: str, tmp_path: Path, raw: Raw) -> None:
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(timeout_seconds=0.5)}) as gateway:
        assert await gateway.text("raw.slow", steps=8, seconds=0.15) == "done"
    limits = {"MCP_STACK_TOOLS__MAX_CALL_SECONDS": "0.8"}
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(timeout_seconds=0.5)}, **limits) as gateway:
        with pytest.raises(UnavailableError, match="did not answer"):
            await gateway.call("raw.slow", steps=1000, seconds=0.15)


async def test_every_call_is_in_the_audit_log_without_its_arguments(gateway: Caller, database: Database) -> None:
    await gateway.call("raw.echo", text="s3cret", n=1)
    await gateway.call("raw.fail")
    with pytest.raises(ProtocolError):
        await gateway.call("raw.refuse")
    with pytest.raises(UsageError):
        await gateway.call("raw.echo", text="x")
    with pytest.raises(NotFoundError):
        await gateway.call("raw.no")
    rows = await logged(database)
    told = [(row["server"], row["tool"], row["outcome"], row["code"]) for row in rows]
    assert told == [
        ("raw", "echo", "ok", ""),
        ("raw", "fail", "tool_error", ""),
        ("raw", "refuse", "protocol_error", "-32050"),
        ("raw", "echo", "refused", "INVALID_INPUT"),
        ("raw", "no", "refused", "NOT_FOUND"),
    ]
    first = rows[0]
    assert (first["client"], first["argument_names"], first["arguments"]) == (CLIENT, ["text", "n"], None)
    assert bytes(first["arguments_sha256"]) == hashlib.sha256(b'{"n": 1, "text": "s3cret"}').digest()
    assert first["duration_ms"] > 0
    assert first["request_bytes"] == 26
    assert first["response_bytes"] > 300
    assert "s3cret" not in json.dumps(rows, default=str)


async def test_arguments_are_in_the_audit_log_where_they_are_wanted_but_secrets_are_not(
    conninfo: str, tmp_path: Path, raw: Raw, database: Database
) -> None:
    raw.plan({"tools": [tool("echo")]})
    async with open_gateway(
        conninfo, tmp_path, {"raw": raw.entry()}, MCP_STACK_TOOLS__AUDIT_ARGUMENTS="true"
    ) as gateway:
        await gateway.call("raw.echo", text="plain", password="hunter22", nested=["token=abcdefgh"])
    assert (await logged(database))[0]["arguments"] == {
        "text": "plain",
        "password": "********",
        "nested": ["token=********"],
    }


async def test_a_call_is_an_event(gateway: Caller, tmp_path: Path) -> None:
    await gateway.call("raw.echo", text="s3cret")
    lines = (tmp_path / "data" / "telemetry" / "aidb-events.jsonl").read_text().splitlines()
    event = next(event for event in map(json.loads, lines) if event["event_type"] == "tool_call")
    assert (event["tool"], event["outcome"]) == ("raw.echo", "ok")
    assert "s3cret" not in "".join(lines)


async def test_old_calls_are_forgotten(gateway: Caller, database: Database) -> None:
    await gateway.call("raw.echo", text="old")
    await gateway.call("raw.echo", text="new")
    async with database.write() as connection:
        await connection.execute("update app.tool_calls set called_at = now() - interval '91 days' where id = 1")
    await gateway.stack._gateway.handlers["prune_tool_calls"]()
    assert len(await logged(database)) == 1


async def test_a_server_sees_what_it_was_given_and_an_allow_list(conninfo: str, tmp_path: Path, raw: Raw) -> None:
    (tmp_path / "work").mkdir()
    entry = raw.entry(env={"TOKEN": "${SECRET}", "PORT": 8080}, cwd="work")
    entry["args"] += ["--as", "${USER_NAME:-nobody}"]
    async with open_gateway(
        conninfo, tmp_path, {"raw": entry}, SECRET="s3cret", ANTHROPIC_API_KEY="private"
    ) as gateway:
        told = (await gateway.call("raw.environment")).result["structuredContent"]
    environment = told["environment"]
    assert (environment["TOKEN"], environment["PORT"], environment["HOME"]) == ("s3cret", "8080", str(tmp_path))
    assert "ANTHROPIC_API_KEY" not in environment
    assert not {name for name in environment if name.startswith(("MCP_STACK_TOOLS", "MCP_STACK_DATA"))}
    assert told["folder"] == str(tmp_path / "work")
    assert told["arguments"] == ["--as", "nobody"]


async def test_a_variable_that_is_not_set_is_named(conninfo: str, tmp_path: Path, raw: Raw) -> None:
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(env={"TOKEN": "${SECRET}"})}) as gateway:
        with pytest.raises(
            UnavailableError, match=r"tools\.servers\.raw: env\.TOKEN: the environment variable SECRET is not set"
        ):
            await gateway.call("raw.echo", text="hello")
        assert await gateway.status("raw") == "failed"


async def test_a_disabled_server_is_known_and_never_started(conninfo: str, tmp_path: Path, raw: Raw) -> None:
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry()}) as gateway:
        await gateway.call("raw.echo", text="hello")
    starts = len(raw.starts)
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(enabled=False)}) as gateway:
        with pytest.raises(ConflictError, match="disabled"):
            await gateway.call("raw.echo", text="hello")
        assert await gateway.status("raw") == "disabled"
        assert await gateway.tool_status("raw.echo") == "disabled"
    assert len(raw.starts) == starts


async def test_a_disabled_server_that_never_ran_says_that_it_is_disabled(
    conninfo: str, tmp_path: Path, raw: Raw
) -> None:
    async with open_gateway(conninfo, tmp_path, {"raw": raw.entry(enabled=False)}) as gateway:
        with pytest.raises(ConflictError, match="disabled"):
            await gateway.call("raw.echo", text="hello")
    assert not raw.starts


async def test_our_own_servers_are_called_in_the_same_way(gateway: Caller) -> None:
    answer = await gateway.call("hybrid-coordinator.routing_stats", window="24h")
    assert answer.result["structuredContent"]["total_queries"] == 0
    with pytest.raises(UsageError, match="windo: is not an argument"):
        await gateway.call("hybrid-coordinator.routing_stats", windo="24h")
