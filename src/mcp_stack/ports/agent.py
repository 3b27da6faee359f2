"""Coding agents: programs that edit a folder when told what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """Where an agent finds the model that it works with: an endpoint on the loopback that counts what it costs.

    Attributes:
        openai_url: Base of the OpenAI API, with `/v1`.
        anthropic_url: Base of the Anthropic API, without `/v1`.
        key: Sent as the API key of either; worth nothing once the iteration is over.
        model: Name to ask for.
    """

    openai_url: str
    anthropic_url: str
    key: str = field(repr=False)
    model: str


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
        model: What it works with; None where agents bring their own.
        readable: What it must be able to read besides: the objects of the repository.
    """

    task_id: str
    iteration: int
    prompt: str
    worktree: Path
    scratch: Path
    timeout_seconds: float
    model: ModelAccess | None = None
    readable: tuple[Path, ...] = ()


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
        sandbox: What confined it: `bubblewrap`, `landlock` or `none`.
    """

    exit_code: int
    output_tail: str
    output_file: Path
    timed_out: bool
    duration_seconds: float
    cost_usd: float = 0.0
    tokens: int = 0
    sandbox: str = "none"


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """Whether an agent can be used here.

    Attributes:
        installed: It can be started.
        version: Its own, empty if it is not installed or does not say.
        how_to_install: What to do to get it; empty if it is installed.
    """

    installed: bool
    version: str = ""
    how_to_install: str = ""


class Agent(Protocol):
    """A coding agent that can be run without a person at the keyboard."""

    async def info(self) -> AgentInfo:
        """Whether it is installed, and how to get it."""
        ...

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
