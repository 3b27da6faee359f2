"""A failing server is tried again after pauses that grow, and never stays shut out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mcp_stack.aidb.gateway.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, THRESHOLD, Breaker

LUCK = st.floats(0, 1, exclude_max=True)
SECONDS = st.floats(0, 1e6)


def broken(times: int, now: float = 0.0, luck: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker = breaker.begun().failed(now, luck)
    return breaker


def test_a_few_failures_in_a_row_are_forgiven() -> None:
    for times in range(THRESHOLD):
        breaker = broken(times)
        assert (breaker.state, breaker.allows(0), breaker.wait_seconds(0)) == ("closed", True, 0)


@given(st.integers(THRESHOLD, 200), SECONDS, LUCK)
def test_more_failures_open_it_for_a_bounded_pause(times: int, now: float, luck: float) -> None:
    breaker = broken(times, now, luck)
    assert breaker.state == "open"
    assert not breaker.allows(now)
    wait = breaker.wait_seconds(now)
    assert FIRST_PAUSE_SECONDS / 2 * 0.99 <= wait <= LONGEST_PAUSE_SECONDS
    assert breaker.allows(now + wait + 0.001)


@given(st.integers(THRESHOLD, 100), LUCK)
def test_pauses_grow_with_each_failure(times: int, luck: float) -> None:
    assert broken(times + 1, luck=luck).wait_seconds(0) >= broken(times, luck=luck).wait_seconds(0)


def test_pauses_of_several_clients_differ() -> None:
    assert broken(THRESHOLD, luck=0.0).retry_at < broken(THRESHOLD, luck=0.9).retry_at


def test_one_tries_when_the_pause_is_over_and_the_others_wait_for_it() -> None:
    breaker = broken(THRESHOLD)
    later = breaker.retry_at + 1
    assert breaker.allows(later)
    trying = breaker.begun()
    assert trying.state == "half-open"
    assert not trying.allows(later)
    assert trying.succeeded() == Breaker()
    assert trying.failed(later, 0).state == "open"


class Life(RuleBasedStateMachine):
    """Any sequence of what may happen to a server."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now = 0.0
        self.in_a_row = 0
        self.trying = False

    @rule(seconds=st.floats(0, 2 * LONGEST_PAUSE_SECONDS))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: not self.trying and self.breaker.allows(self.now))
    @rule()
    def a_try_begins(self) -> None:
        self.breaker = self.breaker.begun()
        self.trying = True

    @precondition(lambda self: self.trying)
    @rule(luck=LUCK)
    def it_fails(self, luck: float) -> None:
        self.breaker = self.breaker.failed(self.now, luck)
        self.trying, self.in_a_row = False, self.in_a_row + 1

    @precondition(lambda self: self.trying)
    @rule()
    def it_works(self) -> None:
        self.breaker = self.breaker.succeeded()
        self.trying, self.in_a_row = False, 0

    @invariant()
    def it_is_closed_exactly_while_failures_are_few(self) -> None:
        assert (self.breaker.state == "closed") == (self.in_a_row < THRESHOLD)

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        if not self.trying:
            assert self.breaker.wait_seconds(self.now) <= LONGEST_PAUSE_SECONDS
            assert self.breaker.allows(self.now + LONGEST_PAUSE_SECONDS)

    @invariant()
    def a_refusal_always_comes_with_a_time(self) -> None:
        if not self.trying and not self.breaker.allows(self.now):
            assert self.breaker.wait_seconds(self.now) > 0


TestLife = Life.TestCase
