"""The port `Sessions`, on PostgreSQL and on a real Redis or Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from mcp_stack.ports.chat import Message
from mcp_stack.ports.sessions import Sessions
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.sessions import PostgresSessions
from mcp_stack.storage.redis.cache import RedisCache
from mcp_stack.storage.redis.sessions import RedisSessions
from tests.support.redis_server import running_redis
from tests.support.waiting import until

Open = Callable[..., Sessions]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running_redis() as url:
        yield url


@pytest.fixture(params=["postgres", "redis"])
async def sessions(request: pytest.FixtureRequest, database: Database, redis_url: str) -> AsyncIterator[Open]:
    redis = RedisCache(redis_url)

    def make(rest_seconds: float = 1800, most_turns: int = 100) -> Sessions:
        if request.param == "postgres":
            return PostgresSessions(database, rest_seconds=rest_seconds, most_turns=most_turns)
        return RedisSessions(redis, rest_seconds=rest_seconds, most_turns=most_turns)

    yield make
    await redis.close()


def turn(number: int) -> list[Message]:
    return [Message("user", f"question {number} ä 🎉"), Message("assistant", f"answer {number}\n")]


async def test_turns_come_back_in_the_order_in_which_they_were_said(sessions: Open) -> None:
    store = sessions()
    await store.append("talk", turn(1))
    await store.append("talk", turn(2))
    found = await store.get("talk")
    assert found is not None
    assert found.turns == (*turn(1), *turn(2))
    assert 1700 < found.seconds_left <= 1800


async def test_conversations_do_not_mix(sessions: Open) -> None:
    store = sessions()
    await store.append("one", turn(1))
    await store.append("two", turn(2))
    found = await store.get("one")
    assert found is not None
    assert found.turns == tuple(turn(1))
    assert await store.get("three") is None


async def test_a_cleared_conversation_is_gone(sessions: Open) -> None:
    store = sessions()
    await store.append("over", turn(1))
    assert await store.clear("over") == 2
    assert await store.clear("over") == 0
    assert await store.get("over") is None


async def test_what_was_being_said_when_a_conversation_was_cleared_is_not_added_to_the_next(sessions: Open) -> None:
    store = sessions()
    before = await store.epoch("again")
    assert before == ""
    await store.append("again", turn(1), before)
    await store.clear("again")
    await store.append("again", turn(2), before)
    assert await store.get("again") is None
    now = await sessions().epoch("again")
    assert now != before
    await store.append("again", turn(3), now)
    found = await store.get("again")
    assert found is not None
    assert found.turns == tuple(turn(3))
    await store.clear("again")
    assert await store.epoch("again") not in (before, now)
    assert await store.epoch("another") == ""


async def test_clearing_while_others_speak_leaves_nothing_of_what_was_said_before(sessions: Open) -> None:
    store = sessions()
    epoch = await store.epoch("busy")
    speaking = [store.append("busy", turn(number), epoch) for number in range(6)]
    await asyncio.gather(*speaking[:3], store.clear("busy"), *speaking[3:])
    assert await store.get("busy") is None


async def test_a_conversation_that_rests_is_forgotten_and_does_not_come_back(sessions: Open) -> None:
    store = sessions(rest_seconds=0.2)
    await store.append("short", turn(1))

    async def forgotten() -> bool:
        return await store.get("short") is None

    await until(forgotten)
    # Redis has dropped it; PostgreSQL drops it now.
    again = sessions() if isinstance(store, RedisSessions) else store
    await again.append("short", turn(2))
    found = await sessions().get("short")
    assert found is not None
    assert found.turns == tuple(turn(2))


async def test_the_oldest_turns_go_first(sessions: Open) -> None:
    store = sessions(most_turns=4)
    for number in range(5):
        await store.append("long", turn(number))
    found = await store.get("long")
    assert found is not None
    assert found.turns == (*turn(3), *turn(4))


async def test_turns_that_are_said_at_once_are_all_kept_in_pairs(sessions: Open) -> None:
    store = sessions()
    await asyncio.gather(*(store.append("crowd", turn(number)) for number in range(8)))
    found = await store.get("crowd")
    assert found is not None
    assert len(found.turns) == 16
    pairs = {(found.turns[at], found.turns[at + 1]) for at in range(0, 16, 2)}
    assert pairs == {tuple(turn(number)) for number in range(8)}
