"""Approving a task through a client: its user is asked, and nobody else can say yes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import ElicitRequestParams, ElicitResult, Implementation

from mcp_stack.cli.tasks import INSIDE_AN_AGENT
from tests.support.stdio import MODERN, StdioServer, environment, serve_command, served, wait_until_database_is_gone

pytestmark = pytest.mark.timeout(300)

TASK = {"task": "Write a file that nobody has written.", "require_approval": True, "verify": ["true"]}
Answer = Literal["accept", "decline", "cancel"]


class User:
    """Somebody at a client, who answers what is asked.

    Args:
        action: What the user does with the question.
        content: What the user fills in.
    """

    def __init__(self, action: Answer, content: dict[str, Any] | None = None) -> None:
        self.action = action
        self.content = content
        self.asked: list[str] = []

    async def answer(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        return ElicitResult(action=self.action, content=self.content)


@asynccontextmanager
async def connected(home: Path, mode: str, user: User | None, log: Path) -> AsyncIterator[Client]:
    command, *arguments = serve_command("ralph-wiggum")
    parameters = StdioServerParameters(command=command, args=arguments, env=environment(home), cwd=home)
    with log.open("w", encoding="utf-8") as errors:
        async with Client(
            stdio_client(parameters, errlog=errors),
            mode=mode,
            read_timeout_seconds=60,
            client_info=Implementation(name="a client of the tests", version="1"),
            elicitation_callback=user.answer if user is not None else None,
        ) as client:
            yield client


async def called(client: Client, tool: str, arguments: Mapping[str, Any]) -> tuple[bool, str, dict[str, Any]]:
    """Whether it is an error, the text, and the structured content."""
    result = await client.call_tool(tool, dict(arguments))
    assert result.content[0].type == "text"
    return bool(result.is_error), result.content[0].text, result.structured_content or {}


async def submitted(client: Client) -> str:
    _, _, task = await called(client, "submit_task", TASK)
    assert task["state"] == "awaiting_approval"
    return str(task["task_id"])


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_user_of_a_client_sees_the_task_and_nothing_but_a_yes_approves_it(
    home: Path, mode: str, tmp_path: Path
) -> None:
    user = User("decline")
    async with connected(home, mode, user, tmp_path / "stderr") as client:
        task_id = await submitted(client)
        noes: list[tuple[Answer, dict[str, Any] | None, str]] = [
            ("decline", None, "DENIED"),
            ("cancel", None, "DENIED"),
            ("accept", {"approve": False}, "DENIED"),
            ("accept", {"approve": "of course"}, "INVALID_INPUT"),
        ]
        for user.action, user.content, code in noes:
            is_error, text, _ = await called(client, "approve_task", {"task_id": task_id})
            assert (is_error, text.partition(":")[0]) == (True, code)
        _, _, status = await called(client, "task_status", {"task_id": task_id})
        assert status["state"] == "awaiting_approval"

        user.action, user.content = "accept", {"approve": True}
        is_error, text, state = await called(client, "approve_task", {"task_id": task_id, "note": "fine"})
        assert not is_error, text
        assert state["state"] == "queued"
        assert "Write a file that nobody has written." in user.asked[-1]
        assert "before the first iteration" in user.asked[-1]
        _, _, log = await called(client, "task_log", {"task_id": task_id})
        approved = log["actions"][-1]
        assert (approved["action"], approved["via"], approved["note"]) == ("approved", "elicitation", "fine")
        assert approved["by"] == "the user of a client of the tests"
        await called(client, "cancel_task", {"task_id": task_id})

        user.asked.clear()
        is_error, text, _ = await called(client, "approve_task", {"task_id": task_id})
        assert (is_error, text.partition(":")[0]) == (True, "CONFLICT")
        is_error, text, _ = await called(client, "approve_task", {"task_id": "no such task"})
        assert (is_error, text.partition(":")[0]) == (True, "NOT_FOUND")
        assert user.asked == []


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_a_client_that_cannot_ask_its_user_is_told_what_the_user_can_do(
    home: Path, mode: str, tmp_path: Path
) -> None:
    async with connected(home, mode, None, tmp_path / "stderr") as client:
        task_id = await submitted(client)
        is_error, text, _ = await called(client, "approve_task", {"task_id": task_id})
        assert is_error
        assert text.startswith("DENIED: ")
        assert f"mcp-stack tasks approve {task_id}" in text
        _, _, status = await called(client, "task_status", {"task_id": task_id})
        assert status["state"] == "awaiting_approval"


# --- the command line ---------------------------------------------------------------------------------------------


@pytest.fixture
def server(home: Path) -> Any:
    with served("ralph-wiggum", environment(home)) as running:
        yield running


def tasks(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`mcp-stack tasks ...` without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "mcp_stack", "tasks", *arguments],
        env=environment(home) | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_line_shows_and_approves_what_waits(home: Path, server: StdioServer) -> None:
    task_id = str(server.must("submit_task", TASK)["task_id"])
    listed = tasks(home, "list", "--state", "awaiting_approval")
    assert task_id in listed.stdout
    shown = tasks(home, "show", task_id)
    assert "Write a file that nobody has written." in shown.stdout
    assert "before the first iteration" in shown.stdout
    without_terminal = tasks(home, "approve", task_id)
    assert without_terminal.returncode == 1
    assert "CONFLICT: nothing was approved" in without_terminal.stderr
    inside = tasks(home, "approve", task_id, "--yes", **{INSIDE_AN_AGENT: task_id})
    assert inside.returncode == 1
    assert "DENIED: an agent does not decide about tasks" in inside.stderr
    assert server.must("task_status", {"task_id": task_id})["state"] == "awaiting_approval"
    approved = tasks(home, "approve", task_id, "--yes", "--note", "read it")
    assert f"{task_id} is queued" in approved.stdout, approved.stderr
    tasks(home, "steer", task_id, "one", "word")
    assert f"{task_id} is cancelled" in tasks(home, "cancel", task_id).stdout
    assert "INVALID_INPUT" in tasks(home, "resume", task_id, "--max-iterations", "-1").stderr
    assert f"{task_id} is queued" in tasks(home, "resume", task_id, "--max-iterations", "1").stdout
    tasks(home, "cancel", task_id)
    assert f"{task_id} is cancelled" in tasks(home, "rollback", task_id, "0").stdout
    log = tasks(home, "log", task_id).stdout
    for word in ("approval_requested", "approved", "read it", "steered", "one word", "resumed", "rolled_back"):
        assert word in log
    assert "(terminal)" in log


def test_a_person_at_a_terminal_is_asked(home: Path, server: StdioServer) -> None:
    for answer, state in (("n", "awaiting_approval"), ("y", "queued")):
        task_id = str(server.must("submit_task", TASK)["task_id"])
        ours, theirs = pty.openpty()
        os.write(ours, f"{answer}\n".encode())
        subprocess.run(
            [sys.executable, "-m", "mcp_stack", "tasks", "approve", task_id],
            env=environment(home),
            stdin=theirs,
            capture_output=True,
            check=False,
            timeout=60,
        )
        os.close(ours)
        os.close(theirs)
        status = server.must("task_status", {"task_id": task_id})
        assert status["state"] != "awaiting_approval" if state == "queued" else status["state"] == state
        server.call("cancel_task", {"task_id": task_id})


def test_a_task_that_was_approved_is_done_by_the_worker(home: Path, server: StdioServer) -> None:
    plan = json.loads((home / "plan.json").read_text(encoding="utf-8"))
    assert plan == {}
    asked = {**TASK, "require_changes": False, "max_iterations": 1}
    task_id = str(server.must("submit_task", asked)["task_id"])
    tasks(home, "approve", task_id, "--yes")
    status = server.must("task_status", {"task_id": task_id})
    while status["state"] in ("queued", "running"):
        status = server.must("task_status", {"task_id": task_id, "wait_seconds": 30}, timeout_seconds=60)
    assert status["state"] == "completed"


# It knows where the data folder is, and is rid of what marks it.
ATTEMPT = """
export MCP_STACK_DATA={data} MCP_STACK_CONFIG={home}/config HOME={home} PYTHONPATH={path}
env -u MCP_STACK_TASK_ID {python} -m mcp_stack tasks approve {task_id} --yes > attempt.txt 2>&1
echo "exit code $?" >> attempt.txt
cat {data}/postgres/PG_VERSION >> attempt.txt 2>&1 || echo "no data folder" >> attempt.txt
"""


def test_an_agent_cannot_approve_a_task_although_it_knows_how(home: Path) -> None:
    with served("ralph-wiggum", environment(home)) as server:
        waiting = str(server.must("submit_task", TASK)["task_id"])
    script = ATTEMPT.format(
        data=home / "data",
        home=home,
        path=os.pathsep.join(path for path in sys.path if path),
        python=sys.executable,
        task_id=waiting,
    )
    # A worker of the other tests may be there still, with another agent.
    command = json.dumps(["sh", "-c", script])
    own = home.with_name("home of the attempt")
    environ = environment(
        own, RALPH__BACKENDS__COMMAND=command, RALPH__SANDBOX__TIER="auto", RALPH__SANDBOX__REQUIRED="true"
    )
    with served("ralph-wiggum", environ) as server:
        task = server.must("submit_task", {"task": "x", "verify": ["true"], "max_iterations": 1})
        task_id = str(task["task_id"])
        status = server.must("task_status", {"task_id": task_id})
        while status["state"] in ("queued", "running"):
            status = server.must("task_status", {"task_id": task_id, "wait_seconds": 30}, timeout_seconds=60)
        log = server.must("task_log", {"task_id": task_id, "iteration": 1})
        assert log["iterations"][0]["sandbox"] in ("bubblewrap", "landlock")
        assert "exit code 0" not in log["diff"]
        assert "+exit code" in log["diff"], log
        assert "+no data folder" in log["diff"], log
    wait_until_database_is_gone(own)
    with served("ralph-wiggum", environment(home)) as server:
        assert server.must("task_status", {"task_id": waiting})["state"] == "awaiting_approval"
