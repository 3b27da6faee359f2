"""From a question to a plan: conversation, passages, confidence, decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..errors import UnavailableError
from ..ports.answering import Question
from ..ports.chat import Message
from ..ports.embedder import Embedder, Vector
from ..ports.retrieval import Passage, Retrieval, Retrieved
from ..ports.sessions import Sessions
from ..settings import Settings
from ..trace import current
from .augmentation import Augmentation, augmented, estimated_tokens, trimmed
from .budget import RemoteBudget
from .confidence import Asked, ConfidenceEstimator, Estimate
from .decision import Circumstances, Models, Plan, decide
from .prompts import conversation, facts
from .spending import Left, Spending

# Left for the answer in the context of a local model.
RESERVED_FOR_THE_ANSWER = 1024
# Outcomes are weighed by its inverse.
LEAST_PROPENSITY = 0.01
MORE_LIKELY_THAN_NOT = 0.5
# The least that passages get, however long question and history are.
LEAST_FOR_PASSAGES = 200
# A question that short may lean on what was said before: "and how do I undo that?"
MOST_WORDS_OF_A_FOLLOW_UP = 8


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a question needs to be put to a model.

    Attributes:
        retrieved: What was found; the passages that the models get come first, as they get them.
        given: How many of them the models get.
        propensity: Probability in (0, 1] that such a question is put to the remote model, where it is.
    """

    question: Question
    vector: Vector | None
    retrieved: Retrieved
    given: int
    messages: tuple[Message, ...]
    prompt_tokens: int
    estimate: Estimate
    propensity: float
    plan: Plan
    reasons: tuple[str, ...]


class Preparation:
    """Prepares questions."""

    def __init__(
        self,
        *,
        models: Models,
        retrieval: Retrieval,
        looking: Retrieval,
        embedder: Embedder,
        sessions: Sessions,
        estimator: ConfidenceEstimator,
        spending: Spending,
        budget: RemoteBudget | None,
        settings: Settings,
    ) -> None:
        self._models = models
        self._retrieval = retrieval
        self._looking = looking
        self._embedder = embedder
        self._sessions = sessions
        self._estimator = estimator
        self._spending = spending
        self._budget = budget
        self._settings = settings.hybrid
        self._context_tokens = settings.llm.local.context_tokens

    async def with_history(self, question: Question) -> Question:
        """The question with what was said before in its session.

        Raises:
            UnavailableError: The store is down.
        """
        if not question.session_id:
            return question
        # Before its turns: if it is cleared in between, the epoch is the old one, and nothing is added to the new one.
        question = replace(question, epoch=await self._sessions.epoch(question.session_id))
        if question.history:
            return question
        found = await self._sessions.get(question.session_id)
        return replace(question, history=found.turns) if found else question

    async def vector(self, text: str) -> Vector | None:
        """The embedding of a text, or None while there is no embedder."""
        try:
            return await self._embedder.embed_query(text)
        except UnavailableError:
            return None

    async def retrieve(self, question: Question, *, explaining: bool = False) -> Retrieved:
        """The passages for a question; a short one is searched for together with the one before it.

        Args:
            question: With its history.
            explaining: Nobody is going to use them.

        Raises:
            UnavailableError: The database is down.
        """
        text = question.query
        earlier = [turn.content for turn in question.history if turn.role == "user"]
        if earlier and len(text.split()) <= MOST_WORDS_OF_A_FOLLOW_UP:
            text = f"{earlier[-1]}\n{text}"
        retrieval = self._looking if explaining else self._retrieval
        return await retrieval.search(text, limit=question.limit)

    async def prepare(self, question: Question, retrieved: Retrieved | None, *, explaining: bool = False) -> Prepared:
        """Everything up to the decision.

        Args:
            question: With its history.
            retrieved: Passages already found for it; searched for if None.
            explaining: Nobody is going to be asked, so the budget mode counts nothing.

        Raises:
            UnavailableError: The database is down.
            UsageError: As `decide`.
        """
        if retrieved is None or question.history:
            retrieved = await self.retrieve(question, explaining=explaining)
            current().mark("retrieved")
        given, history = self._fitted(question, retrieved.passages)
        messages = conversation(question.query, question.context, given.passages, history)
        prompt_tokens = sum(estimated_tokens(message.content) for message in messages)
        vector = await self.vector(question.query)
        relevance = max((passage.relevance for passage in retrieved.passages), default=0.0)
        judging = None if self._settled(question) else self._models.local
        estimate = await self._estimator.estimate(
            Asked(question.query, vector, relevance), judging, conversation(question.query, {}, (), history)
        )
        current().mark("scored")
        left = await self._spending.left()
        propensity, wanted = await self._budgeted(estimate.gain, left, explaining=explaining)
        given_now = Circumstances(estimate.value, prompt_tokens, left, wanted)
        plan = decide(question, self._models, given_now, self._settings)
        forgotten = len(question.history) - len(history)
        return Prepared(
            question=question,
            vector=vector,
            retrieved=replace(retrieved, passages=_in_front(given.passages, retrieved.passages)),
            given=len(given.passages),
            messages=tuple(messages),
            prompt_tokens=prompt_tokens,
            estimate=estimate,
            propensity=propensity,
            plan=plan,
            reasons=(
                *retrieved.notes,
                *given.notes,
                *([f"the first {forgotten} turns of the conversation do not fit"] if forgotten else []),
                f"confidence {estimate.value:.2f}: {estimate.reason}",
                *plan.reasons,
            ),
        )

    async def _budgeted(self, gain: float, left: Left, *, explaining: bool) -> tuple[float, Callable[[], bool] | None]:
        """In the budget mode, how likely a remote call is and what decides on it; else certainty, and nothing."""
        if self._budget is None:
            return 1.0, None
        budget = self._budget
        propensity = await budget.propensity(gain) if left.in_pace else 0.0
        if explaining:
            return propensity, lambda: propensity >= MORE_LIKELY_THAN_NOT
        return max(propensity, LEAST_PROPENSITY), lambda: budget.wants(gain, may=left.in_pace)

    def _settled(self, question: Question) -> bool:
        """Whether no judgement of the local model changes which one is asked."""
        others = self._models.remote is not None and not (question.prefer_local and self._settings.routing.prefer_local)
        return bool(question.force_route) or others

    def _fitted(self, question: Question, passages: Sequence[Passage]) -> tuple[Augmentation, tuple[Message, ...]]:
        """Passages and history that leave room for an answer in the context of the local model."""
        most, of_history = self._settings.context_tokens, self._settings.history_tokens
        if self._models.local is not None:
            fixed = estimated_tokens(question.query)
            fixed += estimated_tokens(facts(question.context)) if question.context else 0
            room = max(LEAST_FOR_PASSAGES, self._context_tokens - RESERVED_FOR_THE_ANSWER - fixed)
            of_history = min(of_history, room // 2)
            history = trimmed(question.history, of_history)
            most = min(most, max(LEAST_FOR_PASSAGES, room - sum(estimated_tokens(turn.content) for turn in history)))
        else:
            history = trimmed(question.history, of_history)
        return augmented(passages, most), history


def _in_front(given: Sequence[Passage], found: Sequence[Passage]) -> tuple[Passage, ...]:
    """What was given, as it was found and in the order of its citations, then the rest."""
    chosen = {passage.document_id: place for place, passage in enumerate(given)}
    return tuple(sorted(found, key=lambda passage: chosen.get(passage.document_id, len(chosen))))
