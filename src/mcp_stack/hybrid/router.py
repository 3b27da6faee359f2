"""From a question to an answer: cache, confidence, decision, execution, fallback, record."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, replace

from ..errors import UnavailableError, UsageError
from ..ports.answering import Answer, Citation, Question, Route
from ..ports.chat import Completion, Message
from ..ports.documents import Documents
from ..ports.events import Events
from ..ports.interactions import Interactions
from ..ports.retrieval import Retrieval, Retrieved
from ..settings import Settings
from ..trace import current
from .answer_cache import AnswerCache
from .confidence import Confidence, estimate
from .decision import Models, decide
from .prompts import conversation
from .quality import assess, defect_of
from .value import value_score

logger = logging.getLogger(__name__)

ADD_A_MODEL = (
    "No language model is configured: these are the passages that fit best. For a written answer set "
    "ANTHROPIC_API_KEY, or llm.local.path to a GGUF file."
)
MODELS_FAILED = "No language model could answer: these are the passages that fit best."
NOTHING_FOUND = "The knowledge base has nothing on this yet: import documents with `import_document`."
EXCERPT_CHARACTERS = 600
# The remote model is the reference that local answers are measured by, so its answers are taken as good, not as sure.
REMOTE_QUALITY = 0.9
PASSAGES_IN_AN_OFFLINE_ANSWER = 3


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What execution gave.

    Attributes:
        lasting: Worth remembering; not so after an outage, for the next caller may find the model up again, nor where
            the answer is plainly bad.
    """

    text: str
    route: Route
    quality: float
    completion: Completion | None
    spent_usd: float
    lasting: bool = True


class Router:
    """The port `Answering`, in this process."""

    def __init__(
        self,
        *,
        models: Models,
        cache: AnswerCache,
        retrieval: Retrieval,
        documents: Documents,
        interactions: Interactions,
        events: Events,
        settings: Settings,
    ) -> None:
        self._models = models
        self._cache = cache
        self._retrieval = retrieval
        self._documents = documents
        self._interactions = interactions
        self._events = events
        self._settings = settings.hybrid

    async def cached(self, question: Question) -> Answer | None:
        """See `Answering.cached`."""
        start = time.perf_counter()
        found = await self._cache.get(question, self._fingerprint())
        if found is None:
            current().mark("cache_missed")
            return None
        current().mark("cache_hit")
        answer = replace(
            found,
            route="cache",
            latency_ms=_milliseconds_since(start),
            cost_usd=0.0,
            tokens_in=0,
            tokens_out=0,
            cached=True,
            learned=False,
            reasons=(f"the same question was answered before ({found.route})",),
            interaction_id=str(uuid.uuid4()),
        )
        saved = self._models.remote_price(found.tokens_in, found.tokens_out)
        self._interactions.add_soon(question.query, answer, saved, question.session_id)
        self._tell(question, answer)
        return answer

    async def route(
        self, question: Question, retrieved: Retrieved | None = None, started: float | None = None
    ) -> Answer:
        """See `Answering.route`."""
        start = time.perf_counter() if started is None else started
        fingerprint = await self._fingerprint()
        if retrieved is None:
            retrieved = await self._retrieval.search(question.query, limit=question.limit)
            current().mark("retrieved")
        messages = conversation(question.query, question.context, retrieved.passages)
        reasons = list(retrieved.notes)
        if question.use_models:
            confidence = await estimate(self._models.local, messages, retrieved.passages)
            reasons.append(f"confidence {confidence.value:.2f}: {confidence.reason}")
            current().mark("scored")
            outcome = await self._execute(question, retrieved, messages, confidence, reasons)
        else:
            confidence = await estimate(None, messages, retrieved.passages)
            reasons.append("models were not asked for")
            outcome = _Outcome(_listing(retrieved, ""), "knowledge", confidence.value, None, 0.0)
        current().mark(f"answered:{outcome.route}")
        answer = self._answer(outcome, retrieved, confidence, tuple(reasons), start)
        saved = 0.0
        if outcome.route == "local" and outcome.completion:
            saved = self._models.remote_price(outcome.completion.tokens_in, outcome.completion.tokens_out)
        if outcome.lasting:
            await self._cache.put(question, fingerprint, answer)
            current().mark("cached")
        await self._remember(question, answer, saved)
        return answer

    @property
    def _has_models(self) -> bool:
        return self._models.local is not None or self._models.remote is not None

    async def _fingerprint(self) -> str:
        return f"{self._models.fingerprint}:{await self._documents.revision()}"

    async def _execute(
        self,
        question: Question,
        retrieved: Retrieved,
        messages: list[Message],
        confidence: Confidence,
        reasons: list[str],
    ) -> _Outcome:
        plan = decide(
            question,
            self._models,
            confidence.value,
            sum(len(each.content.encode()) for each in messages),
            self._settings,
        )
        reasons.extend(plan.reasons)
        spent = 0.0
        outage = False
        rejected: _Outcome | None = None
        for position, choice in enumerate(plan.choices):
            try:
                completion = await choice.model.complete(messages, self._settings.max_answer_tokens)
            except (UnavailableError, UsageError) as error:
                reasons.append(f"the {choice.kind} model failed: {error.problem}")
                outage = True
                continue
            spent += completion.cost_usd
            if choice.kind == "remote":
                route: Route = "remote_fallback" if rejected is not None else "remote"
                defect = defect_of(completion, len(retrieved.passages))
                if defect:
                    reasons.append(f"the remote answer {defect}")
                quality = 0.0 if defect else REMOTE_QUALITY
                return _Outcome(completion.text, route, quality, completion, spent, lasting=not (outage or defect))
            judged = await assess(choice.model, messages, completion, len(retrieved.passages))
            reasons.append(judged.reason)
            lasting = not outage and judged.value > 0
            outcome = _Outcome(completion.text, "local", judged.value, completion, spent, lasting=lasting)
            last = position + 1 == len(plan.choices)
            if last or not plan.check_local or judged.value >= self._settings.fallback_quality:
                return outcome
            reasons.append(f"below {self._settings.fallback_quality:.2f}: the remote model is asked")
            rejected = outcome
        if rejected is not None:
            reasons.append("the local answer is given all the same")
            return replace(rejected, spent_usd=spent, lasting=False)
        introduction = MODELS_FAILED if self._has_models else ADD_A_MODEL
        return _Outcome(_listing(retrieved, introduction), "offline", 0.0, None, spent, lasting=not self._has_models)

    def _answer(
        self,
        outcome: _Outcome,
        retrieved: Retrieved,
        confidence: Confidence,
        reasons: tuple[str, ...],
        start: float,
    ) -> Answer:
        completion = outcome.completion
        tokens_out = completion.tokens_out if completion else 0
        value = value_score(outcome.route, outcome.quality, tokens_out)
        learning = self._settings.learning
        return Answer(
            response=outcome.text,
            route=outcome.route,
            confidence=confidence.value,
            latency_ms=_milliseconds_since(start),
            cost_usd=round(outcome.spent_usd, 6),
            tokens_in=completion.tokens_in if completion else 0,
            tokens_out=tokens_out,
            cached=False,
            value_score=value,
            learned=learning.enabled and value >= learning.value_score_threshold,
            model=completion.model if completion else "",
            sources=tuple(
                Citation(
                    document_id=passage.document_id,
                    title=passage.title,
                    source=passage.source,
                    collection=passage.collection,
                    excerpt=passage.text[:EXCERPT_CHARACTERS],
                    score=passage.score,
                )
                for passage in retrieved.passages
            ),
            reasons=reasons,
            interaction_id=str(uuid.uuid4()),
        )

    async def _remember(self, question: Question, answer: Answer, saved_usd: float) -> None:
        """Record the interaction; where nothing can be written, on a full disk, the answer is given all the same."""
        try:
            await self._interactions.add(
                question.query, answer, saved_usd, question.session_id, private=bool(question.context)
            )
            current().mark("recorded")
        except UnavailableError as error:
            logger.warning("the interaction %s is not recorded: %s", answer.interaction_id, error)
        self._tell(question, answer)

    def _tell(self, question: Question, answer: Answer) -> None:
        self._events.record(
            "query_completion",
            interaction_id=answer.interaction_id,
            query=question.query,
            response=answer.response,
            route=answer.route,
            model=answer.model,
            confidence=answer.confidence,
            latency_ms=answer.latency_ms,
            cost=answer.cost_usd,
            tokens=answer.tokens_in + answer.tokens_out,
            value_score=answer.value_score,
            learned=answer.learned,
            steps=current().told(),
        )


def _listing(retrieved: Retrieved, introduction: str) -> str:
    """The best passages as text, each with its source."""
    if not retrieved.passages:
        return f"{introduction}\n\n{NOTHING_FOUND}".strip()
    parts = [introduction] if introduction else []
    for number, passage in enumerate(retrieved.passages[:PASSAGES_IN_AN_OFFLINE_ANSWER], start=1):
        name = passage.title or passage.source
        heading = f" — {passage.heading}" if passage.heading and passage.heading != name else ""
        parts.append(f"[{number}] {name}{heading} ({passage.source})\n{passage.text[:EXCERPT_CHARACTERS]}")
    return "\n\n".join(parts)


def _milliseconds_since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 3)
