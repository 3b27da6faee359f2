"""Answers given before, found again by the very same question."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict

from ..errors import StackError, UnavailableError
from ..ports.answering import Answer, Citation, Question
from ..ports.cache import Cache

logger = logging.getLogger(__name__)


class AnswerCache:
    """Exact matches under `query:*`.

    The key holds everything that the answer depends on: the question with its bounds, the caller's context, and a
    fingerprint of the models and of the knowledge base. So an answer is never given to another context, and adding a
    model or a document is seen at once.

    Args:
        cache: The store; if it is down, every look-up misses.
        ttl_seconds: How long an answer is kept.
    """

    def __init__(self, cache: Cache, ttl_seconds: float) -> None:
        self._cache = cache
        self._ttl = ttl_seconds

    async def get(self, question: Question, fingerprint: str) -> Answer | None:
        """The answer to the same question, or None."""
        try:
            stored = await self._cache.get(_key(question, fingerprint))
        except UnavailableError as error:
            logger.warning("no cached answers: %s", error)
            return None
        if stored is None:
            return None
        try:
            return _decoded(stored)
        except (ValueError, TypeError, KeyError) as error:
            # Written by another version: as good as not there.
            logger.info("a cached answer cannot be read: %s", error)
            return None

    async def put(self, question: Question, fingerprint: str, answer: Answer) -> None:
        """Keep an answer; a store that is down loses it, which costs a little time later."""
        try:
            await self._cache.set(_key(question, fingerprint), json.dumps(asdict(answer)).encode(), self._ttl)
        except StackError as error:
            logger.warning("the answer is not cached: %s", error)


def _key(question: Question, fingerprint: str) -> str:
    """`query:` and a hash; white space around the question does not change it."""
    normalised = {**asdict(question), "query": question.query.strip()}
    text = json.dumps([normalised, fingerprint], sort_keys=True, ensure_ascii=False, default=str)
    return "query:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _decoded(stored: bytes) -> Answer:
    fields = json.loads(stored)
    fields["sources"] = tuple(Citation(**source) for source in fields["sources"])
    fields["reasons"] = tuple(fields["reasons"])
    return Answer(**fields)
