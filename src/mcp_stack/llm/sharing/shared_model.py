"""A local model that one process of the machine holds for all."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from ...errors import UnavailableError
from ...ports.chat import Completion, Message, ModelState
from ..chat_prompt import with_question
from ..llama_cpp import LlamaCppChat
from ..model_speed import Speed, as_text
from .asking import SECONDS_TO_TELL, NobodyThereError, NoSignOfLifeError, Patience, replies, state_at
from .holder import Holder
from .meeting_point import MeetingPoint
from .wire import packed_messages, unpacked_completion, unpacked_speed

SECONDS_TO_APPEAR = 10.0
"""How long the process that took the lock may need to listen; it does so before it loads the model."""

MOST_HOLDERS = 3
"""How many processes that hold the model may end under one request: one that ends each of them is not repeated more."""

SECONDS_OF_SILENCE = 10.0
"""How long the holder may say nothing at all; it gives signs of life all the time, whatever its model does."""

SECONDS_OF_DISTRUST = 60.0
"""How long after a silence less is expected of the holder: no judgement, and an answer only if it speaks at once."""

POLL_SECONDS = 0.02


class SharedModel:
    """A GGUF model in whichever process needed it first; the others ask that one, and one of them takes over when it
    ends.

    Memory is taken once. A request whose holder ends is repeated as long as nothing of the answer was given out.

    Args:
        model: For this process, unloaded.
        place: Where the processes meet that share it.
        timeout_seconds: How long the model of another process may get on for nobody, neither with a token nor with the
            queue; a process that gives no sign of life is given up sooner.
    """

    def __init__(self, model: LlamaCppChat, place: MeetingPoint, *, timeout_seconds: float = 120) -> None:
        self._model = model
        self._place = place
        self._holder: Holder | None = None
        self._prepared = False
        self._closed = False
        self._timeout_seconds = timeout_seconds
        self._silent_at = -math.inf
        self._speed = Speed()
        self._read = ""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self._model.name

    async def complete(self, messages: Sequence[Message], max_tokens: int) -> Completion:
        """See `ChatModel.complete`.

        Raises:
            UnavailableError: The model cannot be loaded, or is closed.
            UsageError: The conversation does not fit the context; says how long it is and what fits.
        """
        request = {"op": "complete", "messages": packed_messages(messages), "max_tokens": max_tokens}
        async with aclosing(self._elsewhere(request)) as told:
            async for reply in told:
                return self._completed(messages, reply)
        completion = await self._model.complete(messages, max_tokens)
        self._note_speed()
        return completion

    async def stream(self, messages: Sequence[Message], max_tokens: int) -> AsyncGenerator[str | Completion, None]:
        """See `ChatModel.stream`.

        Raises:
            UnavailableError: As in `complete`; also when the process that holds the model ends in mid-answer.
            UsageError: As in `complete`.
        """
        request = {"op": "stream", "messages": packed_messages(messages), "max_tokens": max_tokens}
        answered = False
        async with aclosing(self._elsewhere(request)) as told:
            async for reply in told:
                answered = True
                yield str(reply["piece"]) if "piece" in reply else self._completed(messages, reply)
        if not answered:
            async with aclosing(self._model.stream(messages, max_tokens)) as items:
                async for item in items:
                    yield item
            self._note_speed()

    async def probability_true(self, messages: Sequence[Message], question: str) -> float:
        """See `SelfJudgingModel.probability_true`.

        Raises:
            UnavailableError: As in `complete`.
            UsageError: As in `complete`.
        """
        request = {"op": "judge", "messages": packed_messages(messages), "question": question}
        async with aclosing(self._elsewhere(request)) as told:
            async for reply in told:
                self._learn(reply, with_question(messages, question))
                return float(reply["probability"])
        return await self._model.probability_true(messages, question)

    def judgement_seconds(self, messages: Sequence[Message]) -> float | None:
        """See `SelfJudgingModel.judgement_seconds`.

        Where another process holds the model, the text read last is taken to be this process's own.
        """
        if self._holder is not None:
            return self._model.judgement_seconds(messages)
        return math.inf if self._distrusted else self._speed.judgement_seconds(messages, self._read)

    async def load(self) -> None:
        """Load the model now, here or where it is held, if it is not loaded.

        Raises:
            UnavailableError: It cannot be loaded, or is closed.
        """
        async with aclosing(self._elsewhere({"op": "load"})) as told:
            async for _ in told:
                return
        await self._model.load()

    async def state(self) -> ModelState:
        """How the model is, wherever it is held; looking loads nothing."""
        if self._holder is not None:
            return self._holder.state
        return ModelState("closed") if self._closed else await state_at(self._place)

    async def close(self) -> None:
        """Free the model if it is held here; another process that needs it then takes over."""
        self._closed = True
        if self._holder is not None:
            await self._holder.close()
        await self._model.close()
        self._holder = None
        self._place.lock.release()

    async def _elsewhere(self, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The replies of the process that holds the model; none at all if that is this one.

        Raises:
            UnavailableError: The model is closed, it failed there, or that process is gone for good.
            UsageError: The model refused the request.
        """
        deadline, ended = time.monotonic() + SECONDS_TO_APPEAR, 0
        while not self._holds():
            began = False
            try:
                async with aclosing(replies(self._place, request, self._patience())) as told:
                    async for reply in told:
                        began, self._silent_at = True, -math.inf
                        yield reply
                return  # noqa: TRY300 - the loop is for the other way out
            except NoSignOfLifeError:
                self._silent_at = time.monotonic()
                raise
            except NobodyThereError as error:
                if began:
                    raise UnavailableError("the process that held the local model ended", "ask again") from error
                if error.asked:
                    deadline, ended = time.monotonic() + SECONDS_TO_APPEAR, ended + 1
                if ended == MOST_HOLDERS or time.monotonic() > deadline:
                    raise UnavailableError(
                        f"the process that holds the local model cannot be reached ({error})",
                        "look at its log, or end it: another one then takes over",
                    ) from error
            await asyncio.sleep(POLL_SECONDS)

    @property
    def _distrusted(self) -> bool:
        return time.monotonic() - self._silent_at < SECONDS_OF_DISTRUST

    def _patience(self) -> Patience:
        most = SECONDS_TO_TELL if self._distrusted else SECONDS_OF_SILENCE
        return Patience(min(max(self._timeout_seconds, SECONDS_TO_TELL), most), self._timeout_seconds)

    def _holds(self) -> bool:
        """Whether this process holds the model, which it does from now on if nobody did."""
        if self._closed:
            raise UnavailableError(f"the local model {self.name} is closed", "ask again once the server is back")
        if self._holder is None:
            if not self._prepared:
                self._place.prepare()
                self._prepared = True
            if self._place.lock.try_take():
                self._holder = Holder(self._model, self._place)
                self._holder.start()
        return self._holder is not None

    def _note_speed(self) -> None:
        if self._holder is not None:
            self._holder.note_speed()

    def _completed(self, messages: Sequence[Message], reply: Mapping[str, Any]) -> Completion:
        completion = unpacked_completion(reply["completion"])
        self._learn(reply, [*messages, Message("assistant", completion.text)])
        return completion

    def _learn(self, reply: Mapping[str, Any], read: Sequence[Message]) -> None:
        """Note how fast the model is, and what it read last."""
        self._speed, self._read = unpacked_speed(reply["speed"]), as_text(read)
