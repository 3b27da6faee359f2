"""The loop and the gate to models: what an agent is given, and what it is charged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.agent import AgentInfo, AgentOutcome, Assignment, ModelAccess
from mcp_stack.ports.model_gate import ModelUse
from mcp_stack.ports.run_control import Actor
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, make_repository

PERSON = Actor("ann@desk", "terminal")
ACCESS = ModelAccess("http://127.0.0.1:1/v1", "http://127.0.0.1:1", "key", "a-model")


@dataclass
class Access:
    """An access whose use a test says."""

    access: ModelAccess = ACCESS
    use: ModelUse = field(default_factory=ModelUse)


@dataclass
class Gate:
    """The port `ModelGate`: every access comes to the same use once it is closed."""

    use: ModelUse
    is_down: bool = False
    budgets: list[float] = field(default_factory=list)

    @asynccontextmanager
    async def open(self, task_id: str, *, max_cost_usd: float) -> AsyncIterator[Access]:
        if self.is_down:
            raise UnavailableError("no model is configured", "configure one")
        self.budgets.append(max_cost_usd)
        opened = Access()
        yield opened
        opened.use = self.use


@dataclass
class Writer:
    """The port `Agent`: writes a file, and remembers what it was given."""

    given: list[Assignment] = field(default_factory=list)
    exit_code: int = 0
    writes_from: int = 1
    meanwhile: Callable[[Assignment], Awaitable[None]] | None = None

    async def info(self) -> AgentInfo:
        return AgentInfo(installed=True, version="1")

    def check(self) -> None:
        """It is always there."""

    async def run(self, assignment: Assignment) -> AgentOutcome:
        self.given.append(assignment)
        if self.meanwhile is not None:
            await self.meanwhile(assignment)
        if assignment.iteration >= self.writes_from:
            (assignment.worktree / "n.txt").write_text(str(assignment.iteration), encoding="utf-8")
        output = assignment.scratch / "agent.log"
        return AgentOutcome(self.exit_code, "done", output, False, 0.1, cost_usd=9.0, tokens=9, sandbox="landlock")


Make = Callable[[Gate | None], tuple[RalphParts, Writer, Path]]


@pytest.fixture
def make(database: Database, tmp_path: Path) -> Make:
    def made(gate: Gate | None) -> tuple[RalphParts, Writer, Path]:
        repository = make_repository(tmp_path / "projects" / "one", {"a.txt": "a\n"})
        parts = RalphParts(database, tmp_path / "data", tmp_path / "projects", ["true"])
        agent = Writer()
        parts.agents["command"], parts.gate = agent, gate
        return parts, agent, repository

    return made


async def test_tokens_and_cost_of_each_iteration_are_those_that_the_gate_counted(make: Make) -> None:
    gate = Gate(ModelUse(calls=3, tokens_in=100, tokens_out=20, cost_usd=0.25))
    parts, agent, repository = make(gate)
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["grep -q 2 n.txt"], max_cost_usd=2)
    await parts.finish(task.task_id)
    assert [each.model for each in agent.given] == [ACCESS, ACCESS]
    assert gate.budgets == [2, 1.75]
    log = await parts.ralph.log(task.task_id)
    assert [(each.cost, each.tokens, each.sandbox) for each in log.iterations] == [(0.25, 120, "landlock")] * 2
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.cost, status.tokens) == ("completed", 0.5, 240)


async def test_without_calls_through_the_gate_the_agents_own_count_holds(make: Make) -> None:
    for gate in (Gate(ModelUse()), Gate(ModelUse(), is_down=True), None):
        parts, agent, repository = make(gate)
        task = await parts.ralph.submit("x", workspace=str(repository), verify=["true"])
        await parts.finish(task.task_id)
        assert (await parts.ralph.status(task.task_id)).cost == 9.0
        assert (agent.given[0].model is None) == (gate is None or gate.is_down)
        repository.rename(repository.with_name(f"was {task.task_id}"))


async def test_a_budget_ends_a_task_and_counts_anew_when_it_is_resumed(make: Make) -> None:
    gate = Gate(ModelUse(calls=1, cost_usd=0.5))
    parts, _, repository = make(gate)
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["false"], max_cost_usd=1)
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.iteration) == ("limit_reached", 2)
    assert "max_cost_usd (1) reached" in status.last_error
    await parts.ralph.resume(task.task_id, PERSON)
    await parts.finish(task.task_id)
    assert gate.budgets == [1, 0.5, 1, 0.5]


async def test_a_refused_request_is_the_end_of_the_budget_although_some_of_it_is_left(make: Make) -> None:
    gate = Gate(ModelUse(calls=1, cost_usd=0.9, refused="the task's budget is used up"))
    parts, _, repository = make(gate)
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["false"], max_cost_usd=1)
    await parts.finish(task.task_id)
    assert (await parts.ralph.status(task.task_id)).state == "limit_reached"


async def test_a_model_that_failed_is_told_where_the_agent_failed_with_it(make: Make) -> None:
    parts, agent, repository = make(Gate(ModelUse(failed="401: the key is wrong")))
    agent.exit_code = 1
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["false"], max_iterations=1)
    await parts.finish(task.task_id)
    assert (
        "the last call of its model failed (401: the key is wrong)"
        in (await parts.ralph.status(task.task_id)).last_error
    )


async def test_guidance_that_comes_while_the_last_try_is_made_keeps_a_task_from_stalling(make: Make) -> None:
    parts, agent, repository = make(None)
    task = await parts.ralph.submit("x", workspace=str(repository), verify=["grep -q 8 n.txt"])

    async def said_meanwhile(assignment: Assignment) -> None:
        if assignment.iteration == 6:
            await parts.ralph.steer(assignment.task_id, "Write the number", PERSON)

    agent.meanwhile, agent.writes_from = said_meanwhile, 7
    await parts.finish(task.task_id)
    status = await parts.ralph.status(task.task_id)
    assert (status.state, status.iteration) == ("completed", 8)
    assert "Write the number" in agent.given[6].prompt


async def test_list_backends_says_what_is_installed_and_how_to_get_the_others(make: Make) -> None:
    parts, _, _ = make(None)
    (backend,) = (await parts.ralph.backends()).backends
    assert (backend.name, backend.installed, backend.version, backend.is_default) == ("command", True, "1", True)
