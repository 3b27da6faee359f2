"""Tasks from their submission to their end with real agents: the loop is what makes them complete."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mcp_stack.ralph.backends import INSTALLED_PROGRAMS
from mcp_stack.ralph.backends.locating import Programs
from mcp_stack.storage.postgres.pool import Database
from tests.support.agents import BROKEN, FOLDER, MENDING, FixedGate, access_to, real_agent
from tests.support.ralph import RalphParts, git, make_repository
from tests.support.scripted_coder import Edit, ScriptedCoder
from tests.support.unconfined import Unconfined

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PYTEST = f"{sys.executable} -m pytest -q -p no:cacheprovider"
FEATURE = "def greeting(name):\n    return f'Hello, {name}!'\n"
TESTS = (
    "from greeting import greeting\n\n\n"
    "def test_it_names_who_is_greeted():\n"
    "    assert greeting('Ada') == 'Hello Ada'\n"
)


def ralph(database: Database, tmp_path: Path) -> RalphParts:
    settings = {"backends": {"default": "aider", "fallback": ""}}
    return RalphParts(database, tmp_path / "data", tmp_path / "projects", [], settings=settings)


async def test_a_feature_without_tests_goes_on_until_it_has_some_that_pass(database: Database, tmp_path: Path) -> None:
    """Iteration 1 writes no tests; 2 writes a wrong one and is blocked by exit code 2; 3 corrects it."""
    real_agent("aider")
    wrapped = tmp_path / "aider"
    wrapped.write_text(
        f"#!/bin/sh\n'{FOLDER / 'aider' / 'bin' / 'aider'}' \"$@\"\ncode=$?\n"
        '[ "$MCP_STACK_ITERATION" = 2 ] && exit 2\nexit $code\n'
    )
    wrapped.chmod(0o755)
    workspace = make_repository(tmp_path / "projects" / "hello", {"README.md": "# Hello\n"})
    parts = ralph(database, tmp_path)
    programs = Programs({"aider": str(wrapped)}, FOLDER, {})
    parts.agents["aider"] = INSTALLED_PROGRAMS["aider"](programs, {}, Unconfined())
    iterations = {
        1: [Edit("greeting.py", "", FEATURE)],
        2: [Edit("test_greeting.py", "", TESTS)],
        3: [
            Edit(
                "test_greeting.py",
                "    assert greeting('Ada') == 'Hello Ada'",
                "    assert greeting('Ada') == 'Hello, Ada!'",
            )
        ],
    }
    with ScriptedCoder(iterations, folder=workspace) as model:
        parts.gate = FixedGate(access_to(model))
        task = await parts.ralph.submit("Greet people, with tests.", workspace=str(workspace), verify=[PYTEST])
        await parts.finish(task.task_id, most=4)
        told = [str(request.body["messages"][-1]["content"]) for request in model.received]
    result = await parts.ralph.result(task.task_id)
    assert (result.state, result.iterations) == ("completed", 3), result.summary
    assert result.exit_codes == ["0", "2 (blocked)", "0"]
    assert git(workspace, "rev-list", "--reverse", f"main..{result.branch}").splitlines() == result.commits
    assert len(result.commits) == 3
    assert result.files_modified == 2
    assert any("iteration 2 of" in text and "no tests ran" in text for text in told)
    assert any("iteration 3 of" in text and "1 failed" in text for text in told)
    kinds = [kind for kind, _ in parts.events.events]
    assert kinds.count("iteration_finished") == 3
    assert kinds.count("exit_blocked") == 1
    assert git(workspace, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["goose", "claude-code"])
async def test_a_bug_in_three_files_is_mended_and_found_to_be_by_the_detected_tests(
    name: str, database: Database, tmp_path: Path
) -> None:
    workspace = make_repository(tmp_path / "projects" / "reports", BROKEN)
    parts = ralph(database, tmp_path)
    parts.agents[name] = real_agent(name)
    # Half of it first: what the test says is in the next prompt.
    iterations = {1: MENDING[:1], 2: MENDING[1:]}
    with ScriptedCoder(iterations, folder=parts.workspaces.worktree_path("TASK")) as model:
        parts.gate = FixedGate(access_to(model))
        task = await parts.ralph.submit("The report is wrong.", workspace=str(workspace), backend=name)
        model.folder = parts.workspaces.worktree_path(task.task_id)
        await parts.finish(task.task_id, most=3)
        told = [str(request.body.get("messages")) for request in model.received]
    result = await parts.ralph.result(task.task_id)
    assert (result.state, result.exit_codes, result.files_modified) == ("completed", ["0", "0"], 3), result.summary
    assert any("iteration 2 of" in text and "LovelaceAda: 3 EUR" in text for text in told)


async def test_a_function_is_renamed_over_several_files(database: Database, tmp_path: Path) -> None:
    mended = dict(BROKEN)
    for edit in MENDING:
        mended[edit.file] = mended[edit.file].replace(edit.old, edit.new)
    workspace = make_repository(tmp_path / "projects" / "reports", mended)
    parts = ralph(database, tmp_path)
    parts.agents["continue"] = real_agent("continue")
    renaming = [
        Edit("prices.py", "def total(prices):", "def sum_of(prices):"),
        Edit("report.py", "from prices import total", "from prices import sum_of"),
        Edit("report.py", "{total(prices)}", "{sum_of(prices)}"),
    ]
    verify = [
        PYTEST,
        "grep -rqw sum_of prices.py",
        f"{sys.executable} -c 'import prices; assert not hasattr(prices, \"total\")'",
    ]
    with ScriptedCoder(renaming, folder=Path("/nonexistent")) as model:
        parts.gate = FixedGate(access_to(model))
        task = await parts.ralph.submit("Rename it.", workspace=str(workspace), backend="continue", verify=verify)
        model.folder = parts.workspaces.worktree_path(task.task_id)
        await parts.finish(task.task_id, most=2)
    result = await parts.ralph.result(task.task_id)
    assert (result.state, result.exit_codes, result.files_modified) == ("completed", ["0"], 2), result.summary


async def test_a_missing_agent_is_replaced_by_the_fallback(database: Database, tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "projects" / "reports", BROKEN)
    settings = {"backends": {"default": "aider", "fallback": "goose"}}
    parts = RalphParts(database, tmp_path / "data", tmp_path / "projects", [], settings=settings)
    parts.agents["aider"] = INSTALLED_PROGRAMS["aider"](
        Programs({}, tmp_path, {"PATH": "/nonexistent"}), {}, Unconfined()
    )
    parts.agents["goose"] = real_agent("goose")
    with ScriptedCoder(MENDING, folder=workspace) as model:
        parts.gate = FixedGate(access_to(model))
        task = await parts.ralph.submit("The report is wrong.", workspace=str(workspace), verify=[PYTEST])
        model.folder = parts.workspaces.worktree_path(task.task_id)
        await parts.finish(task.task_id, most=2)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.backend, status.iteration) == ("completed", "goose", 1)
    assert "the backend aider cannot be used" in (await parts.ralph.result(task.task_id)).summary.lower()
