"""Claude, through the anthropic SDK."""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import StackError, UnavailableError, UsageError
from ..ports.chat import Completion, Message
from .prices import Price, Rates, price_of

if TYPE_CHECKING:
    import anthropic
    from anthropic.types import Message as Answer

DEFAULT_MODEL = "claude-sonnet-5-5"


class ClaudeChat:
    """Answers with Claude, at its published price.

    The SDK repeats what may succeed later (429, 529, other 5xx, lost connections) with backoff, or after the time that
    the API asks for; `timeout_seconds` bounds all of it together.

    Args:
        api_key: Of the Anthropic API.
        model: A model of `prices.PRICES`, or any other with both prices given.
        base_url: Of a gateway; the API itself if empty.
        timeout_seconds: For an answer, repetitions included; for a stream, until it begins, and then between pieces.
        max_retries: Repetitions of a failed request.
        price_input_per_million: US dollars per million prompt tokens; 0 for the published price.
        price_output_per_million: US dollars per million generated tokens; 0 for the published price.

    Raises:
        UsageError: The model's price is neither known nor given.
    """

    def __init__(
        self,
        api_key: str,
        *,
        model: str = DEFAULT_MODEL,
        base_url: str = "",
        timeout_seconds: float = 60,
        max_retries: int = 2,
        price_input_per_million: float = 0,
        price_output_per_million: float = 0,
    ) -> None:
        self._api_key = api_key
        self._model = model
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._max_retries = max_retries
        self._closed = False
        if price_input_per_million and price_output_per_million:
            self._price = Price(Rates.of(price_input_per_million, price_output_per_million))
        else:
            self._price = price_of(model)

    @property
    def name(self) -> str:
        """The model as it is asked for."""
        return self._model

    async def complete(self, messages: Sequence[Message], max_tokens: int) -> Completion:
        """See `ChatModel.complete`.

        Raises:
            UnavailableError: Claude cannot be reached, refuses the key or the request, or is overloaded.
            UsageError: The conversation is too long for the model.
        """
        with self._translated():
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._client.messages.create(**self._request(messages, max_tokens))
            return self._completion(answer)

    async def stream(self, messages: Sequence[Message], max_tokens: int) -> AsyncGenerator[str | Completion, None]:
        """See `ChatModel.stream`.

        Raises:
            UnavailableError: As in `complete`.
            UsageError: As in `complete`.
        """
        with self._translated():
            manager = self._client.messages.stream(**self._request(messages, max_tokens))
            async with asyncio.timeout(self._timeout_seconds):
                stream = await manager.__aenter__()
            async with stream:
                async for piece in stream.text_stream:
                    yield piece
                answer = await stream.get_final_message()
            if answer.stop_reason is None:
                raise _dropped()
            yield self._completion(answer)

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        if "_client" in vars(self):
            await self._client.close()

    @functools.cached_property
    def _client(self) -> anthropic.AsyncAnthropic:
        if not self._api_key:
            raise UnavailableError("there is no API key for Claude", "set ANTHROPIC_API_KEY")
        return _sdk().AsyncAnthropic(  # type: ignore[no-any-return] # imported by name
            api_key=self._api_key,
            base_url=self._base_url or None,
            timeout=self._timeout_seconds,
            max_retries=self._max_retries,
        )

    def _request(self, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
        if self._closed:
            raise UnavailableError(
                "Claude's connections are closed", "the server is stopping; ask again once it is back"
            )
        system = "\n\n".join(message.content for message in messages if message.role == "system")
        turns = [{"role": message.role, "content": message.content} for message in messages if message.role != "system"]
        request: dict[str, Any] = {"model": self._model, "max_tokens": max_tokens, "messages": turns}
        return request | ({"system": system} if system else {})

    def _completion(self, answer: Answer) -> Completion:
        usage = answer.usage
        written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
        return Completion(
            text="".join(block.text for block in answer.content if block.type == "text"),
            model=answer.model,
            tokens_in=usage.input_tokens + written + read,
            tokens_out=usage.output_tokens,
            cost_usd=self._price.cost_usd(usage.input_tokens, usage.output_tokens, written, read),
            truncated=answer.stop_reason in ("max_tokens", "model_context_window_exceeded"),
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        sdk = _sdk()
        try:
            yield
        except sdk.APIStatusError as error:
            raise self._status_error(error) from error
        except (TimeoutError, sdk.APITimeoutError) as error:
            raise UnavailableError(
                f"Claude did not answer within {self._timeout_seconds:g} s",
                "try later or raise llm.claude.timeout_seconds",
            ) from error
        except (sdk.APIConnectionError, *_transport_errors()) as error:
            raise _dropped() from error

    def _status_error(self, error: anthropic.APIStatusError) -> StackError:
        said = str(error.api_message or error.message).replace(self._api_key, "***")
        wait = error.response.headers.get("retry-after", "")
        later = f"try again in {wait} s" if wait else "try again later"
        status = error.status_code
        if status == 413 or (status == 400 and ("too long" in said or "context" in said)):
            return UsageError(f"the conversation is too long for {self._model}: {said}", "shorten it")
        if error.type == "overloaded_error":  # HTTP 529, or an event in the middle of a stream
            problem, remedy = "Claude is overloaded", later
        elif status in (401, 403):
            problem, remedy = f"Claude refuses the API key: {said}", "set ANTHROPIC_API_KEY to a valid key"
        elif status == 404:
            problem, remedy = f"Claude has no model {self._model!r}", "correct llm.claude.model"
        elif status == 429:
            problem, remedy = f"Claude's rate limit is reached: {said}", later
        else:
            problem, remedy = f"Claude failed (HTTP {status}): {said}", later
        return UnavailableError(problem, remedy)


def _dropped() -> UnavailableError:
    return UnavailableError("the connection to Claude was lost", "check the network and llm.claude.url, then try again")


def _sdk() -> Any:
    return importlib.import_module("anthropic")


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the SDK lets through when a connection breaks in the middle of a stream: its HTTP library's own errors."""
    return (importlib.import_module("anthropic._base_client").httpx2.TransportError,)
