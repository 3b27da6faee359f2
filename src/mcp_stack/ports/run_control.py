"""What people and clients do with a run that is not an iteration, each written down with who did it and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from .runs import Question, Run

Deed: TypeAlias = Literal[
    "approval_requested", "approved", "rejected", "steered", "cancelled", "resumed", "rolled_back"
]
Channel: TypeAlias = Literal["terminal", "elicitation", "token", "client", "timeout", "worker"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something.

    Attributes:
        name: Of a person or of a client.
        via: How it reached us: a `terminal`, an `elicitation` that the client's user accepted, a `token` with a scope,
            a `client` that speaks for a model, a `timeout`, or a `worker`.
    """

    name: str
    via: Channel


@dataclass(frozen=True, slots=True)
class Action:
    """One line of a run's audit log.

    Attributes:
        id: In the order of time over all runs.
        at: When.
        action: What was done.
        iteration: That the run stood at.
        actor: Who did it.
        note: Why; the guidance itself where it was steered.
        used_in: The first iteration whose prompt held the guidance; 0 if none did.
    """

    id: int
    at: datetime
    action: Deed
    iteration: int
    actor: Actor
    note: str
    used_in: int = 0


@dataclass(frozen=True, slots=True)
class NewLimits:
    """Limits of a run that is resumed; None leaves one as it is, 0 means no limit."""

    max_iterations: int | None = None
    max_minutes: float | None = None
    max_cost_usd: float | None = None


class RunControl(Protocol):
    """Everything here gives the run as it then stands, or None if it was in no state for it: nothing was written.

    Every method raises NotFoundError for an unknown run, and UnavailableError if the store is down or full.
    """

    async def approve(self, run_id: str, number: int, actor: Actor, note: str) -> Run | None:
        """Let a run go on, if exactly that question is open and its time is not over.

        Args:
            run_id: The run.
            number: Of the question, as the person saw it.
            actor: Who says so.
            note: Why.
        """
        ...

    async def reject(self, run_id: str, number: int, actor: Actor, note: str) -> Run | None:
        """Cancel a run, if exactly that question is open."""
        ...

    async def steer(self, run_id: str, guidance: str, actor: Actor) -> Run | None:
        """Add guidance to the next iteration's prompt, unless the run is completed."""
        ...

    async def cancel(self, run_id: str, actor: Actor) -> Run | None:
        """Take a run that has not ended out of the hands of its worker."""
        ...

    async def resume(self, run_id: str, limits: NewLimits, question: Question | None, actor: Actor) -> Run | None:
        """Let a run that ended without being completed go on; its limits count from now."""
        ...

    async def roll_back(self, run_id: str, n: int, actor: Actor) -> Run | None:
        """Have the work stand where it stood after iteration `n`, and the run cancelled.

        Args:
            run_id: The run; it is not being worked on.
            n: A committed iteration, undone or not; 0 for the base commit.
            actor: Who does it.
        """
        ...

    async def actions(self, run_id: str) -> Sequence[Action]:
        """The run's audit log, the oldest first."""
        ...
