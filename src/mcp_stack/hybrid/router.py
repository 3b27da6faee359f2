"""From a question to an answer: cache, preparation, execution, record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from ..ports.answering import Answer, Question
from ..ports.documents import Documents
from ..ports.embedder import Vector
from ..ports.retrieval import Retrieved
from ..settings import Settings
from ..trace import current
from .answers import (
    ADD_A_MODEL,
    MODELS_FAILED,
    from_outcome,
    listing,
    saved_usd,
    served_again,
    unfinished,
)
from .cache import AnswerCache, SemanticCache
from .decision import Models
from .execution import BrokenOffError, Execution, Outcome
from .outcome_log import OutcomeLog
from .paying import Paying
from .preparation import Preparation, Prepared
from .recording import Recorder
from .single_flight import SingleFlight
from .spending import Bill


class Router:
    """The port `Answering`, in this process."""

    def __init__(
        self,
        *,
        models: Models,
        exact: AnswerCache,
        semantic: SemanticCache,
        preparation: Preparation,
        execution: Execution,
        recorder: Recorder,
        outcomes: OutcomeLog,
        paying: Paying,
        documents: Documents,
        settings: Settings,
    ) -> None:
        self._models = models
        self._exact = exact
        self._semantic = semantic
        self._preparation = preparation
        self._execution = execution
        self._recorder = recorder
        self._outcomes = outcomes
        self._paying = paying
        self._documents = documents
        self._learning = settings.hybrid.learning
        self._flights: SingleFlight[Answer] = SingleFlight()

    async def answer(self, question: Question) -> Answer:
        """From the cache, or else by the route that fits.

        Raises:
            UnavailableError, UsageError: As `route`.
        """
        start = time.perf_counter()
        question = await self._preparation.with_history(question)
        fingerprint = asyncio.ensure_future(self.fingerprint())
        found = await self._found(question, fingerprint, start)
        return found or await self._routed(question, None, start, await fingerprint)

    async def cached(self, question: Question) -> Answer | None:
        """See `Answering.cached`."""
        start = time.perf_counter()
        question = await self._preparation.with_history(question)
        return await self._found(question, asyncio.ensure_future(self.fingerprint()), start)

    async def route(
        self, question: Question, retrieved: Retrieved | None = None, started: float | None = None
    ) -> Answer:
        """See `Answering.route`."""
        start = time.perf_counter() if started is None else started
        question = await self._preparation.with_history(question)
        return await self._routed(question, retrieved, start, await self.fingerprint())

    async def stream(self, question: Question) -> AsyncGenerator[str | Answer, None]:
        """Answer piece by piece.

        Yields:
            Pieces of text as they come, then exactly one `Answer` with the whole.

        Raises:
            UnavailableError: The database is down, or a model failed after its first words.
            UsageError: The forced route has no model.
        """
        start = time.perf_counter()
        question = await self._preparation.with_history(question)
        known = asyncio.ensure_future(self.fingerprint())
        if (cached := await self._found(question, known, start)) is not None:
            yield cached.response
            yield cached
            return
        fingerprint = await known
        prepared = await self._preparation.prepare(question, None)
        reasons, bill = list(prepared.reasons), Bill()
        outcome: Outcome | None = None
        try:
            async with aclosing(self._executed(prepared, reasons, bill, streaming=True)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Outcome):
                        outcome = piece
                    else:
                        yield piece
            assert outcome is not None, "execution ends with an outcome"  # noqa: S101 - as it promises
            if outcome.route == "offline":
                yield outcome.text
        except BrokenOffError as error:
            failed = Outcome(error.text, error.route, 0.0, None, error.spent_usd)
            answer = unfinished(failed, error.problem, prepared, reasons, start)
            await self._paying.record(bill, self._recorder.answered(question, answer))
            raise
        except BaseException:
            self._paying.give_up(prepared, bill, reasons, start)
            raise
        yield await self._finished(prepared, outcome, bill, reasons=reasons, start=start, fingerprint=fingerprint)

    async def explain(self, question: Question) -> Prepared:
        """Everything up to the decision, without executing it or counting it as decided.

        Raises:
            UnavailableError: The database is down.
        """
        return await self._preparation.prepare(await self._preparation.with_history(question), None, explaining=True)

    async def _found(self, question: Question, fingerprint: asyncio.Future[str], start: float) -> Answer | None:
        """An answer that was given before."""
        found = await self._exact.get(question, fingerprint)
        why = "the same question was answered before"
        if found is None:
            vector = await self._preparation.vector(question.query)
            near = await self._semantic.find(question, vector, await fingerprint) if vector is not None else None
            if near is None:
                current().mark("cache_missed")
                return None
            found, why = near.answer, near.why
        current().mark("cache_hit")
        answer = served_again(found, why, start)
        await self._recorder.served_again(question, answer, found)
        return answer

    async def _routed(self, question: Question, retrieved: Retrieved | None, start: float, fingerprint: str) -> Answer:
        """A new answer, made once for all who ask for it at the same time."""
        key = f"{self._exact.key(question)}:{fingerprint}"
        if self._flights.ended_since(key, start):
            # Somebody else's answer came between the look into the cache and now.
            ended = asyncio.ensure_future(self.fingerprint())
            if (found := await self._found(question, ended, start)) is not None:
                return found
        answer, joined = await self._flights.run(key, lambda: self._answered(question, retrieved, start, fingerprint))
        if not joined:
            return answer
        again = served_again(answer, "somebody else had just asked the same", start)
        await self._recorder.served_again(question, again, answer)
        return again

    async def _answered(
        self, question: Question, retrieved: Retrieved | None, start: float, fingerprint: str
    ) -> Answer:
        if not question.use_models:
            return await self._from_passages(question, retrieved, start, fingerprint)
        prepared = await self._preparation.prepare(question, retrieved)
        reasons, bill = list(prepared.reasons), Bill()
        try:
            async with aclosing(self._executed(prepared, reasons, bill)) as pieces:
                (outcome,) = [piece async for piece in pieces if isinstance(piece, Outcome)]
        except BaseException:
            self._paying.give_up(prepared, bill, reasons, start)
            raise
        return await self._finished(prepared, outcome, bill, reasons=reasons, start=start, fingerprint=fingerprint)

    async def _executed(
        self, prepared: Prepared, reasons: list[str], bill: Bill, *, streaming: bool = False
    ) -> AsyncGenerator[str | Outcome, None]:
        """Yields as `Execution.run`; where no model answered, the outcome is the passages."""
        execution = self._execution.run(
            prepared.plan,
            prepared.messages,
            passage_count=prepared.given,
            prompt_tokens=prepared.prompt_tokens,
            predicted=prepared.estimate.predicted,
            reasons=reasons,
            bill=bill,
            streaming=streaming,
        )
        async with aclosing(execution) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome) and piece.route == "offline":
                    has_models = self._models.local is not None or self._models.remote is not None
                    introduction = MODELS_FAILED if has_models else ADD_A_MODEL
                    # Without any model that is the answer until there is one; else the next hour may do better.
                    yield replace(piece, text=listing(prepared.retrieved, introduction), lasting=not has_models)
                else:
                    yield piece

    async def _finished(
        self,
        prepared: Prepared,
        outcome: Outcome,
        bill: Bill,
        *,
        reasons: list[str],
        start: float,
        fingerprint: str,
    ) -> Answer:
        current().mark(f"answered:{outcome.route}")
        answer = from_outcome(
            outcome,
            prepared.retrieved,
            confidence=prepared.estimate.value,
            reasons=reasons,
            learning=self._learning,
            start=start,
        )
        if outcome.lasting:
            self._keep(prepared.question, prepared.vector, fingerprint, answer)
        saved = saved_usd(outcome, self._models.remote_price)
        record = self._recorder.answered(prepared.question, answer, saved_usd=saved, checked=outcome.checked)
        await self._paying.record(bill, record)
        self._outcomes.add_soon(prepared, outcome, answer)
        return answer

    def _keep(self, question: Question, vector: Vector | None, fingerprint: str, answer: Answer) -> None:
        self._semantic.put_soon(question, vector, fingerprint, answer)
        current().mark("cached")

    async def _from_passages(
        self, question: Question, retrieved: Retrieved | None, start: float, fingerprint: str
    ) -> Answer:
        """The passages alone, because the caller wants no model."""
        if retrieved is None:
            retrieved = await self._preparation.retrieve(question)
            current().mark("retrieved")
        relevance = max((passage.relevance for passage in retrieved.passages), default=0.0)
        current().mark("answered:knowledge")
        outcome = Outcome(listing(retrieved, ""), "knowledge", relevance, None, 0.0)
        reasons = [*retrieved.notes, "models were not asked for"]
        answer = from_outcome(
            outcome, retrieved, confidence=relevance, reasons=reasons, learning=self._learning, start=start
        )
        self._keep(question, None, fingerprint, answer)
        await self._recorder.answered(question, answer)
        return answer

    async def fingerprint(self) -> str:
        """Names all that answers are made from: models and the state of the knowledge base.

        Raises:
            UnavailableError: The database is down.
        """
        return f"{self._models.fingerprint}:{await self._documents.revision()}"
