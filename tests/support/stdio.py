"""Our servers as processes of their own, spoken to over stdio in lines of JSON-RPC.

::

    with served("aidb", environment(home)) as server:
        reply = server.call("health", {})
        assert not reply.is_error, reply.text
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from mcp_stack.storage.postgres.processes import read_pid_file, server_processes

HANDSHAKE = "2025-06-18"
MODERN = "2026-07-28"
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "COVERAGE_PROCESS_START",
)
SCRIPTED_AGENT = Path(__file__).with_name("scripted_agent.py")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tool answered."""

    is_error: bool
    text: str
    structured: Mapping[str, Any]


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The environment of a user whose home, data and configuration are below a folder of the test's.

    Requests are not limited, tasks are done by the scripted agent with the plan `home/plan.json`, and texts are found
    by their words, unless `settings` say otherwise.

    Args:
        home: Made if absent; the home, and so an allowed root.
        settings: More variables; those of our settings without MCP_STACK_.
    """
    plan = home / "plan.json"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "config").mkdir(exist_ok=True)
    if not plan.exists():
        plan.write_text("{}", encoding="utf-8")
    ours = {
        "DATA": str(home / "data"),
        "CONFIG": str(home / "config"),
        "SECRETS": str(home / "no-secrets"),
        "EMBEDDINGS__PROVIDER": "none",
        "SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE": "1000000",
        "SECURITY__RATE_LIMIT__REQUESTS_PER_HOUR": "1000000",
        "JOBS__AUTOSTART": "false",
        "JOBS__LINGER_SECONDS": "0",
        # The scripted agent notes its starts beside its plan.
        "RALPH__SANDBOX__TIER": "none",
        "RALPH__SANDBOX__REQUIRED": "false",
        "RALPH__BACKENDS__DEFAULT": "command",
        "RALPH__BACKENDS__COMMAND": json.dumps([sys.executable, str(SCRIPTED_AGENT), str(plan)]),
    }
    theirs = {name: value for name, value in settings.items() if name in UNPREFIXED}
    ours |= {name: value for name, value in settings.items() if name not in UNPREFIXED}
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return inherited | {"HOME": str(home)} | {f"MCP_STACK_{name}": value for name, value in ours.items()} | theirs


UNPREFIXED = frozenset({"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "DATABASE_URL"})


def serve_command(name: str, *options: str) -> list[str]:
    """The command line of a server."""
    return [sys.executable, "-m", "mcp_stack", "serve", name, *options]


class StdioServer:
    """A server's process, with a thread that reads every line it writes.

    Args:
        name: The server.
        environ: Its environment, from `environment`.
        options: Of `mcp-stack serve`.
        command: What to start instead of `serve_command(name, *options)`.

    Attributes:
        process: The process that was started.
        lines: Everything on stdout so far, without the line ends.
        messages: The same, parsed; a line that is no JSON is not among them.
    """

    def __init__(
        self, name: str, environ: Mapping[str, str], *options: str, command: Sequence[str] | None = None
    ) -> None:
        self.name = name
        self.lines: list[bytes] = []
        self.messages: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._news = threading.Condition()
        self._at_end = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - read for as long as this object lives
        self.process = subprocess.Popen(
            command or serve_command(name, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=dict(environ),
            cwd=environ["HOME"],
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"stdout of {name}", daemon=True)
        self._reader.start()

    # --- speaking -----------------------------------------------------------------------------------------------

    def tell(self, message: Mapping[str, Any] | bytes) -> None:
        """Send a message, or a line as it is."""
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def begin(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Send a request without waiting for its reply.

        Returns:
            Its id.
        """
        number = next(self._ids)
        self.tell({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}})
        return number

    def reply_to(self, number: int, timeout_seconds: float = 30) -> dict[str, Any]:
        """The reply to a request, waited for."""

        def here() -> dict[str, Any] | None:
            return next((each for each in self.messages if each.get("id") == number and "method" not in each), None)

        with self._news:
            self._news.wait_for(lambda: here() or self._at_end, timeout_seconds)
            reply = here()
        assert reply is not None, (
            f"{self.name}: no reply to {number} within {timeout_seconds} s\n{self.stderr()[-3000:]}"
        )
        return reply

    def ask(self, method: str, params: Mapping[str, Any] | None = None, timeout_seconds: float = 30) -> dict[str, Any]:
        """Send a request and wait for its reply, a result or an error."""
        return self.reply_to(self.begin(method, params), timeout_seconds)

    def shake_hands(self, version: str = HANDSHAKE) -> dict[str, Any]:
        """Initialize the session.

        Returns:
            The result of `initialize`.
        """
        client = {"name": "raw", "version": "1"}
        reply = self.ask("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": client})
        assert "result" in reply, reply
        self.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        result: dict[str, Any] = reply["result"]
        return result

    def tools(self) -> list[dict[str, Any]]:
        """Every tool as it is published."""
        tools: list[dict[str, Any]] = self.ask("tools/list")["result"]["tools"]
        return tools

    def call(self, tool: str, arguments: Mapping[str, Any], timeout_seconds: float = 30) -> Reply:
        """Call a tool and wait for what it answers."""
        return self.answer(self.begin_call(tool, arguments), timeout_seconds)

    def must(self, tool: str, arguments: Mapping[str, Any], timeout_seconds: float = 30) -> Mapping[str, Any]:
        """Call a tool that must succeed; its structured result."""
        reply = self.call(tool, arguments, timeout_seconds)
        assert not reply.is_error, f"{tool} of {self.name}: {reply.text}\n{self.stderr()[-3000:]}"
        return reply.structured

    def begin_call(self, tool: str, arguments: Mapping[str, Any]) -> int:
        """Call a tool without waiting; the id of the request."""
        return self.begin("tools/call", {"name": tool, "arguments": arguments})

    def answer(self, number: int, timeout_seconds: float = 30) -> Reply:
        """What the tool of a request answered, waited for."""
        reply = self.reply_to(number, timeout_seconds)
        assert "result" in reply, f"{self.name} answered with a protocol error: {reply}"
        result = reply["result"]
        text = "\n".join(part["text"] for part in result["content"] if part["type"] == "text")
        return Reply(bool(result.get("isError")), text, result.get("structuredContent") or {})

    # --- ending -------------------------------------------------------------------------------------------------

    def close_stdin(self) -> None:
        """Leave, as a client does."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def wait_for_end_of_output(self, timeout_seconds: float) -> bool:
        """Whether stdout was closed in time, by the server and everything that had it from the server."""
        self._reader.join(timeout_seconds)
        return not self._reader.is_alive()

    def stderr(self) -> str:
        """Everything it logged so far."""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    def end(self, timeout_seconds: float = 15) -> int:
        """Leave and wait for the end.

        Returns:
            The exit status.
        """
        self.close_stdin()
        status = self.process.wait(timeout_seconds)
        assert self.wait_for_end_of_output(timeout_seconds)
        return status

    def kill(self) -> None:
        """End it at once, with everything that it started and that is still its own."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        self.process.kill()
        self.process.wait()
        self.close_stdin()
        self._reader.join(5)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip(b"\n"))
                with suppress(ValueError):
                    self.messages.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._at_end = True
            self._news.notify_all()


@contextmanager
def served(name: str, environ: Mapping[str, str], *options: str) -> Iterator[StdioServer]:
    """A server that has shaken hands; afterwards it is left, and must end by itself.

    It is left after a failure too, so that it takes its database with it, and only killed if it does not end.

    Args:
        name: The server.
        environ: From `environment`.
        options: Of `mcp-stack serve`.
    """
    server = StdioServer(name, environ, *options)
    try:
        server.shake_hands()
        yield server
        assert server.end() == 0, server.stderr()
    finally:
        server.close_stdin()
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(10)
        server.kill()


def database_processes(home: Path) -> set[int]:
    """Ids of every process of the embedded PostgreSQL of `home/data`."""
    pgdata = home / "data" / "postgres"
    return server_processes(pgdata) if pgdata.exists() else set()


def postmaster_of(home: Path) -> int:
    """Process id of the postmaster of `home/data`."""
    file = read_pid_file(home / "data" / "postgres")
    assert file is not None, "PostgreSQL does not run"
    return file.pid


def wait_until_database_is_gone(home: Path, timeout_seconds: float = 30) -> None:
    """Wait for the end of the database of `home/data`: a worker may need it a moment longer than the last server."""
    deadline = time.monotonic() + timeout_seconds
    while left := database_processes(home):
        assert time.monotonic() < deadline, f"PostgreSQL goes on without users: {sorted(left)}"
        time.sleep(0.02)
