"""What an interaction is worth."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.hybrid.value import value_score
from mcp_stack.ports.answering import Route

routes = st.sampled_from(get_args(Route))
unit = st.floats(0, 1)
tokens = st.integers(0, 5000)
ratings = st.integers(-1, 1)
times = st.integers(0, 1000)


@given(routes, st.floats(-1, 2), tokens, ratings, times)
def test_it_is_between_zero_and_one(route: Route, quality: float, length: int, rating: int, reused: int) -> None:
    assert 0 <= value_score(route, quality, length, rating=rating, reused=reused) <= 1


@given(routes, unit, unit, tokens, tokens, ratings, ratings, times, times)
def test_it_never_falls_when_a_part_rises(  # noqa: PLR0917 - two values of each part
    route: Route, q1: float, q2: float, t1: int, t2: int, r1: int, r2: int, n1: int, n2: int
) -> None:
    low = value_score(route, min(q1, q2), min(t1, t2), rating=min(r1, r2), reused=min(n1, n2))
    high = value_score(route, max(q1, q2), max(t1, t2), rating=max(r1, r2), reused=max(n1, n2))
    assert low <= high


@pytest.mark.parametrize(
    "changed",
    [{"quality": 0.9}, {"tokens_out": 400}, {"rating": 1}, {"reused": 3}],
)
def test_each_part_counts(changed: dict[str, float]) -> None:
    plain = {"quality": 0.5, "tokens_out": 200, "rating": 0, "reused": 0}
    assert value_score("local", **{**plain, **changed}) > value_score("local", **plain)  # type: ignore[arg-type]
    assert value_score("local", **plain) > value_score("offline", **plain)  # type: ignore[arg-type]


@given(unit, tokens, times)
def test_a_failure_is_worth_less_than_three_tenths(quality: float, length: int, reused: int) -> None:
    assert value_score("offline", quality, length, reused=reused) < 0.3
    assert value_score("remote", 0.0, length, reused=reused) < 0.3
    assert value_score("local", quality, length, rating=-1, reused=reused) < 0.3


def test_a_long_answer_of_the_remote_model_is_worth_learning_from() -> None:
    assert value_score("remote", 0.9, 1200) == pytest.approx(0.85)
