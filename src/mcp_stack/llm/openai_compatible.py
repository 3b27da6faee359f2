"""Any endpoint that speaks OpenAI's chat completions API: llama-server, vLLM, Ollama."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import StackError, UnavailableError, UsageError
from ..openai_endpoint import address_of, openai_client, openai_sdk
from ..ports.chat import Completion, FailedAnswerError, Message
from .prices import Price, Rates
from .replies import TIMES_THE_TIMEOUT, Written, counted, named, within

if TYPE_CHECKING:
    import openai
    from openai.types import CompletionUsage

_TOO_LONG = re.compile(r"context (length|size|window)|context_length|too long|too large", re.IGNORECASE)
"""How llama-server, vLLM and OpenAI say that a conversation does not fit."""

_NO_ANSWER = ("content_filter", "tool_calls", "function_call", "abort", "error")
"""Why what came is no answer, however much of it there is; other reasons are no common language of all servers."""

_MALFORMED = (ValueError, AttributeError, TypeError, LookupError)
"""What a reply that breaks the protocol's promises comes to: the SDK takes them for granted."""


class OpenAICompatibleChat:
    """Answers with a model behind an OpenAI-compatible endpoint.

    Args:
        base_url: Of the API, usually ending in `/v1`.
        model: As the endpoint names it; the first that it lists if empty.
        api_key: If the endpoint wants one.
        timeout_seconds: For an answer, repetitions included; for a stream, until it begins, and then between pieces; a
            whole stream may take three times as long.
        max_retries: Repetitions of a failed request.
        temperature: 0, the default, for the same answer each time.
        price_input_per_million: US dollars per million prompt tokens, for hosted endpoints.
        price_output_per_million: US dollars per million generated tokens.
    """

    def __init__(
        self,
        base_url: str,
        model: str = "",
        api_key: str = "",
        *,
        timeout_seconds: float = 120,
        max_retries: int = 1,
        temperature: float = 0.0,
        price_input_per_million: float = 0.0,
        price_output_per_million: float = 0.0,
    ) -> None:
        self._base_url = base_url
        self._address = address_of(base_url)
        self._model = model
        self._listed = ""
        self._api_key = api_key
        self._timeout_seconds = timeout_seconds
        self._max_retries = max_retries
        self._temperature = temperature
        self._price = Price(Rates.of(price_input_per_million, price_output_per_million))
        self._closed = False

    @property
    def name(self) -> str:
        """The model asked for; the endpoint's address if that chooses. The same for the object's whole life."""
        return self._model or self._address

    async def complete(self, messages: Sequence[Message], max_tokens: int) -> Completion:
        """See `ChatModel.complete`.

        Raises:
            UnavailableError: The endpoint cannot be reached, has no such model, failed, or sends what is no answer.
            UsageError: The conversation is too long for the model.
        """
        with self._translated():
            async with asyncio.timeout(self._timeout_seconds):
                request = await self._request(messages, max_tokens)
                answer = await self._client.chat.completions.create(**request)
            choice = answer.choices[0]
            written = Written(self._address, max_tokens)
            written.add(choice.message.content or "")
            return self._completion(written.text, answer.model, answer.usage, choice.finish_reason)

    async def stream(self, messages: Sequence[Message], max_tokens: int) -> AsyncGenerator[str | Completion, None]:
        """See `ChatModel.stream`.

        Raises:
            UnavailableError: As in `complete`.
            UsageError: As in `complete`.
        """
        written = Written(self._address, max_tokens)
        model, usage, reason = "", None, None
        with self._translated():
            async with asyncio.timeout(self._timeout_seconds):
                request = await self._request(messages, max_tokens)
                stream = await self._client.chat.completions.create(
                    **request, stream=True, stream_options={"include_usage": True}
                )
            whole = TIMES_THE_TIMEOUT * self._timeout_seconds
            async with stream, aclosing(within(aiter(stream), whole)) as chunks:
                async for chunk in chunks:
                    model, usage = chunk.model or model, chunk.usage or usage
                    for choice in chunk.choices:
                        reason = choice.finish_reason or reason
                        if piece := choice.delta.content:
                            yield written.add(piece)
            if reason is None:
                raise self._dropped()
            completion = self._completion(written.text, model, usage, reason)
        yield completion

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        if "_client" in vars(self):
            await self._client.close()

    @functools.cached_property
    def _client(self) -> openai.AsyncOpenAI:
        return openai_client(self._base_url, self._api_key, self._timeout_seconds, self._max_retries)

    async def _request(self, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
        if self._closed:
            raise UnavailableError(f"{self.name} is closed", "the server is stopping; ask again once it is back")
        if not (self._model or self._listed):
            listed = (await self._client.models.list()).data
            if not listed:
                raise UnavailableError(f"{self._address} has no model", "load one there or set llm.local.model")
            self._listed = listed[0].id
        return {
            "model": self._model or self._listed,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": self._temperature,
        }

    @contextmanager
    def _translated(self) -> Iterator[None]:
        sdk = openai_sdk()
        try:
            yield
        except sdk.APIStatusError as error:
            raise self._status_error(error) from error
        except (TimeoutError, sdk.APITimeoutError) as error:
            raise UnavailableError(
                f"{self._address} did not answer within {self._timeout_seconds:g} s",
                "try later or raise llm.local.timeout_seconds",
            ) from error
        except sdk.APIError as error:  # a lost connection, or an error event in a stream
            raise self._dropped() from error
        except _MALFORMED as error:
            raise UnavailableError(
                f"the reply of {self._address} is malformed ({type(error).__name__})",
                "see that server's log, or correct llm.local.url",
            ) from error

    def _completion(
        self, text: str, model: str | None, usage: CompletionUsage | None, reason: str | None
    ) -> Completion:
        """The answer with its tokens, 0 where the endpoint does not tell, and its cost.

        Raises:
            FailedAnswerError: It has no text, or is none.
            ValueError, TypeError: The numbers of tokens are none.
        """
        tokens_in = counted(usage.prompt_tokens) if usage else 0
        tokens_out = counted(usage.completion_tokens) if usage else 0
        cost_usd = self._price.cost_usd(tokens_in, tokens_out)
        completion = Completion(
            text, named(model, self.name), tokens_in, tokens_out, cost_usd, truncated=reason == "length"
        )
        if reason in _NO_ANSWER:
            raise FailedAnswerError(
                f"{self._address} gave no answer (it stopped for: {reason})", "ask differently", completion
            )
        if not text.strip():
            raise FailedAnswerError(f"{self._address} answered without any text", "ask differently", completion)
        return completion

    def _status_error(self, error: openai.APIStatusError) -> StackError:
        said = error.message.replace(self._api_key, "***") if self._api_key else error.message
        match error.status_code:
            case 400 | 413 | 422 if _TOO_LONG.search(said) or error.code == "context_length_exceeded":
                return UsageError(f"the conversation is too long for {self.name}: {said}", "shorten it")
            case 401 | 403:
                return UnavailableError(f"{self._address} refuses the API key", "set llm.local.api_key")
            case 404:
                return UnavailableError(
                    f"{self._address} has no model {self.name!r} or no chat API there: {said}",
                    "correct llm.local.model and llm.local.url",
                )
            case status:
                return UnavailableError(f"{self._address} failed (HTTP {status}): {said}", "see that server's log")

    def _dropped(self) -> UnavailableError:
        return UnavailableError(
            f"the connection to {self._address} was lost or refused", "start that server or correct llm.local.url"
        )
