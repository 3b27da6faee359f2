"""Answers are given again to questions that mean the same, in their scope alone."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import cast

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.hybrid.cache import AnswerCache, SemanticCache
from mcp_stack.hybrid.cache.error_budget import ErrorBudget
from mcp_stack.hybrid.cache.learning import packed
from mcp_stack.hybrid.cache.policy import FixedThreshold
from mcp_stack.ports.answer_index import AnsweredQuestion, AnswerIndex
from mcp_stack.ports.answering import Answer, Question
from mcp_stack.storage.postgres.answer_index import WRITES_BETWEEN_SWEEPS, PostgresAnswerIndex
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
        await self.cache.put_soon(question, vector_of(question.query), fingerprint, answer)
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


class DownIndex:
    """An index whose store does not answer."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[None]]:
        async def down(*_: object, **__: object) -> None:
            raise UnavailableError("PostgreSQL does not answer", "start it")

        return down


async def test_where_the_index_is_down_every_look_up_misses_and_the_exact_match_is_kept(database: Database) -> None:
    exact = AnswerCache(PostgresCache(database), 60)
    cache = SemanticCache(exact, cast("AnswerIndex", DownIndex()), FixedThreshold(0.95), ttl_seconds=60)
    told = answered("With pip.")
    await cache.put_soon(Question(INSTALL), vector_of(INSTALL), "one", told)
    assert await cache.find(Question(PARAPHRASE), vector_of(PARAPHRASE), "one") is None
    assert await exact.at(exact.key(Question(INSTALL)), "one") == told


async def test_an_entry_goes_with_its_time(database: Database) -> None:
    asker = Asker(database, ttl_seconds=0.001)
    await asker.tell(Question(INSTALL), "With pip.")
    assert await asker.ask(Question(PARAPHRASE)) == ""


async def test_where_the_answer_itself_is_gone_the_question_misses(database: Database, asker: Asker) -> None:
    await asker.tell(Question(INSTALL), "With pip.")
    await PostgresCache(database).delete(AnswerCache.key(Question(INSTALL)))
    assert await asker.ask(Question(PARAPHRASE)) == ""


async def test_a_question_longer_than_the_embedder_reads_is_found_by_exact_match_alone(asker: Asker) -> None:
    long = "How do I install numpy? " * 100
    await asker.tell(Question(long), "With pip.")
    assert await asker.ask(Question(long + " please")) == ""


async def test_without_a_vector_an_answer_can_be_forgotten_all_the_same(database: Database, asker: Asker) -> None:
    told = answered("With pip.")
    await asker.cache.put_soon(Question(INSTALL), None, "one", told)
    exact = AnswerCache(PostgresCache(database), 60)
    assert await exact.at(exact.key(Question(INSTALL)), "one") == told
    await asker.cache.forget(told.interaction_id)
    assert await exact.at(exact.key(Question(INSTALL)), "one") is None


async def test_the_oldest_go_where_there_are_too_many(database: Database) -> None:
    index = PostgresAnswerIndex(database, most_entries=3)
    for number in range(WRITES_BETWEEN_SWEEPS + 1):
        entry = AnsweredQuestion(f"query:{number}", b"one", str(number), packed([1.0]), number, b"", str(number))
        await index.add(entry, 60)
    left = (await index.changes(0, "")).entries
    assert [entry.sequence for entry in left] == [WRITES_BETWEEN_SWEEPS - 1 + place for place in range(3)]


async def test_numbers_become_visible_in_their_order(database: Database) -> None:
    index = PostgresAnswerIndex(database)

    async def add(number: int) -> None:
        await index.add(AnsweredQuestion(f"query:{number}", b"one", "", b"", number, b"", ""), 60)

    async def watch() -> list[int]:
        seen: list[int] = []
        while len(seen) < 40:
            seen += [entry.sequence for entry in (await index.changes(seen[-1] if seen else 0, "")).entries]
        return seen

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(add(number) for number in range(40)))
    assert await watching == list(range(1, 41))


async def test_a_process_that_remembers_an_emptied_index_begins_anew(database: Database, asker: Asker) -> None:
    await asker.tell(Question(INSTALL), "With pip.")
    assert await asker.ask(Question(PARAPHRASE)) == "With pip."
    async with database.write() as connection:
        await connection.execute("truncate answer_index, answer_index_state")  # what a crash leaves of unlogged tables
    assert await asker.ask(Question(PARAPHRASE)) == ""
    other = Asker(database)
    await other.tell(Question("How do I boil an egg?"), "In water.")
    await other.tell(Question("How do I paint a wall?"), "With a brush.")
    assert await asker.ask(Question("How can I boil an egg?")) == "In water."


TOPICS = ("boil egg", "peel egg", "paint wall", "clean wall", "plant tree", "prune tree", "wash car", "sell car")


class LearningAsker(Asker):
    """A process whose cache learns within a budget."""

    def __init__(self, database: Database, budget: float, seed: int, shadow_share: float = 0.1) -> None:
        policy = ErrorBudget(budget, shadow_share, FixedThreshold(0.95), random.Random(seed))
        self.cache = SemanticCache(
            AnswerCache(PostgresCache(database), 60), PostgresAnswerIndex(database), policy, ttl_seconds=60
        )

    async def request(self, text: str, answer: str) -> str:
        """Ask; where there is no answer, give it. Returns what was found."""
        found = await self.ask(Question(text))
        if not found:
            await self.tell(Question(text), answer)
            await self.cache.settled()
        return found


def requests(number: int, seed: int) -> list[tuple[str, str]]:
    """Questions on a few topics, in words of chance, each with the one answer of its topic."""
    chance = random.Random(seed)
    words = ("friend", "outside", "again", "home", "spring", "care", "fun", "rain", "night")
    topics = [chance.choice(TOPICS) for _ in range(number)]
    return [
        (
            " ".join([topic, *chance.sample(words, chance.randrange(1, 4)), "".join(chance.choices("bcdfgh", k=5))]),
            topic,
        )
        for topic in topics
    ]


async def test_within_a_budget_it_learns_from_misses_which_answers_may_be_given_again(database: Database) -> None:
    asker = LearningAsker(database, budget=0.05, seed=1)
    found = [(await asker.request(text, answer), answer) for text, answer in requests(400, seed=1)]
    given = [(one, other) for one, other in found[200:] if one]
    assert len(given) >= 60
    assert sum(one != other for one, other in found if one) <= 0.05 * len(found)


async def test_another_process_goes_on_with_what_was_learned(database: Database) -> None:
    asker = LearningAsker(database, budget=0.05, seed=2)
    for text, answer in requests(300, seed=2):
        await asker.request(text, answer)
    other = LearningAsker(database, budget=0.05, seed=3)
    found = [(await other.request(text, answer), answer) for text, answer in requests(60, seed=4)]
    assert sum(bool(one) for one, _ in found) >= 15


async def test_answers_that_agree_are_of_one_group_and_a_label_counts_in_the_record(database: Database) -> None:
    asker = LearningAsker(database, budget=0.05, seed=5)
    index = PostgresAnswerIndex(database)
    for text, answer in (("tune a guitar now", "By ear."), ("tune that guitar then", " by EAR. ")):
        await asker.request(text, answer)
    assert len({entry.group for entry in (await index.changes(0, "")).entries}) == 1
    await asker.request("tune a piano now", "Ask a tuner.")
    entries = await index.questions([1, 2, 3])
    assert len({entry.group for entry in entries.values()}) == 2
    assert (entries[1].rights, entries[1].wrongs) == (1, 1)
    assert [label.right for label in await index.labels(ErrorBudget.name, 0)] == [True, False]
