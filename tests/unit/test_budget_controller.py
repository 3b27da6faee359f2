"""Remote calls are held to their share, and go where they gain most."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.hybrid.budget import MOST_OWED, BudgetController

any_gain = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 0.1, -1.0]))
streams = st.lists(any_gain, min_size=1, max_size=400)


def decided(controller: BudgetController, gains: Iterable[float]) -> list[bool]:
    return [controller.decide(gain) for gain in gains]


@given(streams, st.floats(0, 1), st.floats(0, 1), st.integers(0, 9))
def test_on_any_stream_the_calls_are_never_further_off_than_the_bound(
    gains: list[float], share: float, explore: float, seed: int
) -> None:
    controller = BudgetController(share, explore=explore, chance=random.Random(seed))
    calls = 0
    for number, asked in enumerate(decided(controller, gains), start=1):
        calls += asked
        assert abs(calls - share * number) <= MOST_OWED + 1e-6


@given(streams, st.floats(0, 1), st.floats(0, 1))
def test_the_propensity_is_a_probability_whatever_came_before(gains: list[float], share: float, explore: float) -> None:
    controller = BudgetController(share, explore=explore, chance=random.Random(0))
    for gain in gains:
        propensity = controller.propensity(gain)
        assert 0 <= propensity <= 1
        asked = controller.decide(gain)
        assert (propensity > 0) if asked else (propensity < 1)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize(
    "stream",
    [
        lambda number, chance: chance.random(),
        lambda number, chance: number / 4000,
        lambda number, chance: -number / 4000,
        lambda number, chance: 0.1,
        lambda number, chance: chance.gauss(math.sin(number / 300), 0.2),
        lambda number, chance: float(number % 2),
        lambda number, chance: float(number > 2000),
    ],
    ids=["steady", "rising", "falling", "constant", "drifting", "alternating", "leaping"],
)
def test_the_share_is_held_within_a_point(share: float, stream: object) -> None:
    chance = random.Random(1)
    gains = [stream(number, chance) for number in range(4000)]  # type: ignore[operator]
    calls = decided(BudgetController(share, explore=0.05, chance=random.Random(2)), gains)
    assert sum(calls) / len(calls) == pytest.approx(share, abs=0.01)


def test_the_calls_go_to_the_greatest_gains() -> None:
    chance = random.Random(1)
    gains = [chance.random() for _ in range(4000)]
    calls = decided(BudgetController(0.2, chance=random.Random(2)), gains)
    best = sorted(gains, reverse=True)[: sum(calls)]
    gained = sum(gain for gain, asked in zip(gains, calls, strict=True) if asked)
    assert gained > 0.95 * sum(best)


def test_every_question_has_a_chance_where_some_calls_are_given_at_random() -> None:
    controller = BudgetController(0.2, explore=0.1, chance=random.Random(1))
    decided(controller, (number % 10 / 10 for number in range(500)))
    assert controller.propensity(-1.0) == pytest.approx(0.02)
    assert BudgetController(0.2, chance=random.Random(1)).propensity(math.nan) == pytest.approx(0.2)


def test_a_share_that_is_changed_is_held_from_then_on() -> None:
    chance = random.Random(1)
    controller = BudgetController(0.5, chance=random.Random(2))
    decided(controller, (chance.random() for _ in range(1000)))
    controller.share = 0.1
    calls = decided(controller, (chance.random() for _ in range(2000)))
    assert sum(calls) / len(calls) == pytest.approx(0.1, abs=0.01)


def test_gains_seen_elsewhere_are_what_the_first_question_is_compared_with() -> None:
    controller = BudgetController(0.2, chance=random.Random(1))
    controller.compare_with([number / 1000 for number in range(1000)])
    assert (controller.propensity(0.99), controller.propensity(0.5)) == (1.0, 0.0)


def test_what_there_was_no_money_for_is_ranked_with_and_not_owed() -> None:
    controller = BudgetController(0.2, chance=random.Random(1))
    for number in range(100):
        controller.pass_over(number / 100)
    assert (controller.propensity(0.99), controller.propensity(0.5)) == (1.0, 0.0)
