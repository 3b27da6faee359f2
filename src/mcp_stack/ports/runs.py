"""Ralph's runs: one task, worked on iteration by iteration, each committed exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol, TypeAlias

State: TypeAlias = Literal[
    "queued",
    "running",
    "awaiting_approval",
    "retrying",
    "completed",
    "failed",
    "cancelled",
    "limit_reached",
    "stalled",
]

Measure: TypeAlias = Literal["", "diagnose", "fallback"]
Level: TypeAlias = Literal["low", "medium", "high"]

ANYWHERE: Final = "ralph:anywhere"
"""The queue of runs that any machine's workers may go on with: their workspace is a git URL."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What was asked for.

    Attributes:
        id: A UUID as text.
        task: What to do, in words.
        workspace: Path of a git repository, a git URL, or empty for a repository of the run's own.
        base_commit: The commit that the work starts from; empty if the repository is yet to be made.
        backend: Name of the agent.
        queue: Name of the workers' queue; names the machine that holds the workspace, or is `ANYWHERE`.
        max_iterations: 0 means no limit.
        verify: Commands that must exit 0.
        completion_promise: The last line that the agent must print; empty if none is asked for.
        require_changes: Without a diff the run is not complete.
        max_cost_usd: 0 means no limit.
        max_minutes: 0 means no limit.
        require_approval: A person is asked before the first iteration.
    """

    id: str
    task: str
    workspace: str
    base_commit: str
    backend: str
    queue: str
    max_iterations: int
    verify: tuple[str, ...]
    completion_promise: str
    require_changes: bool
    max_cost_usd: float
    max_minutes: float
    require_approval: bool = False


@dataclass(frozen=True, slots=True)
class Diff:
    """What the run changed so far.

    Attributes:
        files: Number of files added, changed or deleted.
        lines: Lines added plus lines deleted; binary files count none.
        stat: One line as `git diff --shortstat` prints it; empty without changes.
    """

    files: int = 0
    lines: int = 0
    stat: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked before a run goes on.

    Attributes:
        reason: Why somebody is asked.
        then: The state that a yes leads to.
        timeout_seconds: When silence becomes a no.
    """

    reason: str
    then: State
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Approval:
    """A question that is open.

    Attributes:
        number: Of the action that asked; no two questions have the same.
        reason: Why somebody is asked.
        deadline: When silence becomes a no.
    """

    number: int
    reason: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands.

    Attributes:
        asked: What was asked for; `base_commit` is filled in from the first iteration on.
        state: One of the nine states.
        iteration: Number of the last committed iteration, 0 before the first.
        head: The iteration that the next one starts from; a smaller number after a rollback.
        commit: Git commit of that iteration; empty if it is 0.
        epoch: Counts what took the run out of its worker's hands.
        backend: The agent at work; another than the one asked for after a fallback.
        last_exit_code: The agent's, of that iteration.
        last_error: Why the last iteration did not complete the run, or why the run ended.
        feedback: What the next prompt says about the last iteration.
        measure: What the next iteration tries against stagnation.
        watch_from: Iterations up to this one no longer count as stagnation.
        since_iteration: What the limit of iterations counts from.
        since_cost_usd: What the limit of the cost counts from.
        since: What the limit of time counts from; None before the first iteration.
        approval: The open question while the run awaits approval.
        diff: Against the base commit.
        cost_usd: Sum over the iterations.
        tokens: Sum over the iterations.
        submitted_at: When it was asked for.
        started_at: When its first iteration began.
        finished_at: When it reached a final state.
    """

    asked: NewRun
    state: State
    iteration: int
    head: int
    commit: str
    epoch: int
    backend: str
    last_exit_code: int
    last_error: str
    feedback: str
    measure: Measure
    watch_from: int
    since_iteration: int
    since_cost_usd: float
    since: datetime | None
    approval: Approval | None
    diff: Diff
    cost_usd: float
    tokens: int
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Iteration:
    """One committed iteration.

    Attributes:
        n: Counted from 1.
        exit_code: The agent's.
        blocked: The exit code was the one that means a premature exit.
        changed: The iteration changed files.
        verified: Everything that must exit 0 did.
        detail: What the verification, or else the agent, said at the end.
        commit: Its git commit.
        cost_usd: Of the agent's model calls.
        tokens: Of the agent's model calls.
        started_at: When the agent was started.
        finished_at: When the verification had ended.
        parent: The iteration that it started from; 0 for the base commit.
        backend: The agent.
        sandbox: What confined it.
        undone: A rollback went back behind it.
        reason: Why it did not complete the run; empty if it did.
        feedback: What the next prompt says about it.
        diff: The run's changes up to here.
        step: Its own changes.
        error_key: Two iterations with the same one failed with the same error; empty if it did not fail.
        measure: What it tried against stagnation.
        risk: Of its changes.
        risk_reasons: Why, if it is not low.
        touched_tests: Changed files that decide whether the verification passes.
    """

    n: int
    exit_code: int
    blocked: bool
    changed: bool
    verified: bool
    detail: str
    commit: str
    cost_usd: float
    tokens: int
    started_at: datetime
    finished_at: datetime
    parent: int = 0
    backend: str = ""
    sandbox: str = "none"
    undone: bool = False
    reason: str = ""
    feedback: str = ""
    diff: Diff = Diff()
    step: Diff = Diff()
    error_key: str = ""
    measure: Measure = ""
    risk: Level = "low"
    risk_reasons: tuple[str, ...] = ()
    touched_tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """What an iteration means for its run.

    Attributes:
        state: `running` or `retrying` if another iteration follows, `awaiting_approval`, or a final state.
        pause_seconds: How long the next iteration waits.
        measure: What the next iteration tries against stagnation.
        backend: The next iteration's agent; empty for the same.
        question: What a person is asked first; there is one if the state is `awaiting_approval`.
    """

    state: State
    pause_seconds: float = 0.0
    measure: Measure = ""
    backend: str = ""
    question: Question | None = None


class Runs(Protocol):
    """Where runs are kept. A job, one per iteration, exists exactly as long as an iteration is to be done."""

    async def submit(self, run: NewRun, question: Question | None = None) -> None:
        """Write a run and its first job, or the question that comes before it; both or neither.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def get(self, run_id: str) -> Run:
        """A run as it stands.

        Raises:
            NotFoundError: There is no such run.
            UnavailableError: The store is down.
        """
        ...

    async def iterations(self, run_id: str) -> list[Iteration]:
        """The committed iterations of a run in order, undone ones too.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def bundles(self, run_id: str) -> list[bytes]:
        """What `finish` was given to carry a run from machine to machine, in order.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def touched_tests(self, run_id: str) -> Sequence[str]:
        """The changed files that decide whether the verification passes, of all iterations but undone ones.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def latest(self, queues: Sequence[str], limit: int) -> Sequence[Run]:
        """The runs of some queues, those submitted last first.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def in_state(self, state: State | Literal[""], limit: int) -> tuple[Sequence[Run], int]:
        """The runs of all machines in a state, those submitted last first, and how many there are.

        Args:
            state: Empty for all.
            limit: Most to give.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def begin(self, run_id: str, n: int, base_commit: str, epoch: int) -> bool:
        """Mark a run as running, if `n` is its next iteration and it has not ended.

        The guidance that nobody used yet is used in this iteration.

        Args:
            run_id: The run.
            n: The iteration that begins.
            base_commit: The commit that the run's work starts from.
            epoch: The run's.

        Returns:
            False if somebody else did that iteration, or the run ended: there is nothing to do.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def is_wanted(self, run_id: str, n: int, epoch: int) -> bool:
        """Whether iteration `n` is still to be done: nobody did it, and nobody took the run out of the worker's hands.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def finish(self, run_id: str, iteration: Iteration, ending: Ending, epoch: int, bundle: bytes = b"") -> bool:
        """Commit an iteration, and with it what follows: the next job, a question, or the end.

        Args:
            run_id: The run.
            iteration: What was done.
            ending: What it means for the run.
            epoch: The run's.
            bundle: The commit for other machines; empty for a run that stays on its own.

        Returns:
            False if somebody else committed that iteration, or the run ended meanwhile: nothing was written.

        Raises:
            UnavailableError: The store is down or full; nothing was written.
        """
        ...

    async def set_aside(
        self, run_id: str, n: int, state: Literal["failed", "retrying"], error: str, epoch: int
    ) -> bool:
        """Note that iteration `n` could not be done: for good, or to be tried again by the same job.

        Returns:
            False if that iteration was committed, or the run ended meanwhile: nothing was written.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...
