"""Answers given before, found again by the very same question."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

from ...errors import StackError, UnavailableError
from ...ports.answering import Answer, Citation, Question
from ...ports.cache import Cache

logger = logging.getLogger(__name__)


class AnswerCache:
    """Exact matches under `query:*`.

    An entry is named after the question with its bounds and the caller's context, so an answer is never given to
    another context. It holds a fingerprint of the models and of the knowledge base that it was made from: adding a
    model or a document is seen at once, and the next answer takes its place.

    Args:
        cache: The store; if it is down, every look-up misses.
        ttl_seconds: How long an answer is kept.
    """

    def __init__(self, cache: Cache, ttl_seconds: float) -> None:
        self._cache = cache
        self._ttl = ttl_seconds
        self._held: dict[str, bytes] = {}

    async def get(self, question: Question, fingerprint: Awaitable[str]) -> Answer | None:
        """The answer to the same question, or None.

        Args:
            question: What is asked.
            fingerprint: What an answer would be made from now; found out while the cache is asked.

        Raises:
            UnavailableError: The fingerprint cannot be found out.
        """
        stored, current = await asyncio.gather(self._stored(self.key(question)), fingerprint)
        return _read(stored, current)

    async def put(self, question: Question, fingerprint: str, answer: Answer) -> None:
        """Keep an answer; a store that is down loses it, which costs a little time later."""
        self.hold(question, fingerprint, answer)
        await self.write(self.key(question))

    def hold(self, question: Question, fingerprint: str, answer: Answer) -> None:
        """Have this process find an answer from now on, which `write` puts where all find it."""
        value = json.dumps({"fingerprint": fingerprint, "answer": asdict(answer)})
        self._held[self.key(question)] = value.encode()

    async def write(self, key: str) -> None:
        """Put what is held under a key into the store."""
        value = self._held.get(key)
        if value is None:
            return
        try:
            await self._cache.set(key, value, self._ttl)
        except StackError as error:
            logger.warning("the answer is not cached: %s", error)
        finally:
            if self._held.get(key) is value:
                del self._held[key]

    @staticmethod
    def key(question: Question) -> str:
        """The entry's name: `query:` and a hash; white space around the question does not change it."""
        normalised = {**asdict(question), "query": question.query.strip()}
        text = json.dumps(normalised, sort_keys=True, ensure_ascii=False, default=str)
        return "query:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    async def at(self, key: str, fingerprint: str) -> Answer | None:
        """The answer under a key, or None if it is gone or made from something else."""
        return _read(await self._stored(key), fingerprint)

    async def forget(self, key: str) -> None:
        """Remove an answer.

        Raises:
            UnavailableError: The store is down.
        """
        await self._cache.delete(key)

    async def _stored(self, key: str) -> bytes | None:
        if (held := self._held.get(key)) is not None:
            return held
        try:
            return await self._cache.get(key)
        except UnavailableError as error:
            logger.warning("no cached answers: %s", error)
            return None


def _read(stored: bytes | None, fingerprint: str) -> Answer | None:
    if stored is None:
        return None
    try:
        fields = json.loads(stored)
        return _decoded(fields["answer"]) if fields["fingerprint"] == fingerprint else None
    except (ValueError, TypeError, KeyError) as error:
        # Written by another version: as good as not there.
        logger.info("a cached answer cannot be read: %s", error)
        return None


def _decoded(fields: dict[str, Any]) -> Answer:
    fields["sources"] = tuple(Citation(**source) for source in fields["sources"])
    fields["reasons"] = tuple(fields["reasons"])
    return Answer(**fields)
