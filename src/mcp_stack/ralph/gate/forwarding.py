"""A call of an agent, carried to the model and back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TypeVar

from ...errors import UsageError
from ...ports.agent_models import AgentModel, Body, Dialect, ModelRefusedError, Usage
from .access import Access
from .boundary import check
from .counting import Counter, estimated_prompt
from .from_anthropic import openai_request
from .from_openai import anthropic_request
from .refusals import OVERLOADED, summary
from .replies import anthropic_reply, openai_reply
from .streams import AnthropicEvents, OpenAIChunks

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0
TOOK_TOO_LONG = 504
_LIMITS = (429, OVERLOADED)
_NO_QUOTA = ("insufficient_quota", "billing_error")
_MALFORMED = (LookupError, TypeError, AttributeError, ValueError, RecursionError)
"""What a reply that breaks its API's promises comes to."""


class Forwarding:
    """Carries calls of either dialect to one model: translated, counted, its provider's limits waited out.

    Args:
        model: That answers.
        wait_seconds: Most time to wait for a provider's limits within one call.
        sleep: Waits that many seconds.
    """

    def __init__(
        self, model: AgentModel, *, wait_seconds: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._model = model
        self._wait_seconds = wait_seconds
        self._sleep = sleep

    async def complete(self, access: Access, dialect: Dialect, request: Body, headers: Mapping[str, str]) -> Body:
        """The whole reply, in the agent's dialect.

        Args:
            access: Whose budget it is.
            dialect: The agent's.
            request: In that dialect.
            headers: Of that dialect.

        Raises:
            ModelRefusedError: There is none: the budget, the request, the model or the way to it.
        """
        asked, counter = self._translated(dialect, request), self._counter(request)
        with self._accounted(access, counter) as call:
            reply = await self._patiently(call, lambda: self._model.complete(asked, headers))
            counter.reply(reply)
            if dialect == self._model.dialect:
                return reply
            return openai_reply(reply) if dialect == "openai" else anthropic_reply(reply)

    async def stream(
        self, access: Access, dialect: Dialect, request: Body, headers: Mapping[str, str]
    ) -> AsyncGenerator[Body, None]:
        """The events of a reply, in the agent's dialect; see `complete`."""
        asked, counter = self._translated(dialect, request), self._counter(request)
        with self._accounted(access, counter) as call:
            events, first = await self._patiently(call, lambda: self._begun(asked, headers))
            async with aclosing(events):
                out = self._translation(dialect)
                told = dialect == "anthropic" or _wants_usage(request)
                while first is not None:
                    counter.event(first)
                    for event in out.feed(first):
                        # The model is always asked for its usage; who did not ask is not told.
                        if told or event.get("choices") or not event.get("usage"):
                            yield event
                    first = await anext(events, None)
                for event in out.end():
                    yield event

    async def count_tokens(self, dialect: Dialect, request: Body, headers: Mapping[str, str]) -> int:
        """Prompt tokens of a request, estimated where the model does not count them.

        Raises:
            ModelRefusedError: The request cannot be sent to the model, or its provider would not say.
        """
        asked = self._translated(dialect, request)
        asked.pop("max_tokens", None)
        asked.pop("stream", None)
        counted = await self._model.count_tokens(asked, headers)
        return estimated_prompt(request) if counted is None else counted

    async def _begun(self, asked: Body, headers: Mapping[str, str]) -> tuple[AsyncGenerator[Body, None], Body | None]:
        """A stream and its first event: until that is there, the call can be repeated."""
        events = self._model.stream(asked, headers)
        return events, await anext(events, None)

    async def _patiently(self, call: _Call, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of a call, repeated when the provider is at a limit, for as long as is allowed."""
        waited, pause = 0.0, FIRST_PAUSE_SECONDS
        while True:
            call.is_under_way = True
            try:
                return await work()
            except ModelRefusedError as error:
                call.is_under_way = error.status == TOOK_TOO_LONG  # it may be at work still, and is paid for
                seconds = error.retry_after_seconds if error.retry_after_seconds is not None else pause
                if not _passes(error) or waited + seconds > self._wait_seconds:
                    raise
                logger.info("the model is at a limit (%s): the call waits %.0f s", summary(error), seconds)
            # At least a moment, so that a provider that says 0 is not asked without end.
            seconds = max(seconds, 1.0)
            await self._sleep(seconds)
            waited, pause = waited + seconds, min(2 * pause, LONGEST_PAUSE_SECONDS)

    @contextmanager
    def _accounted(self, access: Access, counter: Counter) -> Iterator[_Call]:
        """Charge what a call took, however it ends."""
        call = _Call()
        reserved = self._model.cost_usd(Usage(cache_read=counter.used.tokens_in))
        access.reserve(reserved)
        try:
            yield call
        except ModelRefusedError as error:
            access.note_failure(summary(error))
            raise
        except (asyncio.CancelledError, GeneratorExit):
            if call.is_under_way:
                access.note_failure("the agent hung up before the reply was complete: its tokens are estimated")
            raise
        except _MALFORMED as error:
            problem = ModelRefusedError(502, f"the model's reply is malformed ({type(error).__name__})")
            access.note_failure(summary(problem))
            raise problem from error
        finally:
            access.release(reserved)
            if call.is_under_way:
                used = counter.used
                if counter.estimated:
                    logger.info("task %s: a call whose tokens the model did not tell is estimated", access.task_id)
                access.charge(used, self._model.cost_usd(used))

    def _translated(self, dialect: Dialect, request: Body) -> Body:
        check(request)
        if dialect == self._model.dialect:
            return dict(request)
        try:
            return anthropic_request(request) if dialect == "openai" else openai_request(request)
        except UsageError as error:
            raise ModelRefusedError(400, str(error), kind="invalid_request_error") from error
        except _MALFORMED as error:
            raise ModelRefusedError(
                400, f"the request is malformed ({type(error).__name__})", kind="invalid_request_error"
            ) from error

    def _counter(self, request: Body) -> Counter:
        return Counter(self._model.dialect, estimated_prompt(request))

    def _translation(self, dialect: Dialect) -> OpenAIChunks | AnthropicEvents | _AsTheyAre:
        if dialect == self._model.dialect:
            return _AsTheyAre()
        return OpenAIChunks() if dialect == "openai" else AnthropicEvents()


def _passes(error: ModelRefusedError) -> bool:
    """Whether a provider's refusal is a limit that time lifts."""
    is_limit = error.status in _LIMITS or (error.status == 503 and error.retry_after_seconds is not None)
    return is_limit and not {error.kind, error.error_code} & set(_NO_QUOTA)


def _wants_usage(request: Body) -> bool:
    """Whether a stream of OpenAI's is to tell the usage."""
    options = request.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


class _AsTheyAre:
    """Events of a model that speaks the agent's dialect."""

    def feed(self, event: Body) -> list[Body]:
        return [event]

    def end(self) -> list[Body]:
        return []


class _Call:
    """A call while it runs.

    Attributes:
        is_under_way: It reached the model, as far as can be told.
    """

    def __init__(self) -> None:
        self.is_under_way = False
