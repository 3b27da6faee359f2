"""What a new answer tells about the answers that were near."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import StackError
from ...ports.answer_index import AnsweredQuestion, AnswerIndex, Label
from ...ports.embedder import Embedder
from .agreement import answers_agree, cosine, normalised
from .exact import AnswerCache
from .policy import Decision

logger = logging.getLogger(__name__)

# Look-ups whose answers are on their way; of more, the oldest teach nothing.
MOST_EXPECTED = 1_000
# Of so many of the nearest, the first of each group, it is asked whether a new answer agrees with theirs.
MOST_COMPARED = 3


@dataclass(frozen=True, slots=True)
class LookUp:
    """A look-up that gave no answer.

    Attributes:
        sequences: Of the nearest entries.
        near: The entries.
        decision: What was decided.
    """

    sequences: Sequence[int]
    near: Sequence[AnsweredQuestion]
    decision: Decision


class Learner:
    """Labels look-ups when their new answers come, and indexes the questions with the group of their answers.

    Args:
        exact: Holds the answers.
        index: Takes labels and questions.
        policy: Names the features.
        embedder: Embeds answers; None compares their words alone.
    """

    def __init__(self, exact: AnswerCache, index: AnswerIndex, policy: str, embedder: Embedder | None) -> None:
        self._exact = exact
        self._index = index
        self._policy = policy
        self._embedder = embedder
        self._expected: OrderedDict[str, LookUp] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, key: str, look_up: LookUp) -> None:
        """Remember a look-up until its answer comes, if it does."""
        if not self._policy:
            return
        self._expected[key] = look_up
        self._expected.move_to_end(key)
        if len(self._expected) > MOST_EXPECTED:
            self._expected.popitem(last=False)

    def learn_soon(self, entry: AnsweredQuestion, fingerprint: str, response: str, ttl_seconds: float) -> None:
        """Learn from a new answer and index its question, after the caller has gone on.

        Args:
            entry: The question, without the answer's vector and group.
            fingerprint: What the answer was made from.
            response: The answer.
            ttl_seconds: How long the question is kept.
        """
        look_up = self._expected.pop(entry.key, None)
        task = asyncio.create_task(self._learn(entry, look_up, fingerprint, response, ttl_seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait for what is being learned."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _learn(
        self, entry: AnsweredQuestion, look_up: LookUp | None, fingerprint: str, response: str, ttl_seconds: float
    ) -> None:
        try:
            vector = list(await self._embedder.embed_query(response)) if self._embedder else []
            entry = replace(entry, answer_vector=packed(vector))
            if look_up is not None:
                entry = await self._labelled(entry, look_up, fingerprint, response, vector)
            await self._index.add(entry, ttl_seconds)
        except StackError as error:
            logger.warning("nothing is learned from an answer: %s", error)

    async def _labelled(
        self, entry: AnsweredQuestion, look_up: LookUp, fingerprint: str, response: str, vector: Sequence[float]
    ) -> AnsweredQuestion:
        """Write the label down; returns the entry in the group that its answer agrees with."""
        decision = look_up.decision
        if decision.chosen is None:
            return entry
        chosen = look_up.near[decision.chosen]
        agreed = await self._agree(chosen, fingerprint, response, vector)
        if agreed is None:
            return entry
        if decision.features:
            features = struct.pack(f"<{len(decision.features)}f", *decision.features)
            label = Label(features, agreed, decision.wrong if decision.shadow else None)
            await self._index.add_label(self._policy, label, look_up.sequences[decision.chosen])
        if agreed:
            return replace(entry, group=chosen.group)
        firsts = {each.group: each for each in reversed(look_up.near) if each.group != chosen.group}
        for other in list(reversed(firsts.values()))[: MOST_COMPARED - 1]:
            if await self._agree(other, fingerprint, response, vector):
                return replace(entry, group=other.group)
        return entry

    async def _agree(
        self, other: AnsweredQuestion, fingerprint: str, response: str, vector: Sequence[float]
    ) -> bool | None:
        """Whether an answer agrees with one that is kept; None if that is gone."""
        if other.group == group_of(response):
            return True
        kept = await self._exact.at(other.key, fingerprint)
        if kept is None:
            return None
        return answers_agree(response, kept.response, cosine(vector, unpacked(other.answer_vector)))


def packed(vector: Sequence[float]) -> bytes:
    """A vector as little-endian float16."""
    return struct.pack(f"<{len(vector)}e", *vector)


def unpacked(vector: bytes) -> list[float]:
    """The vector of `packed`."""
    return list(struct.unpack(f"<{len(vector) // 2}e", vector))


def group_of(response: str) -> int:
    """A name for an answer: the same for the same words."""
    digest = hashlib.sha256(normalised(response).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little", signed=True)
