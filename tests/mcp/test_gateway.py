"""The gateway as a client sees it, over stdio: results as they are, and no process left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.gateway import Raw, tool
from tests.support.stdio import StdioServer, environment, served
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def raw(tmp_path: Path) -> Raw:
    return Raw(tmp_path, tools=["echo", "fail", "refuse", "slow", "spawn", "hang"])


@pytest.fixture
def environ(home: Path, tmp_path: Path, raw: Raw) -> dict[str, str]:
    """The environment of an AIDB that has the server in its `mcp.json`."""
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"raw": raw.entry()}}))
    return environment(home, TOOLS__MCP_JSON=str(file))


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[StdioServer]:
    with served("aidb", environ) as running:
        yield running


def call(server: StdioServer, name: str, **arguments: Any) -> dict[str, Any]:
    """The whole reply to a call of another server's tool."""
    return server.ask("tools/call", {"name": "call_tool", "arguments": {"name": name, "arguments": arguments}})


async def test_what_is_put_into_mcp_json_shows_up_within_seconds(server: StdioServer) -> None:
    async def found() -> bool:
        reply = await asyncio.to_thread(server.must, "discover_tools", {"query": "echo", "limit": 100})
        return "raw.echo" in [each["name"] for each in reply["tools"]]

    await until(found, 10)


def test_results_and_errors_reach_the_client_as_they_are(server: StdioServer) -> None:
    result = call(server, "raw.echo", text="grüße")["result"]
    given = {"text": "grüße"}
    assert result["content"] == [
        {"type": "text", "text": json.dumps(given), "annotations": {"priority": 0.5}, "_meta": {"part": 1}},
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
    ]
    assert result["structuredContent"] == {"given": given, "nothing": None, "none": [None]}
    assert result["_meta"] == {"x/y": [1]}
    assert not result["isError"]
    failed = call(server, "raw.fail")["result"]
    assert (failed["isError"], failed["content"][0]["text"], failed["_meta"]) == (True, "it did not work", {"why": "x"})
    assert call(server, "raw.refuse")["error"] == {"code": -32050, "message": "no", "data": {"retry": [1]}}
    ours = server.call("call_tool", {"name": "raw.no", "arguments": {}})
    assert ours.text.startswith("NOT_FOUND: there is no tool 'raw.no'; ")
    listed = {each["name"]: each for each in server.must("list_servers", {})["servers"]}
    assert (listed["raw"]["status"], listed["raw"]["tools"], listed["raw"]["transport"]) == ("connected", 6, "stdio")
    assert listed["hybrid-coordinator"]["status"] == "known"


async def test_progress_and_cancellation_pass_through(server: StdioServer, raw: Raw) -> None:
    arguments = {"name": "raw.slow", "arguments": {"steps": 3, "seconds": 600}}
    number = server.begin("tools/call", {"name": "call_tool", "arguments": arguments, "_meta": {"progressToken": "p"}})

    def told() -> list[dict[str, Any]]:
        return [each["params"] for each in server.messages if each.get("method") == "notifications/progress"]

    await until(lambda: bool(told()))
    assert told()[0] == {"progressToken": "p", "progress": 0, "total": 3, "message": "step 0"}
    params = {"requestId": number, "reason": "the user gave up"}
    server.tell({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
    await until(lambda: bool(raw.cancelled))
    assert call(server, "raw.echo")["result"]["content"][0]["text"] == "{}"


@pytest.mark.crash
@pytest.mark.parametrize("end", ["end of file", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("busy", ["idle", "hang"])
async def test_no_process_is_left_behind(environ: dict[str, str], raw: Raw, end: str, busy: str) -> None:
    seconds = str(7400 + os.getpid() % 1000)
    server = StdioServer("aidb", environ)
    try:
        server.shake_hands()
        assert not call(server, "raw.spawn", seconds=seconds)["result"].get("isError")
        assert "result" in call(server, "hybrid-coordinator.routing_stats")
        if busy != "idle":
            server.begin_call("call_tool", {"name": f"raw.{busy}", "arguments": {}})
        started = psutil.Process(server.process.pid).children(recursive=True)
        names = [" ".join(each.cmdline()) for each in started]
        assert any("upstream_raw" in name for name in names), names
        assert any(f"sleep {seconds}" in name for name in names), names
        assert any("hybrid-coordinator" in name for name in names), names
        match end:
            case "end of file":
                server.close_stdin()
            case "SIGTERM":
                server.process.send_signal(signal.SIGTERM)
            case _:
                server.process.kill()
        server.process.wait(10)
        await until(lambda: not [each for each in started if _lives(each)], 10)
    finally:
        server.kill()


def _lives(process: psutil.Process) -> bool:
    """Whether it goes on; a zombie waits only for this container's init."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_gateway_that_a_gateway_started_starts_nothing(environ: dict[str, str], tmp_path: Path, raw: Raw) -> None:
    """Or a server that starts us by a way that we do not see through would start us for ever."""
    script = tmp_path / "wrapped"
    script.write_text('#!/bin/sh\nset -- serve aidb\nexec "$PYTHON" -m mcp_stack "$@"\n')
    script.chmod(0o755)
    raw.plan({"tools": [tool("echo")]})
    passed = {name: value for name, value in environ.items() if name.startswith("MCP_STACK") or name == "PYTHONPATH"}
    wrapped = {"command": str(script), "env": {**passed, "PYTHON": sys.executable}, "connect_timeout_seconds": 20}
    file = Path(environ["MCP_STACK_TOOLS__MCP_JSON"])
    file.write_text(json.dumps({"mcpServers": {"self": wrapped, "raw": raw.entry()}}))
    with served("aidb", environ) as server:
        listed = call(server, "self.list_servers")["result"]["structuredContent"]
        assert listed["servers"] == []
        assert "started by another gateway" in listed["notes"][0]
        assert "raw.echo" not in json.dumps(call(server, "self.discover_tools", query="echo"))
