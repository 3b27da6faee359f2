"""The agent of an iteration: which one, with what prompt, for how long, and what its models cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..errors import ConflictError, UnavailableError
from ..ports.agent import Agent, AgentOutcome, Assignment
from ..ports.model_gate import MeteredAccess, ModelGate, ModelUse
from ..ports.run_control import Action
from ..ports.runs import Iteration, Run
from ..settings.tree import Ralph as RalphSettings
from .prompt import prompt
from .worktree import Worktree

# What is left of a budget that is all but used up: a gate takes 0 for no limit.
LEAST_BUDGET_USD = 1e-6


class NoBackendError(ConflictError):
    """No agent that the run may use can be started."""


@dataclass(frozen=True, slots=True)
class Work:
    """What an iteration starts from.

    Attributes:
        run: As it stood, with its base commit.
        n: The iteration.
        worktree: At the commit of the run's head.
        history: Every iteration before it, undone ones too.
        guidance: What people said, the oldest first.
    """

    run: Run
    n: int
    worktree: Worktree
    history: Sequence[Iteration]
    guidance: Sequence[Action]


@dataclass(frozen=True, slots=True)
class Ran:
    """How the agent did.

    Attributes:
        backend: Which it was.
        outcome: With the cost and tokens that were counted.
        refused: Why the gate refused its last request; empty if it did not.
        notes: For the next prompt and for people.
    """

    backend: str
    outcome: AgentOutcome
    refused: str = ""
    notes: tuple[str, ...] = ()


class Running:
    """Runs agents.

    Args:
        agents: By backend name.
        gate: What agents reach models through; None where they bring their own.
        settings: The section `ralph`.
    """

    def __init__(self, agents: Mapping[str, Agent], gate: ModelGate | None, settings: RalphSettings) -> None:
        self._agents = agents
        self._gate = gate
        self._settings = settings

    async def run(self, work: Work, scratch: Path, now: datetime) -> Ran:
        """Run the run's agent, or the fallback where it cannot be started; after a fallback, the one asked for.

        Args:
            work: What the iteration starts from.
            scratch: The run's private folder.
            now: When the iteration began.

        Raises:
            NoBackendError: No agent can be started.
        """
        run = work.run
        assignment = Assignment(
            task_id=run.asked.id,
            iteration=work.n,
            prompt=prompt(run.asked, work.n, run.feedback, work.guidance, run.measure),
            worktree=work.worktree.path,
            scratch=scratch,
            timeout_seconds=self._seconds_left(run, now),
            readable=work.worktree.readable,
        )
        problems: list[str] = []
        for name in dict.fromkeys((run.backend, self._settings.backends.fallback, run.asked.backend)):
            agent = self._agents.get(name)
            try:
                if agent is None:
                    raise UnavailableError(f"this machine's worker has no backend {name!r}", "install it")
                agent.check()
                outcome, use = await self._metered(agent, assignment, self._budget(run))
            except UnavailableError as error:
                if name == run.backend or agent is not None:
                    problems.append(str(error))
                continue
            notes = []
            if problems:
                notes.append(f"the backend {run.backend} cannot be used, so {name} went on ({problems[0]})")
            if use.failed and outcome.exit_code != 0:
                notes.append(f"the last call of its model failed ({use.failed})")
            return Ran(name, outcome, use.refused, tuple(notes))
        raise NoBackendError(f"no backend can be started ({'; '.join(problems)})", "mend it, then resume the task")

    async def _metered(self, agent: Agent, assignment: Assignment, budget_usd: float) -> tuple[AgentOutcome, ModelUse]:
        """Run an agent with access to a model, as far as there is one."""
        metered: MeteredAccess | None = None
        no_model = ""
        async with AsyncExitStack() as stack:
            if self._gate is not None:
                try:
                    metered = await stack.enter_async_context(
                        self._gate.open(assignment.task_id, max_cost_usd=budget_usd)
                    )
                except UnavailableError as error:
                    no_model = str(error)
            try:
                outcome = await agent.run(replace(assignment, model=metered.access) if metered else assignment)
            except UnavailableError as error:
                # An agent that brings its own model does without ours; one that does not has to say why there is none.
                if not no_model:
                    raise
                raise UnavailableError(f"{error.problem} ({no_model})", error.remedy) from error
        use = metered.use if metered is not None else ModelUse()
        if use.calls:
            outcome = replace(outcome, cost_usd=use.cost_usd, tokens=use.tokens_in + use.tokens_out)
        return outcome, use

    def _budget(self, run: Run) -> float:
        limit = run.asked.max_cost_usd
        return max(LEAST_BUDGET_USD, limit - (run.cost_usd - run.since_cost_usd)) if limit > 0 else 0.0

    def _seconds_left(self, run: Run, now: datetime) -> float:
        seconds = self._settings.loop.iteration_timeout_seconds
        if run.asked.max_minutes > 0:
            used = (now - (run.since or now)).total_seconds()
            seconds = min(seconds, max(1.0, run.asked.max_minutes * 60 - used))
        return seconds

    def has_fallback(self, backend: str) -> bool:
        """Whether there is another backend to go over to.

        Args:
            backend: The one at work.
        """
        name = self._settings.backends.fallback
        agent = self._agents.get(name)
        if agent is None or name == backend:
            return False
        try:
            agent.check()
        except UnavailableError:
            return False
        return True
