"""Answers given before to questions that mean the same."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from ...errors import StackError
from ...ports.answer_index import AnsweredQuestion, AnswerIndex
from ...ports.answering import Answer, Question
from ...ports.embedder import Embedder
from .exact import AnswerCache
from .learning import Learner, LookUp, group_of, packed
from .neighbours import Neighbours
from .policy import Candidate, Policy
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
        embedder: Tells whether answers agree, where the policy learns; without one only the very same words do.
        enabled: False finds nothing, and keeps exact matches alone.
    """

    def __init__(
        self,
        exact: AnswerCache,
        index: AnswerIndex,
        policy: Policy,
        *,
        ttl_seconds: float,
        embedder: Embedder | None = None,
        enabled: bool = True,
    ) -> None:
        self._exact = exact
        self._index = index
        self._policy = policy
        self._ttl = ttl_seconds
        self._enabled = enabled
        self._neighbours = Neighbours()
        self._catching_up = asyncio.Lock()
        self._newest_label = 0
        self._writing: set[asyncio.Task[None]] = set()
        self._learner = Learner(exact, index, policy.name, embedder)

    async def find(self, question: Question, vector: Sequence[float], fingerprint: str) -> Found | None:
        """The answer to a question that means the same, or None.

        It may also be None because the policy wants to see a new answer; `put` then learns from that.

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

    def put_soon(
        self, question: Question, vector: Sequence[float] | None, fingerprint: str, answer: Answer
    ) -> asyncio.Task[None]:
        """Keep an answer, to be found by the same question and by those that mean the same.

        The same question finds it in this process at once, everywhere else a moment later; so do those that mean the
        same.

        Args:
            question: What was asked.
            vector: Its embedding, of length 1; without one, the same question alone finds the answer.
            fingerprint: What the answer was made from.
            answer: The answer; nothing that failed.

        Returns:
            What writes it down; it need not be waited for.
        """
        self._exact.hold(question, fingerprint, answer)
        task = asyncio.create_task(self._put(question, vector, fingerprint, answer))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return task

    async def forget(self, interaction_id: str) -> None:
        """Remove the answer that was first given in an interaction.

        Raises:
            UnavailableError: A store is down: the answer may still be given.
        """
        await self.settled()
        for key in await self._index.remove(interaction_id=interaction_id):
            await self._exact.forget(key)

    async def settled(self) -> None:
        """Wait until all that was put is written and indexed."""
        while self._writing:
            await asyncio.wait(self._writing)
        await self._learner.settled()

    async def _put(self, question: Question, vector: Sequence[float] | None, fingerprint: str, answer: Answer) -> None:
        key = self._exact.key(question)
        await self._exact.write(key)
        usable = vector is not None and self._enabled and len(question.query) <= LONGEST_QUESTION
        entry = AnsweredQuestion(
            key=key,
            scope=scope_of(question, fingerprint),
            query=question.query if usable else "",
            vector=packed(vector) if vector is not None and usable else b"",
            group=group_of(answer.response),
            answer_vector=b"",
            interaction_id=answer.interaction_id,
        )
        if usable and self._policy.name:
            self._learner.learn_soon(entry, fingerprint, answer.response, self._ttl)
            return
        try:
            await self._index.add(entry, self._ttl)
        except StackError as error:
            logger.warning("the question is not indexed: %s", error)

    async def _found(self, question: Question, vector: Sequence[float], fingerprint: str) -> Found | None:
        await self._catch_up(len(vector))
        near = self._neighbours.nearest(vector, scope_of(question, fingerprint), NEAREST)
        if not near or near[0].similarity < self._policy.least_similarity:
            return None
        questions = await self._index.questions([each.sequence for each in near]) if near else {}
        if gone := [each.sequence for each in near if each.sequence not in questions]:
            self._neighbours.drop(gone)
        near = [each for each in near if each.sequence in questions]
        known = [questions[each.sequence] for each in near]
        decision = self._policy.decide(
            [
                Candidate(
                    each.similarity,
                    each.group,
                    partial(compare, question.query, entry.query),
                    entry.rights,
                    entry.wrongs,
                )
                for each, entry in zip(near, known, strict=True)
            ]
        )
        if decision.chosen is None:
            return None
        if not decision.serve:
            self._learner.expect(
                self._exact.key(question),
                LookUp([each.sequence for each in near], known, decision),
            )
            return None
        chosen, entry = near[decision.chosen], known[decision.chosen]
        answer = await self._exact.at(entry.key, fingerprint)
        if answer is None:
            return None
        why = f"a question that means the same was answered before (similarity {chosen.similarity:.2f})"
        return Found(answer, entry.query, chosen.similarity, entry.key, why)

    async def _catch_up(self, dimensions: int) -> None:
        async with self._catching_up:
            while True:
                generation = self._neighbours.generation
                changes = await self._index.changes(self._neighbours.newest, self._policy.name)
                self._neighbours.add(changes, dimensions)
                if not changes.more and changes.generation == generation:
                    break
            if changes.newest_label > self._newest_label:
                labels = await self._index.labels(self._policy.name, self._newest_label)
                self._newest_label = changes.newest_label
                self._policy.learn([label for label in labels if label.number <= changes.newest_label])


def scope_of(question: Question, fingerprint: str) -> bytes:
    """SHA-256 of all but the question itself."""
    rest = {**asdict(question), "query": "", "fingerprint": fingerprint}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
