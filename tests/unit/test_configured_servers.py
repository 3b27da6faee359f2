"""Which servers there are: the settings, `mcp.json` and what comes with mcp-stack, put together."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.gateway.configured import Configured, configured, own_server
from mcp_stack.aidb.gateway.manifests import Manifest, manifests_folder, read_manifests
from mcp_stack.errors import UsageError
from mcp_stack.ports.tools import KnownTool
from mcp_stack.ports.upstreams import STARTED_BY_A_GATEWAY
from mcp_stack.settings import load_settings
from mcp_stack.settings.mcp_json import expanded, read_mcp_json

ECHO = KnownTool("router", "echo", "", "", "", {})
OURS = Manifest("hybrid-coordinator", "answering", ("mcp-stack", "serve", "hybrid-coordinator"), (ECHO,), "h.json")
SELF = Manifest("aidb", "knowledge", ("mcp-stack", "serve", "aidb"), (ECHO,), "a.json")


class Folder:
    """A configuration folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def found(
        self,
        mcp_json: object = None,
        settings: object = None,
        manifests: tuple[Manifest, ...] = (),
        **environ: str,
    ) -> Configured:
        if mcp_json is not None:
            text = mcp_json if isinstance(mcp_json, str) else json.dumps({"mcpServers": mcp_json})
            (self.path / "mcp.json").write_text(text)
        environ = {"MCP_STACK_CONFIG": str(self.path), **environ}
        if settings is not None:
            environ["MCP_STACK_TOOLS__SERVERS"] = json.dumps(settings)
        loaded = load_settings(environ, self.path)
        return configured(loaded.settings, self.path, environ, {each.server: each for each in manifests})

    def refusal(self, settings: object) -> str:
        with pytest.raises(UsageError) as caught:
            self.found(settings=settings)
        return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_an_entry_of_mcp_json_becomes_a_server(folder: Folder) -> None:
    entries = {
        "time": {"command": "uvx", "args": ["mcp-server-time", "--port", 7], "env": {"A": "1"}, "alwaysAllow": []},
        "far": {"type": "http", "url": "https://example.org/mcp", "headers": {"Authorization": "Bearer ${KEY}"}},
        "old": {"url": "http://localhost:1/sse"},
    }
    found = folder.found(entries, KEY="k3y").upstreams
    time, far, old = found["time"], found["far"], found["old"]
    assert (time.transport, time.command, dict(time.environment)) == (
        "stdio",
        ("uvx", "mcp-server-time", "--port", "7"),
        {"A": "1"},
    )
    assert time.folder.rstrip("/") == str(folder.path)
    assert (far.transport, dict(far.headers)) == ("streamable-http", {"Authorization": "Bearer k3y"})
    assert old.transport == "sse"
    assert not [each for each in found.values() if each.problem]


def test_one_bad_entry_leaves_the_others_as_they_are(folder: Folder) -> None:
    entries = {
        "good": {"command": "x"},
        "empty": {},
        "both": {"command": "x", "url": "http://x"},
        "odd": {"command": "x", "type": "carrier-pigeon"},
        "number": 7,
        "list": {"command": ["x"]},
        "ftp": {"url": "ftp://x"},
        "unset": {"command": "x", "env": {"TOKEN": "${NO_SUCH_VARIABLE}"}},
        "a.b": {"command": "x"},
    }
    found = folder.found(entries).upstreams
    assert not found["good"].problem
    file = str(folder.path / "mcp.json")
    problems = {name: each.problem.removeprefix(file + ": ") for name, each in found.items() if each.problem}
    assert problems == {
        "empty": "mcpServers.empty: give either command or url",
        "both": "mcpServers.both: give either command or url",
        "odd": "mcpServers.odd: type must be one of stdio, sse, http, streamable-http, streamable_http, streamableHttp",
        "number": "mcpServers.number: it must be a group of keys such as command and args, or url",
        "list": "mcpServers.list.command: Input should be a valid string",
        "ftp": "mcpServers.ftp: url must start with http:// or https:// and name a host",
        "unset": "env.TOKEN: the environment variable NO_SUCH_VARIABLE is not set",
        "a.b": "mcpServers.a.b: a server's name is 1 to 64 letters, digits, - and _, and no dot: rename it to a-b",
    }


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"mcpServers": []}', "\xff", "[" * 100_000, '{"a": NaN'])
def test_a_file_that_is_none_is_told_of_and_harms_nobody(folder: Folder, text: str) -> None:
    found = folder.found(text, settings={"time": {"command": "x"}})
    assert list(found.upstreams) == ["time"]
    assert len(found.notes) == 1
    assert str(folder.path / "mcp.json") in found.notes[0]


def test_a_folder_in_place_of_the_file_is_told_of(folder: Folder) -> None:
    (folder.path / "mcp.json").mkdir()
    assert "Is a directory" in folder.found().notes[0]


def test_settings_count_before_mcp_json_and_it_is_said(folder: Folder) -> None:
    found = folder.found({"time": {"command": "theirs"}}, settings={"time": {"command": "ours"}})
    assert found.upstreams["time"].command == ("ours",)
    assert found.notes == [
        f"server time is configured twice: tools.servers.time counts, {folder.path / 'mcp.json'} does not"
    ]


def test_a_bad_setting_stops_the_start_and_names_file_and_key_but_no_secret(folder: Folder) -> None:
    secret = {"TOKEN": "s3cret"}
    refused = [
        folder.refusal({"time": {"env": secret}}),
        folder.refusal({"time": {"command": "x", "env": secret, "timeout_seconds": 0}}),
        folder.refusal({"time": {"command": "x", "args": ["s3cret", []]}}),
        folder.refusal({"a.b": {"command": "x", "env": secret}}),
        folder.refusal({"time": {"command": "x", "headers": {"A": ["s3cret"]}}}),
        folder.refusal({"time": "s3cret"}),
        folder.refusal(["s3cret"]),
    ]
    where = "INVALID_INPUT: environment MCP_STACK_TOOLS__SERVERS: tools.servers"
    assert [text.split(": ")[2] for text in refused] == [
        "tools.servers.time",
        "tools.servers.time.timeout_seconds",
        "tools.servers.time.args.1",
        "tools.servers.a.b",
        "tools.servers.time.headers.A",
        "tools.servers.time",
        "tools.servers",
    ]
    assert all(text.startswith(where) for text in refused)
    assert not [text for text in refused if "s3cret" in text]


def test_settings_are_shown_without_what_may_be_secret(folder: Folder) -> None:
    servers = {"time": {"command": "x", "args": ["--key", "s3cret"], "env": {"TOKEN": "s3cret"}}}
    environ = {"MCP_STACK_CONFIG": str(folder.path), "MCP_STACK_TOOLS__SERVERS": json.dumps(servers)}
    rows = load_settings(environ, folder.path).rows()
    assert ("tools.servers", "{time}", "environment MCP_STACK_TOOLS__SERVERS") in rows
    assert "s3cret" not in repr(folder.found(settings=servers).upstreams["time"].environment.keys())
    assert "TOKEN" not in repr(folder.found(settings=servers).upstreams["time"])


@pytest.mark.parametrize(
    ("command", "server"),
    [
        (("mcp-stack", "serve", "aidb"), "aidb"),
        (("/opt/bin/mcp-stack", "serve", "aidb", "--stdio-legacy"), "aidb"),
        (("uvx", "mcp-stack", "serve", "ralph-wiggum"), "ralph-wiggum"),
        (("python", "-m", "mcp_stack", "serve", "embeddings"), "embeddings"),
        (("python", str(Path(__file__).parents[2] / "servers" / "hybrid_coordinator.py")), "hybrid-coordinator"),
        (("python", "servers/aidb.py"), "aidb"),
        (("python", "my/aidb.py"), ""),
        (("mcp-stack", "worker"), ""),
        (("other", "serve", "aidb"), ""),
        ((), ""),
    ],
)
def test_our_own_servers_are_known_by_their_command(command: tuple[str, ...], server: str) -> None:
    assert own_server(command) == server


def test_this_server_is_never_among_the_others(folder: Folder) -> None:
    entries = {"aidb": {"command": "mcp-stack", "args": ["serve", "aidb"]}, "kb": {"command": "servers/aidb.py"}}
    found = folder.found(entries, manifests=(SELF,))
    assert found.upstreams == {}
    assert list(found.shipped) == ["aidb"]


def test_what_comes_with_mcp_stack_is_there_without_being_configured(folder: Folder) -> None:
    found = folder.found(manifests=(OURS, SELF))
    ours = found.upstreams["hybrid-coordinator"]
    assert (ours.ours, ours.command) == (True, (sys.executable, "-m", "mcp_stack", "serve", "hybrid-coordinator"))
    assert [tool.name for tool in found.shipped["hybrid-coordinator"]] == ["hybrid-coordinator.echo"]


def test_it_goes_by_the_name_that_it_is_configured_under(folder: Folder) -> None:
    found = folder.found(
        {"router": {"command": "mcp-stack", "args": ["serve", "hybrid-coordinator"]}}, manifests=(OURS,)
    )
    assert list(found.upstreams) == ["router"]
    assert [tool.name for tool in found.shipped["router"]] == ["router.echo"]


def test_another_server_of_its_name_takes_its_place(folder: Folder) -> None:
    found = folder.found({"hybrid-coordinator": {"command": "other"}}, manifests=(OURS,))
    assert not found.upstreams["hybrid-coordinator"].ours
    assert found.shipped == {}


def test_a_gateway_that_a_gateway_started_starts_nothing(folder: Folder) -> None:
    found = folder.found({"time": {"command": "x"}}, manifests=(OURS, SELF), **{STARTED_BY_A_GATEWAY: "1"})
    assert found.upstreams == {}
    assert list(found.shipped) == ["aidb"]
    assert found.notes


def test_another_way_to_reach_it_is_noticed_but_a_new_secret_is_not_one(folder: Folder) -> None:
    def fingerprint(**entry: Any) -> bytes:
        return folder.found({"x": {"command": "x", **entry}}).upstreams["x"].fingerprint

    assert fingerprint(env={"TOKEN": "old"}) == fingerprint(env={"TOKEN": "new"})
    assert len({fingerprint(), fingerprint(args=["1"]), fingerprint(cwd="sub"), fingerprint(env={"B": "1"})}) == 4


def test_variables_are_filled_in() -> None:
    environ = {"A": "1", "EMPTY": ""}
    assert expanded("x${A}y${B:-2}z${EMPTY:-3}$A ${ not one }", environ) == "x1y2z3$A ${ not one }"
    with pytest.raises(UsageError, match="EMPTY is not set"):
        expanded("${EMPTY}", environ)


def test_the_manifests_of_the_checkout_say_how_to_start_each_server() -> None:
    manifests = read_manifests(manifests_folder(""))
    assert set(manifests) == {"aidb", "hybrid-coordinator", "ralph-wiggum", "embeddings"}
    assert {name: own_server(each.command) for name, each in manifests.items()} == {name: name for name in manifests}


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {"x": {"command": "y"}}}', encoding="utf-8-sig")
    assert list(read_mcp_json(file).servers) == ["x"]
