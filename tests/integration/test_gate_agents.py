"""Every real coding agent behind the gate, with a model that speaks the other API."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_stack.ports.agent_models import AgentModel
from tests.support.agents import BROKEN, MENDING, NAMES, assignment, real_agent
from tests.support.gate import PRICE, PROVIDERS_KEY, claude_at, gate_to, openai_at
from tests.support.ralph import git, make_repository
from tests.support.scripted_coder import TOKENS_IN, TOKENS_OUT, ScriptedCoder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def _other(name: str, model: ScriptedCoder) -> AgentModel:
    """The model that does not speak what the agent speaks."""
    return openai_at(model.url, model.model) if name == "claude-code" else claude_at(model.url, model.model)


@pytest.mark.parametrize("name", NAMES)
async def test_it_works_with_a_model_of_the_other_api_and_is_counted(name: str, tmp_path: Path) -> None:
    worktree = make_repository(tmp_path / "worktree", BROKEN)
    agent = real_agent(name)
    with ScriptedCoder(MENDING, folder=worktree, last_word="All three are mended.") as model:
        async with gate_to(_other(name, model)) as gate, gate.open("task", max_cost_usd=1) as opened:
            outcome = await agent.run(assignment(worktree, tmp_path / "scratch", opened.access))
            use = opened.use
        asked = [request for request in model.received if request.body]
    assert outcome.exit_code == 0, outcome.output_tail
    assert git(worktree, "diff", "--name-only").splitlines() == ["names.py", "prices.py", "report.py"]
    path = "/v1/chat/completions" if name == "claude-code" else "/v1/messages"
    assert {request.path for request in asked} == {path}
    assert use.calls == len(asked)
    assert (use.tokens_in, use.tokens_out) == (use.calls * TOKENS_IN, use.calls * TOKENS_OUT)
    assert use.cost_usd == pytest.approx(use.calls * PRICE.cost_usd(TOKENS_IN, TOKENS_OUT))
    assert not use.failed
    keys = {request.headers.get("x-api-key") or request.headers.get("authorization") for request in asked}
    assert keys <= {PROVIDERS_KEY, f"Bearer {PROVIDERS_KEY}"}


@pytest.mark.parametrize("name", ["aider", "continue", "claude-code"])
async def test_it_gives_up_without_asking_on_when_its_budget_is_used_up(name: str, tmp_path: Path) -> None:
    worktree = make_repository(tmp_path / "worktree", BROKEN)
    agent = real_agent(name)
    with ScriptedCoder(MENDING, folder=worktree) as model:
        async with gate_to(_other(name, model)) as gate, gate.open("task", max_cost_usd=1e-9) as opened:
            # Aider asks again for 64 s after the refusals that it takes for passing ones.
            outcome = await agent.run(assignment(worktree, tmp_path / "scratch", opened.access, timeout_seconds=40))
            assert not outcome.timed_out
            assert "budget is used up" in opened.use.refused
    assert not model.received
    assert git(worktree, "diff", "--name-only") == ""
