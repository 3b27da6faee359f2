"""Clients that we did not write: the SDK's, the MCP Inspector, and a shell that pipes lines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from mcp_stack.cli.servers import SERVERS
from tests.support.calls import GOOD, NEEDS_A_USER, filled_in
from tests.support.inspector import inspect, inspector
from tests.support.stdio import HANDSHAKE, MODERN, StdioServer, environment, serve_command

__all__ = ["inspector"]

pytestmark = pytest.mark.timeout(300)

HANDSHAKE_REVISIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
METHOD_NOT_FOUND = -32601
UNSUPPORTED_PROTOCOL_VERSION = -32022
CLIENT = {"name": "shell", "version": "1"}
INITIALIZE = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": CLIENT}
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
@pytest.mark.parametrize("name", SERVERS)
async def test_the_sdk_lists_and_calls_every_tool(
    name: str, mode: str, home: Path, task_id: str, tmp_path: Path
) -> None:
    command, *arguments = serve_command(name)
    environ = environment(home, EMBEDDINGS__PROVIDER="llama_cpp")
    parameters = StdioServerParameters(command=command, args=arguments, env=environ, cwd=home)
    with (tmp_path / "stderr").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(parameters, errlog=log), mode=mode, read_timeout_seconds=60) as client:
            assert client.protocol_version == (HANDSHAKE_REVISIONS[-1] if mode == "legacy" else MODERN)
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert sorted(tools) == sorted(GOOD[name])
            for tool, good in GOOD[name].items():
                # The SDK's client checks the result against the published schema.
                result = await client.call_tool(tool, filled_in(good, task_id))
                assert result.is_error == (tool == NEEDS_A_USER), (tool, result.content)
                assert (result.structured_content is None) == (tool == NEEDS_A_USER)
                refused = await client.call_tool(tool, {"no_such_argument": 1})
                assert refused.is_error
                assert refused.content[0].type == "text"
                assert refused.content[0].text.startswith("INVALID_INPUT: ")


@pytest.mark.parametrize("revision", HANDSHAKE_REVISIONS)
@pytest.mark.parametrize("name", SERVERS)
def test_every_revision_with_a_handshake_is_spoken(name: str, revision: str, home: Path) -> None:
    server = StdioServer(name, environment(home))
    try:
        result = server.shake_hands(revision)
        assert result["protocolVersion"] == revision
        assert result["serverInfo"]["name"] == name
        assert 0 < len(result["instructions"]) < 2000
        assert [tool["name"] for tool in server.tools()] == list(GOOD[name])
        assert server.end() == 0
    finally:
        server.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_lines_from_a_shell_get_their_replies_before_the_server_ends(name: str, home: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "two", "method": "tools/list"},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "no_such_tool", "arguments": {}}},
    ]
    replies = _one_shot(name, environment(home), lines)
    assert sorted(replies, key=str) == [1, 3, "two"]
    assert [tool["name"] for tool in replies["two"]["result"]["tools"]] == list(GOOD[name])
    assert replies[3]["result"]["isError"]


@pytest.mark.parametrize("name", SERVERS)
def test_a_call_from_a_shell_is_answered_before_the_server_ends(name: str, home: Path, task_id: str) -> None:
    tool, arguments = {
        "aidb": ("search_knowledge", {"query": "capital"}),
        "hybrid-coordinator": ("routing_stats", {}),
        "ralph-wiggum": ("task_status", {"task_id": task_id}),
        "embeddings": ("embed_texts", {"texts": ["one"]}),
    }[name]
    lines: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": arguments}},
    ]
    provider = "llama_cpp" if name == "embeddings" else "none"
    replies = _one_shot(name, environment(home, EMBEDDINGS__PROVIDER=provider), lines)
    assert not replies[2]["result"].get("isError"), replies[2]


@pytest.mark.parametrize("name", SERVERS)
def test_a_line_without_a_handshake_is_enough_in_the_newest_revision(name: str, home: Path) -> None:
    lines = [{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": MODERN_META}}]
    replies = _one_shot(name, environment(home), lines)
    assert [tool["name"] for tool in replies[1]["result"]["tools"]] == list(GOOD[name])


@pytest.mark.parametrize("name", SERVERS)
def test_with_the_legacy_option_discovery_is_refused_and_the_handshake_follows(name: str, home: Path) -> None:
    server = StdioServer(name, environment(home), "--stdio-legacy")
    try:
        assert server.ask("server/discover", {"_meta": MODERN_META})["error"]["code"] == METHOD_NOT_FOUND
        assert server.shake_hands()["serverInfo"]["name"] == name
        assert [tool["name"] for tool in server.tools()] == list(GOOD[name])
        assert server.end() == 0
    finally:
        server.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_without_it_discovery_is_answered_and_a_handshake_is_then_refused(name: str, home: Path) -> None:
    server = StdioServer(name, environment(home))
    try:
        discovered = server.ask("server/discover", {"_meta": MODERN_META})["result"]
        assert MODERN in discovered["supportedVersions"]
        assert server.ask("initialize", INITIALIZE)["error"]["code"] == UNSUPPORTED_PROTOCOL_VERSION
        tools = server.ask("tools/list", {"_meta": MODERN_META})["result"]["tools"]
        assert [tool["name"] for tool in tools] == list(GOOD[name])
        assert server.end() == 0
    finally:
        server.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_the_inspector_lists_the_tools_and_finds_their_schemas_portable(
    name: str, home: Path, inspector: list[str]
) -> None:
    done = inspect(inspector, name, environment(home), "--method", "tools/list", "--strict", "--format", "json")
    assert done.returncode == 0, done.stderr
    tools = json.loads(done.stdout)["result"]["tools"]
    assert [tool["name"] for tool in tools] == list(GOOD[name])


@pytest.mark.parametrize("name", SERVERS)
def test_the_inspector_calls_a_tool(name: str, home: Path, task_id: str, inspector: list[str]) -> None:
    tool, arguments, field = {
        "aidb": ("search_knowledge", ["query=capital", "limit=3"], "hits"),
        "hybrid-coordinator": ("routing_stats", ["window=24h"], "total_queries"),
        "ralph-wiggum": ("task_status", [f"task_id={task_id}"], "state"),
        "embeddings": ("embed_texts", ['texts=["one", "two"]'], "embeddings"),
    }[name]
    options = ["--method", "tools/call", "--tool-name", tool]
    for argument in arguments:
        options += ["--tool-arg", argument]
    provider = "llama_cpp" if name == "embeddings" else "none"
    environ = environment(home, EMBEDDINGS__PROVIDER=provider)
    done = inspect(inspector, name, environ, *options, "--format", "json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert not result.get("isError"), result
    assert field in result["structuredContent"]


def _one_shot(name: str, environ: dict[str, str], lines: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Replies by id, of a server that gets these lines and then the end of its input."""
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    done = subprocess.run(
        serve_command(name),
        check=False,
        input=text,
        capture_output=True,
        text=True,
        env=environ,
        cwd=environ["HOME"],
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return {message["id"]: message for message in messages if "id" in message}
