"""Bad arguments: refused in words that say what to do, by every tool, and the server goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.cli.servers import SERVERS
from tests.support.calls import GOOD, NEEDS_A_USER, Bad, bad_arguments, filled_in
from tests.support.stdio import Reply, StdioServer, environment

pytestmark = pytest.mark.timeout(300)

REFUSED = re.compile(r"INVALID_INPUT: [^\n]{5,}; [^\n]{5,}")
LONGEST_MESSAGE = 1000
SURROGATE = "a\ud800b"

TOOLS = [(server, tool) for server in SERVERS for tool in GOOD[server]]


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[dict[str, StdioServer]]:
    """Servers that were started so far, by name."""
    servers: dict[str, StdioServer] = {}
    yield servers
    for server in servers.values():
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def server(running: dict[str, StdioServer], home: Path, name: str) -> StdioServer:
    """The server that the test is about; one process for all tests, started again only if a test ended it."""
    if name not in running or running[name].process.poll() is not None:
        provider = "llama_cpp" if name == "embeddings" else "none"
        running[name] = StdioServer(name, environment(home, EMBEDDINGS__PROVIDER=provider))
        running[name].shake_hands()
    return running[name]


@pytest.fixture
def good(name: str, tool: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Arguments that the tool accepts."""
    arguments = GOOD[name][tool]
    return filled_in(arguments, request.getfixturevalue("task_id") if "task_id" in arguments else "")


@pytest.mark.parametrize(("name", "tool"), TOOLS)
def test_every_bad_argument_is_refused_with_a_remedy(server: StdioServer, tool: str, good: dict[str, Any]) -> None:
    bad = list(_bad_calls(server, tool, good))
    assert len(bad) >= 2
    wrong = {}
    for each in bad:
        reply = server.call(tool, each.arguments)
        if not _is_refusal(reply):
            wrong[each.why] = reply.text[:200]
    assert wrong == {}


@pytest.mark.parametrize(("name", "tool"), TOOLS)
def test_a_good_call_works_after_the_bad_ones(server: StdioServer, tool: str, good: dict[str, Any]) -> None:
    for each in _bad_calls(server, tool, good):
        server.begin_call(tool, each.arguments)
    reply = server.call(tool, good)
    assert reply.text.startswith("DENIED: ") if tool == NEEDS_A_USER else not reply.is_error, reply.text
    assert server.process.poll() is None


@pytest.mark.parametrize(
    ("name", "tool"), [each for each in TOOLS if GOOD[each[0]][each[1]] and each[1] != "task_result"]
)
def test_a_lone_surrogate_is_refused(server: StdioServer, tool: str, good: dict[str, Any]) -> None:
    texts = {name: value for name, value in good.items() if isinstance(value, str)}
    name = next(iter(texts), next(iter(good)))
    arguments = {**good, name: SURROGATE if name in texts else [SURROGATE]}
    reply = server.reply_to(server.begin_call(tool, arguments), timeout_seconds=5)
    text = reply["result"]["content"][0]["text"] if "result" in reply else reply["error"]["message"]
    assert reply.get("result", {}).get("isError"), reply
    assert REFUSED.fullmatch(text), text


@pytest.mark.parametrize("name", SERVERS)
def test_a_lone_surrogate_in_a_name_harms_nobody(server: StdioServer, name: str) -> None:
    tool = next(iter(GOOD[name]))
    assert _is_refusal(server.call(tool, {SURROGATE: 1}))
    assert server.call(SURROGATE, {}).text.startswith("NOT_FOUND: ")
    for method, params in (("resources/read", {"uri": SURROGATE}), ("prompts/get", {"name": SURROGATE})):
        assert server.ask(method, params)["error"]["code"] == -32602
    assert server.tools()


@pytest.mark.parametrize("name", SERVERS)
def test_an_unknown_tool_is_not_found_and_the_known_ones_are_named(server: StdioServer, name: str) -> None:
    for tool in ("no_such_tool", "", "QUERY", "x" * 5000, "a\0b"):
        reply = server.call(tool, {})
        assert reply.is_error
        assert reply.text.startswith("NOT_FOUND: "), reply.text
        assert all(known in reply.text.partition("; ")[2] for known in GOOD[name]), reply.text
        assert len(reply.text) < LONGEST_MESSAGE


@pytest.mark.parametrize("name", SERVERS)
def test_an_unknown_method_is_a_protocol_error(server: StdioServer) -> None:
    assert server.ask("tools/no_such_method")["error"]["code"] == -32601


@pytest.mark.parametrize("name", SERVERS)
def test_arguments_that_are_no_object_are_a_protocol_error(server: StdioServer, name: str) -> None:
    tool = next(iter(GOOD[name]))
    wrong: tuple[object, ...] = ([], "x", 7, True)
    for arguments in wrong:
        reply = server.ask("tools/call", {"name": tool, "arguments": arguments})
        assert reply["error"]["code"] == -32602, reply


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"   ", b"hello", b"{", b"[]", b"null", b"7", b'{"jsonrpc": "2.0"}', b"\xff\xfe", b"\0"),
        *(b"{}" * 100_000, b"[" * 10_000 + b"]" * 10_000, b"x" * 1_000_000),
        *(b'{"id": true}', b'{"jsonrpc": "2.0", "id": false, "method": 5}', b'{"id": 1.5}', b'{"id": {}}'),
        b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": "method", "method": "\\ud800"}',
        b'{"jsonrpc": "2.0", "id": "meta", "method": "tools/list", "params": {"_meta": {"progressToken": "\\ud800"}}}',
    ],
    ids=lambda line: repr(line[:12]),
)
def test_a_line_that_is_no_message_harms_nobody(server: StdioServer, line: bytes) -> None:
    server.tell(line)
    assert server.tools()


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("number", "params"),
    list(enumerate(([], "x", 7, '{"jsonrpc": "2.0", "id": "another", "method": "ping"}'), start=1_000_000)),
)
def test_a_request_whose_parameters_are_no_object_is_answered_by_its_id(
    server: StdioServer, number: int, params: object
) -> None:
    server.tell({"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": params})
    assert server.reply_to(number, timeout_seconds=5)["error"]["code"] == -32600
    assert server.tools()
    assert not any(message.get("id") == "another" for message in server.messages)


def _bad_calls(server: StdioServer, tool: str, good: dict[str, Any]) -> Iterator[Bad]:
    schema = next(each["inputSchema"] for each in server.tools() if each["name"] == tool)
    yield from bad_arguments(schema, good)
    if tool == "import_document":
        by_path = {"path": "plan.json"}
        yield from (each for each in bad_arguments(schema, by_path) if each.arguments.get("path") != "plan.json")
        yield Bad("neither text nor path", {"title": "Nothing"})
        yield Bad("text and path", {"text": "x", "path": "plan.json"})
    if tool == "routing_stats":
        yield from (
            Bad(f"window {text}", {"window": text}) for text in ("1", "h", "-1h", "1.5h", "24 h", "9" * 30 + "d")
        )


def _is_refusal(reply: Reply) -> bool:
    return reply.is_error and len(reply.text) < LONGEST_MESSAGE and bool(REFUSED.fullmatch(reply.text))
