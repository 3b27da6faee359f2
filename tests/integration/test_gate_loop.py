"""Tasks whose agents reach their model through the gate: what it costs is recorded, and a budget ends them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mcp_stack.storage.postgres.pool import Database
from tests.support.gate import gate_to, model_of
from tests.support.ralph import RalphParts, make_repository
from tests.support.scripted_claude import ScriptedClaude

AGENT = Path(__file__).parents[1] / "support" / "asking_agent.py"
VERIFY = ["grep -q right answer.txt"]


@pytest.fixture
def claude() -> Iterator[ScriptedClaude]:
    with ScriptedClaude() as endpoint:
        yield endpoint


@pytest.fixture
def workspace(tmp_path: Path) -> str:
    return str(make_repository(tmp_path / "workspace", {"README": "Hello."}))


@pytest.fixture
async def parts(database: Database, tmp_path: Path, claude: ScriptedClaude) -> AsyncIterator[RalphParts]:
    made = RalphParts(database, tmp_path / "data", tmp_path, [sys.executable, str(AGENT), "answer.txt"])
    async with gate_to(model_of(claude)) as gate:
        made.gate = gate
        yield made


async def test_what_the_model_took_is_in_the_record_of_each_iteration(
    parts: RalphParts, claude: ScriptedClaude, workspace: str
) -> None:
    claude.answers("wrong", tokens_in=1000, tokens_out=100)
    claude.answers("right", tokens_in=2000, tokens_out=200)
    task = await parts.ralph.submit("Find the right answer.", workspace=workspace, verify=VERIFY)
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert status.state == "completed"
    assert status.tokens == 3300
    assert status.cost == pytest.approx(0.009)
    iterations = await parts.runs.iterations(task.task_id)
    assert [each.tokens for each in iterations] == [1100, 2200]
    assert [each.cost_usd for each in iterations] == pytest.approx([0.003, 0.006])


async def test_a_task_ends_when_its_budget_is_used_up(
    parts: RalphParts, claude: ScriptedClaude, workspace: str
) -> None:
    claude.always_answers("wrong", tokens_in=1000, tokens_out=100)
    task = await parts.ralph.submit("Find it.", workspace=workspace, verify=VERIFY, max_cost_usd=0.005)
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert status.state == "limit_reached"
    assert status.cost == pytest.approx(0.006)
    assert len(claude.received) == 2


async def test_an_agent_never_sees_the_providers_key(
    parts: RalphParts, claude: ScriptedClaude, workspace: str, tmp_path: Path
) -> None:
    shell = ["sh", "-c", "env > seen.txt"]
    other = RalphParts(parts.database, tmp_path / "data2", tmp_path, shell)
    other.gate = parts.gate
    task = await other.ralph.submit("Look around.", workspace=workspace, verify=["true"])
    await other.finish(task.task_id)
    result = await other.ralph.result(task.task_id)
    assert result.state == "completed"
    [seen] = (other.folder / "worktrees").rglob("seen.txt")
    text = seen.read_text()
    assert "OPENAI_BASE_URL=http://127.0.0.1:" in text
    assert "sk-the-providers-own-key" not in text
