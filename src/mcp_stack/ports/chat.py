"""Language models that answer a conversation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from ..errors import UnavailableError

ModelStatus: TypeAlias = Literal["unloaded", "loading", "ready", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, and what it took.

    Attributes:
        text: The answer.
        model: The model that answered, as its provider names it.
        tokens_in: Prompt tokens, cached ones included.
        tokens_out: Generated tokens.
        cost_usd: Price of the call in US dollars; 0 for a local model.
        truncated: The answer ended at the token limit, not by itself.
    """

    text: str
    model: str
    tokens_in: int
    tokens_out: int
    cost_usd: float = 0.0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class ModelState:
    """How a model of this machine is.

    Attributes:
        status: What it is doing; "failed" is tried again by the next request.
        holder_pid: The process that holds it; 0 for none.
        unfinished: Requests that run or wait.
        prefill_per_second: Prompt tokens read a second; None while nothing was measured.
        decode_per_second: Tokens generated a second; None while nothing was measured.
    """

    status: ModelStatus
    holder_pid: int = 0
    unfinished: int = 0
    prefill_per_second: float | None = None
    decode_per_second: float | None = None


class FailedAnswerError(UnavailableError):
    """An answer that cannot be used but was paid for: it broke off, or is empty.

    Args:
        problem: What is wrong.
        remedy: What to do about it.
        partial: What came of it, and what that cost as far as the provider told.
    """

    def __init__(self, problem: str, remedy: str, partial: Completion) -> None:
        super().__init__(problem, remedy)
        self.partial = partial

    @property
    def spent_usd(self) -> float:
        """What it cost in US dollars."""
        return self.partial.cost_usd


class ChatModel(Protocol):
    """A model that answers messages."""

    @property
    def name(self) -> str:
        """The model as its provider names it; part of the cache fingerprint."""
        ...

    async def complete(self, messages: Sequence[Message], max_tokens: int) -> Completion:
        """Answer a conversation.

        Args:
            messages: System messages first; the last one is the user's.
            max_tokens: Most tokens to generate.

        Raises:
            UnavailableError: The model cannot be loaded or reached, or refused for good; a `FailedAnswerError` where
                that cost something.
            UsageError: The conversation does not fit the model's context.
        """
        ...

    def stream(self, messages: Sequence[Message], max_tokens: int) -> AsyncIterator[str | Completion]:
        """Answer a conversation piece by piece.

        Yields:
            Pieces of text as they come, then exactly one `Completion` with the whole.

        Raises:
            UnavailableError: As in `complete`; also when the connection drops half way.
            UsageError: As in `complete`.
        """
        ...

    async def close(self) -> None:
        """Free the model or the connections."""
        ...


@runtime_checkable
class SelfJudgingModel(ChatModel, Protocol):
    """A model that can say how likely a statement is true, from its own logits."""

    async def probability_true(self, messages: Sequence[Message], question: str) -> float:
        """P(True): the share of probability on yes against no as the next token.

        Kadavath et al. 2022, "Language Models (Mostly) Know What They Know" (arXiv:2207.05221), section 3.

        Args:
            messages: The conversation to judge, answer included or not; its prefix is shared with `complete`.
            question: The yes-or-no question asked about it.

        Returns:
            A number in [0, 1]; not calibrated.

        Raises:
            UnavailableError: The model cannot be loaded.
            UsageError: The conversation does not fit the model's context.
        """
        ...

    def judgement_seconds(self, messages: Sequence[Message]) -> float | None:
        """What `probability_true` would take, by the speed measured so far; the text it read last is not read again.

        Args:
            messages: The conversation to judge.

        Returns:
            Expected seconds, without the wait for other requests; None while nothing was measured.
        """
        ...
