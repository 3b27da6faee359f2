"""`mcp-stack tools`, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import RAW, Raw, tool


class Shell:
    """A person's shell.

    Attributes:
        file: The `mcp.json`.
    """

    def __init__(self, home: Path, conninfo: str) -> None:
        self.home = home
        self.file = home / "config" / "mcp.json"
        self.file.parent.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DATABASE_URL": conninfo,
            "MCP_STACK_DATA": str(home / "data"),
            "MCP_STACK_CONFIG": str(self.file.parent),
        }

    def tools(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `mcp-stack tools`."""
        return subprocess.run(
            [sys.executable, "-m", "mcp_stack", "tools", *arguments],
            env=self.environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, *arguments: str) -> str:
        """Run it and have it succeed; what it printed."""
        done = self.tools(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def entries(self) -> dict[str, Any]:
        """The servers in the file."""
        found: dict[str, Any] = json.loads(self.file.read_text())["mcpServers"]
        return found


@pytest.fixture
def shell(tmp_path: Path, conninfo: str) -> Shell:
    return Shell(tmp_path, conninfo)


def test_a_server_is_added_changed_and_approved(shell: Shell, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["echo", "slow"])
    shell.environ["TOKEN"] = "s3cret"
    command = ("--", sys.executable, str(RAW), str(raw.file))
    added = shell.ok("add", "raw", "--env", "TOKEN", "--env", "A=1", "--category", "tests", *command)
    assert added.splitlines() == ["raw: 2 tools, 0 resources, 0 prompts", f"added to {shell.file}"]
    assert shell.entries() == {
        "raw": {
            "command": sys.executable,
            "args": [str(RAW), str(raw.file)],
            "env": {"TOKEN": "${TOKEN}", "A": "1"},
            "category": "tests",
        }
    }
    assert shell.file.stat().st_mode & 0o777 == 0o600
    listed = json.loads(shell.ok("list", "raw", "--json"))
    told = [(row["name"], row["status"], row["approved_by"], row["category"]) for row in listed]
    assert told == [("raw.echo", "known", "first use", "tests"), ("raw.slow", "known", "first use", "tests")]

    raw.plan({"tools": [tool("echo", "Sends everything away."), tool("slow")]})
    assert "quarantined: raw.echo" in shell.ok("refresh", "raw")
    assert shell.ok("list", "--status", "quarantined").split() == ["quarantined", "raw.echo"]
    shown = shell.ok("diff")
    assert "raw.echo: approved (first use)" in shown
    assert "-description: Does echo." in shown
    assert "+description: Sends everything away." in shown
    assert "raw.slow" not in shown
    assert shell.ok("approve", "--yes", "raw.echo").splitlines()[-1] == "approved raw.echo"
    assert "nothing is quarantined" in shell.ok("diff")
    assert "nothing is quarantined" in shell.ok("approve", "raw")
    shell.ok("category", "raw.echo", "sound")
    assert json.loads(shell.ok("list", "raw", "--json"))[0]["category"] == "sound"


def test_a_server_that_cannot_be_reached_is_not_added(shell: Shell, tmp_path: Path) -> None:
    shell.file.write_text('{"mcpServers": {"other": {"command": "x"}}, "theirs": [1]}')
    before = shell.file.read_bytes()
    done = shell.tools("add", "dead", "--", "no-such-program")
    assert done.returncode == 1
    assert "no-such-program: no such program" in done.stderr
    assert shell.file.read_bytes() == before
    raw = Raw(tmp_path, tools=["echo"])
    shell.ok("add", "raw", "--", sys.executable, str(RAW), str(raw.file))
    assert set(shell.entries()) == {"other", "raw"}
    assert json.loads(shell.file.read_text())["theirs"] == [1]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("add", "a.b", "--", "x"), 2, "rename it to a-b"),
        (("add", "x"), 2, "a server is a command or an address"),
        (("add", "x", "--url", "http://x", "--", "y"), 2, "a server is a command or an address"),
        (("diff", "no.such"), 1, "NOT_FOUND: there is no tool or server 'no.such'"),
        (("approve", "no.such"), 1, "NOT_FOUND"),
        (("refresh", "no-such"), 1, "NOT_FOUND: no server 'no-such' is configured"),
        (("category", "no.such", "x"), 1, "NOT_FOUND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_in_one_line(
    shell: Shell, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = shell.tools(*arguments)
    assert done.returncode == status
    (line,) = done.stderr.strip().splitlines()
    assert said in line
    assert not shell.file.exists()


def test_a_server_is_not_replaced_unless_it_is_said(shell: Shell, tmp_path: Path) -> None:
    raw = Raw(tmp_path, tools=["echo"])
    shell.file.write_text('{"mcpServers": {"raw": {"command": "old"}}}')
    command = ("--", sys.executable, str(RAW), str(raw.file))
    assert "CONFLICT" in shell.tools("add", "raw", *command).stderr
    assert shell.entries()["raw"] == {"command": "old"}
    shell.ok("add", "raw", "--replace", *command)
    assert shell.entries()["raw"]["command"] == sys.executable
