"""Answers are given again to questions that mean the same, in their scope alone."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from mcp_stack.hybrid.cache import AnswerCache, SemanticCache
from mcp_stack.hybrid.cache.policy import FixedThreshold
from mcp_stack.ports.answering import Answer, Question
from mcp_stack.storage.postgres.answer_index import PostgresAnswerIndex
from mcp_stack.storage.postgres.cache import PostgresCache
from mcp_stack.storage.postgres.pool import Database
from tests.support.word_vectors import word_vectors

INSTALL = "How do I install numpy on Ubuntu?"
PARAPHRASE = "How can I install numpy on Ubuntu?"


def vector_of(text: str) -> list[float]:
    vector = word_vectors([text])[0]
    length = sum(value * value for value in vector) ** 0.5
    return [value / length for value in vector]


def answered(response: str) -> Answer:
    return Answer(
        response=response,
        route="remote",
        confidence=0.5,
        latency_ms=1,
        cost_usd=0.01,
        tokens_in=10,
        tokens_out=20,
        cached=False,
        value_score=0.5,
        learned=False,
        model="scripted",
        sources=(),
        reasons=(),
        interaction_id=str(uuid.uuid4()),
    )


class Asker:
    """One process's cache."""

    def __init__(self, database: Database, ttl_seconds: float = 60) -> None:
        exact = AnswerCache(PostgresCache(database), ttl_seconds)
        self.cache = SemanticCache(exact, PostgresAnswerIndex(database), FixedThreshold(0.95), ttl_seconds=ttl_seconds)

    async def tell(self, question: Question, response: str, fingerprint: str = "one") -> Answer:
        answer = answered(response)
        await self.cache.put(question, vector_of(question.query), fingerprint, answer)
        return answer

    async def ask(self, question: Question, fingerprint: str = "one") -> str:
        found = await self.cache.find(question, vector_of(question.query), fingerprint)
        return found.answer.response if found else ""


@pytest.fixture
def asker(database: Database) -> Asker:
    return Asker(database)


async def test_a_paraphrase_gets_the_answer_and_what_it_was_to(asker: Asker) -> None:
    told = await asker.tell(Question(INSTALL), "With pip.")
    found = await asker.cache.find(Question(PARAPHRASE), vector_of(PARAPHRASE), "one")
    assert found is not None
    assert found.answer == told
    assert found.query == INSTALL
    assert 0.8 < found.similarity <= 1.001


async def test_another_thing_gets_no_answer(asker: Asker) -> None:
    await asker.tell(Question(INSTALL), "With pip.")
    assert await asker.ask(Question("How do I install scipy on Ubuntu?")) == ""
    assert await asker.ask(Question("How do I uninstall numpy on Ubuntu?")) == ""


async def test_context_session_bounds_and_sources_must_be_the_same(asker: Asker) -> None:
    question = Question(INSTALL, context={"user": "Ada"}, session_id="one")
    await asker.tell(question, "With pip.")
    other = replace(question, query=PARAPHRASE)
    assert await asker.ask(other) == "With pip."
    assert await asker.ask(replace(other, context={"user": "Bob"})) == ""
    assert await asker.ask(replace(other, context={})) == ""
    assert await asker.ask(replace(other, session_id="two")) == ""
    assert await asker.ask(replace(other, force_route="remote")) == ""
    assert await asker.ask(replace(other, max_cost_usd=0.1)) == ""
    assert await asker.ask(other, fingerprint="another state of the knowledge base") == ""


async def test_another_process_finds_what_this_one_was_told(database: Database, asker: Asker) -> None:
    other = Asker(database)
    assert await other.ask(Question(PARAPHRASE)) == ""
    await asker.tell(Question(INSTALL), "With pip.")
    assert await other.ask(Question(PARAPHRASE)) == "With pip."


async def test_an_answer_that_was_bad_is_forgotten_everywhere(database: Database, asker: Asker) -> None:
    other = Asker(database)
    told = await asker.tell(Question(INSTALL), "With a hammer.")
    assert await other.ask(Question(PARAPHRASE)) == "With a hammer."
    await asker.cache.forget(told.interaction_id)
    assert await other.ask(Question(PARAPHRASE)) == ""
    assert await asker.ask(Question(PARAPHRASE)) == ""
    assert await AnswerCache(PostgresCache(database), 60).at(AnswerCache.key(Question(INSTALL)), "one") is None
