"""The budget of a day: over all processes, with what is being asked set aside."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from mcp_stack.hybrid.spending import SECONDS_BETWEEN_LOOKS, DailyBudget
from mcp_stack.ports.interactions import Interactions

NOON = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


class Spent:
    """Says what was spent, and remembers since when it was asked."""

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.since: list[datetime] = []

    async def spent_usd(self, since: datetime) -> float:
        self.since.append(since)
        return self.usd


class Time:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


def budget(spent: Spent, time: Time, usd: float = 1.0) -> DailyBudget:
    return DailyBudget(cast(Interactions, cast(Any, spent)), usd, clock=time.clock, now=time.now)


async def test_without_a_bound_there_is_always_enough_and_nobody_is_asked() -> None:
    spent = Spent(5.0)
    assert await budget(spent, Time(), usd=0).left_usd() == math.inf
    assert spent.since == []


async def test_a_day_begins_at_midnight_utc() -> None:
    spent, time = Spent(0.25), Time()
    daily = budget(spent, time)
    assert await daily.left_usd() == 0.75
    assert spent.since == [NOON.replace(hour=0, minute=0)]
    time.seconds = 12 * 3600
    spent.usd = 0.0
    assert await daily.left_usd() == 1.0
    assert spent.since[-1] == NOON.replace(day=26, hour=0, minute=0)


async def test_what_others_spend_is_seen_after_a_while_and_what_is_spent_here_at_once() -> None:
    spent, time = Spent(0.0), Time()
    daily = budget(spent, time)
    assert await daily.left_usd() == 1.0
    daily.spend(0.25)
    spent.usd = 0.5
    assert await daily.left_usd() == 0.75
    time.seconds += SECONDS_BETWEEN_LOOKS
    assert await daily.left_usd() == 0.25
    spent.usd = 0.75
    daily.recorded(0.25)
    time.seconds += SECONDS_BETWEEN_LOOKS
    assert await daily.left_usd() == 0.25


async def test_what_is_being_asked_is_set_aside_until_it_is_over() -> None:
    daily = budget(Spent(0.5), Time())
    with daily.promised(0.25):
        assert await daily.left_usd() == 0.25
        with daily.promised(0.75):
            assert await daily.left_usd() == 0
    assert await daily.left_usd() == 0.5
