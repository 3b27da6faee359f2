"""Models as coding agents call them: requests and replies in a provider's own form, with tools and streams.

`ChatModel` is for questions and answers; an agent needs all that its provider's API has.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from ..errors import StackError

Dialect: TypeAlias = Literal["openai", "anthropic"]
"""OpenAI's chat completions, or Anthropic's messages."""

Body: TypeAlias = dict[str, Any]
"""A JSON object of a request, a reply, or an event of a stream."""

CHARACTERS_PER_TOKEN = 4
"""For estimates, where nobody counted."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call.

    Attributes:
        tokens_in: Prompt tokens outside the prompt cache.
        tokens_out: Generated tokens.
        cache_write: Prompt tokens written to the prompt cache, for as long as is usual.
        cache_read: Prompt tokens read from it.
        cache_write_hour: Prompt tokens written to it for an hour, which costs more.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    cache_write: int = 0
    cache_read: int = 0
    cache_write_hour: int = 0

    @property
    def prompt(self) -> int:
        """All prompt tokens."""
        return self.tokens_in + self.cache_write + self.cache_read + self.cache_write_hour


class ModelRefusedError(StackError):
    """A model did not do what it was asked, and how its provider said so.

    Args:
        status: HTTP status, the provider's own; 502 if the connection was lost, 504 if it took too long.
        message: What is wrong, without secrets.
        kind: The provider's type of error; empty where it gave none.
        error_code: The provider's code within that type; empty where it gave none.
        retry_after_seconds: When to try again, if the provider said so.
    """

    code: ClassVar[str] = "UNAVAILABLE"
    http_status: ClassVar[int] = 503

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        error_code: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        self.status = status
        self.kind = kind
        self.error_code = error_code
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class AgentModel(Protocol):
    """A model that takes requests in one dialect, and names itself whatever name a request asks for."""

    @property
    def dialect(self) -> Dialect:
        """What it speaks."""
        ...

    async def name(self) -> str:
        """The model as its provider names it.

        Raises:
            UnavailableError: Its provider has to be asked, and does not answer.
        """
        ...

    async def complete(self, request: Body, headers: Mapping[str, str]) -> Body:
        """The whole reply to a request.

        Args:
            request: In the model's dialect, not asking for a stream.
            headers: Of the dialect, such as `anthropic-beta`; names in lower case.

        Raises:
            ModelRefusedError: There is none.
        """
        ...

    def stream(self, request: Body, headers: Mapping[str, str]) -> AsyncGenerator[Body, None]:
        """The events of a reply, usage among them; closing the generator ends the call.

        Args:
            request: In the model's dialect.
            headers: As in `complete`.

        Raises:
            ModelRefusedError: There is none, or it broke off.
        """
        ...

    async def count_tokens(self, request: Body, headers: Mapping[str, str]) -> int | None:
        """Prompt tokens that a request would take; None where nobody can say without doing it.

        Raises:
            ModelRefusedError: The provider would not say.
        """
        ...

    def cost_usd(self, used: Usage) -> float:
        """What a call costs, in US dollars."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
