"""Coding agents: programs that edit a folder when told what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an agent is to do in one iteration.

    Attributes:
        task_id: The run that it belongs to.
        iteration: Counted from 1.
        prompt: The whole prompt; never starts with a character that an agent takes for a command.
        worktree: The folder to edit, its working folder.
        scratch: A private folder of the run for everything that is not part of the work.
        timeout_seconds: When it is ended, with all its children.
    """

    task_id: str
    iteration: int
    prompt: str
    worktree: Path
    scratch: Path
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """How an agent ended; whether it did its work is for the verification to say.

    Attributes:
        exit_code: As a shell reports it: 128 + the signal's number if it was killed.
        output_tail: The end of what it wrote, stdout and stderr together.
        output_file: All of it, up to a cap.
        timed_out: It was ended because its time was over.
        duration_seconds: From start to end.
        cost_usd: Price of its model calls in US dollars, 0 where the agent does not tell.
        tokens: Tokens of its model calls, 0 where the agent does not tell.
    """

    exit_code: int
    output_tail: str
    output_file: Path
    timed_out: bool
    duration_seconds: float
    cost_usd: float = 0.0
    tokens: int = 0


class Agent(Protocol):
    """A coding agent that can be run without a person at the keyboard."""

    def check(self) -> None:
        """Raises UnavailableError unless the agent is installed and configured."""
        ...

    async def run(self, assignment: Assignment) -> AgentOutcome:
        """Run the agent once. When it returns or is cancelled, no process of the agent is left.

        Args:
            assignment: What to do, where, and for how long.

        Raises:
            UnavailableError: The agent cannot be started.
        """
        ...
