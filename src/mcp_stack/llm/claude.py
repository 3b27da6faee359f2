"""Claude, through the anthropic SDK."""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import StackError, UnavailableError, UsageError
from ..ports.chat import Completion, FailedAnswerError, Message
from .claude_request import request_for
from .prices import Price, Rates, price_of
from .replies import TIMES_THE_TIMEOUT, Written, counted, named, within

if TYPE_CHECKING:
    import anthropic
    from anthropic.lib.streaming import AsyncMessageStream
    from anthropic.types import Message as Answer
    from anthropic.types import Usage

DEFAULT_MODEL = "claude-sonnet-5-5"
CHARACTERS_PER_TOKEN = 4

_CUT_SHORT = ("max_tokens", "model_context_window_exceeded")
_FINISHED = ("end_turn", "stop_sequence", *_CUT_SHORT)
"""Why an answer ends that can be given to somebody. After anything else (`refusal`, `pause_turn`, `tool_use`) what is
there is but the beginning of one."""

_MALFORMED = (ValueError, AssertionError, AttributeError, TypeError, LookupError)
"""What a reply that breaks the API's promises comes to: the SDK takes them for granted."""


class ClaudeChat:
    """Answers with Claude, at its published price.

    The SDK repeats what may succeed later (429, 529, other 5xx, lost connections) with backoff, or after the time that
    the API asks for; `timeout_seconds` bounds all of it together.

    Args:
        api_key: Of the Anthropic API.
        model: A model of `prices.PRICES`, or any other with both prices given.
        base_url: Of a gateway; the API itself if empty.
        timeout_seconds: For an answer, repetitions included; for a stream, until it begins, and then between pieces; a
            whole stream may take three times as long.
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
            UnavailableError: Claude cannot be reached, refuses the key or the request, is overloaded, or sends what is
                no answer.
            UsageError: The conversation is too long for the model.
        """
        with self._translated():
            async with asyncio.timeout(self._timeout_seconds):
                answer = await self._client.messages.create(**self._request(messages, max_tokens))
            return self._completion(answer, Written("Claude", max_tokens))

    async def stream(self, messages: Sequence[Message], max_tokens: int) -> AsyncGenerator[str | Completion, None]:
        """See `ChatModel.stream`.

        Raises:
            UnavailableError: As in `complete`; a `FailedAnswerError` once Claude told what it takes.
            UsageError: As in `complete`.
        """
        stream: AsyncMessageStream[None] | None = None
        written = Written("Claude", max_tokens)
        try:
            with self._translated():
                manager = self._client.messages.stream(**self._request(messages, max_tokens))
                async with asyncio.timeout(self._timeout_seconds):
                    stream = await manager.__aenter__()
                async with stream:
                    async with aclosing(
                        within(stream.text_stream, TIMES_THE_TIMEOUT * self._timeout_seconds)
                    ) as pieces:
                        async for piece in pieces:
                            yield written.add(piece)
                    answer = await stream.get_final_message()
                if answer.stop_reason is None:
                    raise _dropped()
                completion = self._completion(answer, Written("Claude", max_tokens))
        except FailedAnswerError:
            raise
        except UnavailableError as error:
            if stream is not None and (partial := self._partial(stream, written.text)) is not None:
                raise FailedAnswerError(error.problem, error.remedy, partial) from error
            raise
        yield completion

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
        return request_for(self._model, messages, max_tokens)

    def _completion(self, answer: Answer, written: Written) -> Completion:
        """The answer with its tokens and cost.

        Raises:
            FailedAnswerError: It has no text, is none, or is longer than what was asked for can be.
            ValueError, TypeError: It is malformed.
        """
        too_long: UnavailableError | None = None
        try:
            for block in answer.content:
                if block.type == "text":
                    written.add(block.text)
        except UnavailableError as error:
            too_long = error
        completion = self._counted(answer, written.text, counted(answer.usage.output_tokens))
        if too_long is not None:
            raise FailedAnswerError(too_long.problem, too_long.remedy, completion)
        problem = "" if written.text.strip() else "Claude answered without any text"
        if answer.stop_reason not in _FINISHED:
            problem = "Claude gave no answer"
        if problem:
            raise FailedAnswerError(f"{problem} (it stopped for: {answer.stop_reason})", "ask differently", completion)
        return completion

    def _partial(self, stream: AsyncMessageStream[None], text: str) -> Completion | None:
        """What came of an answer that broke off; None if Claude did not tell what it takes.

        The count of generated tokens comes last, so they are estimated from the text.
        """
        try:
            answer = stream.current_message_snapshot
            return self._counted(
                answer, text, max(counted(answer.usage.output_tokens), len(text) // CHARACTERS_PER_TOKEN)
            )
        except _MALFORMED:
            return None

    def _counted(self, answer: Answer, text: str, tokens_out: int) -> Completion:
        read, written, cached = _prompt_tokens(answer.usage)
        return Completion(
            text=text,
            model=named(answer.model, self._model),
            tokens_in=read + written + cached,
            tokens_out=tokens_out,
            cost_usd=self._price.cost_usd(read, tokens_out, written, cached),
            truncated=answer.stop_reason in _CUT_SHORT,
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        sdk = _sdk()
        try:
            yield
        except sdk.APIStatusError as error:
            raise self._status_error(error) from error
        except (TimeoutError, sdk.APITimeoutError, _http().TimeoutException) as error:
            raise UnavailableError(
                f"Claude did not answer within {self._timeout_seconds:g} s",
                "try later or raise llm.claude.timeout_seconds",
            ) from error
        except (sdk.APIConnectionError, _http().TransportError) as error:
            raise _dropped() from error
        except _MALFORMED as error:
            raise UnavailableError(
                f"Claude's reply is malformed ({type(error).__name__})", "try again, or check llm.claude.url"
            ) from error

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


def _prompt_tokens(usage: Usage) -> tuple[int, int, int]:
    """Prompt tokens: read anew, written to the prompt cache, read from it.

    Raises:
        ValueError, TypeError: They are no numbers of tokens.
    """
    if usage.input_tokens is None:
        raise TypeError("no number of prompt tokens")
    return (
        counted(usage.input_tokens),
        counted(usage.cache_creation_input_tokens),
        counted(usage.cache_read_input_tokens),
    )


def _dropped() -> UnavailableError:
    return UnavailableError("the connection to Claude was lost", "check the network and llm.claude.url, then try again")


def _sdk() -> Any:
    return importlib.import_module("anthropic")


def _http() -> Any:
    """The SDK's HTTP library, whose own errors it lets through when a connection breaks in the middle of a stream."""
    return importlib.import_module("anthropic._base_client").httpx2
