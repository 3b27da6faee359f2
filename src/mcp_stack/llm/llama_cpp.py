"""A local language model in this process, through llama.cpp."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from pathlib import Path

from ..ports.chat import Completion, Message, ModelStatus
from .abort import AbortFlag
from .llama_model import LlamaModel
from .llama_thread import ModelThread
from .model_speed import Speed


class LlamaCppChat:
    """A GGUF model that answers, and judges its own answers by its logits. Loaded when first asked.

    Requests are answered one after the other in a thread of the model's own; where several clients ask, they take
    turns. A cancelled request stops within a token, also while its prompt is still being read. One process of a machine
    should hold a model (`SharedModel`): its weights are not shared with other processes.

    Args:
        path: The GGUF file; its name without the ending is the model's name.
        context_tokens: Longest conversation, answer included, in tokens; the model's own limit holds if it is lower.
        threads: Processor threads; 0 for all available cores but one.
        temperature: 0, the default, for the same answer each time; about 0.7 for variety.
    """

    def __init__(self, path: Path, *, context_tokens: int = 4096, threads: int = 0, temperature: float = 0.0) -> None:
        self._path = path
        self._context_tokens = context_tokens
        self._threads = threads
        self._temperature = temperature
        self._abort = AbortFlag()
        self._thread = ModelThread(f"local model {path.stem}", self._abort, self._free)
        self._model: LlamaModel | None = None
        self._status: ModelStatus = "unloaded"

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self._path.stem

    @property
    def status(self) -> ModelStatus:
        """What the model is doing; "failed" is tried again by the next request."""
        return self._status

    @property
    def unfinished(self) -> int:
        """Requests that run or wait."""
        return self._thread.unfinished

    @property
    def progress(self) -> int:
        """Grows with whatever it does for anybody: tokens, and requests that begin or end."""
        return self._thread.progress

    async def load(self) -> None:
        """Load the model now, if it is not loaded.

        Raises:
            UnavailableError: It cannot be loaded, or is closed.
        """

        def work() -> Generator[None, None, None]:
            self._loaded()
            yield

        async with aclosing(self._thread.stream(work)) as items:
            async for _ in items:
                pass

    async def complete(self, messages: Sequence[Message], max_tokens: int, *, client: str = "") -> Completion:
        """See `ChatModel.complete`.

        Args:
            messages: As there.
            max_tokens: As there.
            client: Whose turn it takes among those who wait.

        Raises:
            UnavailableError: The model cannot be loaded, or is closed.
            UsageError: The conversation does not fit the context; says how long it is and what fits.
        """
        async with aclosing(self.stream(messages, max_tokens, client=client)) as items:
            return [item async for item in items if isinstance(item, Completion)][-1]

    async def stream(
        self, messages: Sequence[Message], max_tokens: int, *, client: str = ""
    ) -> AsyncGenerator[str | Completion, None]:
        """See `ChatModel.stream`.

        Args:
            messages: As there.
            max_tokens: As there.
            client: Whose turn it takes among those who wait.

        Raises:
            UnavailableError: As in `complete`.
            UsageError: As in `complete`.
        """
        async with aclosing(self._thread.stream(lambda: self._loaded().answer(messages, max_tokens), client)) as items:
            async for item in items:
                yield item

    async def probability_true(self, messages: Sequence[Message], question: str, *, client: str = "") -> float:
        """See `SelfJudgingModel.probability_true`.

        Args:
            messages: As there.
            question: As there.
            client: Whose turn it takes among those who wait.

        Raises:
            UnavailableError: As in `complete`.
            UsageError: As in `complete`.
        """

        def work() -> Generator[float, None, None]:
            yield self._loaded().probability_true(messages, question)

        async with aclosing(self._thread.stream(work, client)) as items:
            return [item async for item in items][-1]

    @property
    def speed(self) -> Speed:
        """As measured so far."""
        return self._model.speed if self._model else Speed()

    def judgement_seconds(self, messages: Sequence[Message]) -> float | None:
        """See `SelfJudgingModel.judgement_seconds`."""
        model = self._model
        return model.speed.judgement_seconds(messages, model.read) if model else None

    async def close(self) -> None:
        """Stop what runs and free the model."""
        await self._thread.close()
        self._status = "closed"

    def _loaded(self) -> LlamaModel:
        if self._model is None:
            self._status = "loading"
            try:
                self._model = LlamaModel(
                    self._path, self._context_tokens, self._threads, self._temperature, self._abort
                )
            except BaseException:
                self._status = "failed"
                raise
            self._status = "ready"
        return self._model

    def _free(self) -> None:
        if self._model is not None:
            self._model.close()
