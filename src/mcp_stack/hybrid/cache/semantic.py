"""Answers given before to questions that mean the same."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ...errors import StackError
from ...ports.answer_index import AnsweredQuestion, AnswerIndex
from ...ports.answering import Answer, Question
from .exact import AnswerCache
from .neighbours import Neighbour, Neighbours
from .policy import Candidate, Decision, Policy
from .verifier import compare

logger = logging.getLogger(__name__)

# How many of the nearest are looked at: their agreement is what the error budget learns most from.
NEAREST = 10
# Longer questions are found by exact match alone: the embedder reads 256 tokens, and what differs behind them would
# not be seen.
LONGEST_QUESTION = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """An answer to a question that means the same.

    Attributes:
        answer: As it was given then.
        query: The question then.
        similarity: Cosine of the two questions.
        key: Of the answer in the cache.
        why: In words.
    """

    answer: Answer
    query: str
    similarity: float
    key: str
    why: str


class SemanticCache:
    """Finds answers by what the question means, in its scope alone.

    A scope is all that must be equal: private context, session and history, bounds, models, state of the knowledge
    base. Stores that are down make every look-up miss.

    Args:
        exact: Holds the answers.
        index: Holds the questions.
        policy: Decides what is near enough.
        ttl_seconds: How long a question is kept.
        enabled: False finds nothing, and keeps exact matches alone.
    """

    def __init__(
        self, exact: AnswerCache, index: AnswerIndex, policy: Policy, *, ttl_seconds: float, enabled: bool = True
    ) -> None:
        self._exact = exact
        self._index = index
        self._policy = policy
        self._ttl = ttl_seconds
        self._enabled = enabled
        self._neighbours = Neighbours()
        self._catching_up = asyncio.Lock()

    async def find(self, question: Question, vector: Sequence[float], fingerprint: str) -> Found | None:
        """The answer to a question that means the same, or None.

        Args:
            question: What is asked.
            vector: Its embedding, of length 1.
            fingerprint: What an answer would be made from now.
        """
        if not self._enabled or len(question.query) > LONGEST_QUESTION:
            return None
        try:
            return await self._found(question, vector, fingerprint)
        except StackError as error:
            logger.warning("no answers to similar questions: %s", error)
            return None

    async def put(self, question: Question, vector: Sequence[float] | None, fingerprint: str, answer: Answer) -> None:
        """Keep an answer, to be found by the same question and by those that mean the same.

        Args:
            question: What was asked.
            vector: Its embedding, of length 1; without one, the same question alone finds the answer.
            fingerprint: What the answer was made from.
            answer: The answer; nothing that failed.
        """
        await self._exact.put(question, fingerprint, answer)
        usable = vector is not None and self._enabled and len(question.query) <= LONGEST_QUESTION
        entry = AnsweredQuestion(
            key=self._exact.key(question),
            scope=scope_of(question, fingerprint),
            query=question.query if usable else "",
            vector=packed(vector) if vector is not None and usable else b"",
            group=group_of(answer.response),
            answer_vector=b"",
            interaction_id=answer.interaction_id,
        )
        try:
            await self._index.add(entry, self._ttl)
        except StackError as error:
            logger.warning("the question is not indexed: %s", error)

    async def forget(self, interaction_id: str) -> None:
        """Remove the answer that was first given in an interaction.

        Raises:
            UnavailableError: A store is down: the answer may still be given.
        """
        for key in await self._index.remove(interaction_id=interaction_id):
            await self._exact.forget(key)

    async def _found(self, question: Question, vector: Sequence[float], fingerprint: str) -> Found | None:
        await self._catch_up(len(vector))
        near = self._neighbours.nearest(vector, scope_of(question, fingerprint), NEAREST)
        if not near:
            return None
        questions = await self._index.questions([each.sequence for each in near])
        if gone := [each.sequence for each in near if each.sequence not in questions]:
            self._neighbours.drop(gone)
        near = [each for each in near if each.sequence in questions]
        decision = self._decided(question.query, near, questions)
        if decision.chosen is None or not decision.serve:
            return None
        chosen = near[decision.chosen]
        entry = questions[chosen.sequence]
        answer = await self._exact.at(entry.key, fingerprint)
        if answer is None:
            return None
        why = f"a question that means the same was answered before (similarity {chosen.similarity:.2f})"
        return Found(answer, entry.query, chosen.similarity, entry.key, why)

    def _decided(self, query: str, near: Sequence[Neighbour], questions: dict[int, AnsweredQuestion]) -> Decision:
        return self._policy.decide(
            [Candidate(each.similarity, each.group, compare(query, questions[each.sequence].query)) for each in near]
        )

    async def _catch_up(self, dimensions: int) -> None:
        async with self._catching_up:
            while True:
                generation = self._neighbours.generation
                changes = await self._index.changes(self._neighbours.newest, self._policy.name)
                self._neighbours.add(changes, dimensions)
                if not changes.more and changes.generation == generation:
                    return


def scope_of(question: Question, fingerprint: str) -> bytes:
    """SHA-256 of all but the question itself."""
    rest = {**asdict(question), "query": "", "fingerprint": fingerprint}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def packed(vector: Sequence[float]) -> bytes:
    """A vector as little-endian float16."""
    return struct.pack(f"<{len(vector)}e", *vector)


def group_of(response: str) -> int:
    """A name for an answer: the same for the same words."""
    digest = hashlib.sha256(" ".join(response.lower().split()).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little", signed=True)
