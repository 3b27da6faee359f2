"""What may follow what, and what an iteration means."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.errors import ConflictError
from mcp_stack.ports.runs import State
from mcp_stack.ralph.states import (
    FINAL,
    TRANSITIONS,
    Facts,
    Limits,
    decide,
    is_usage_message,
    keeps_promise,
    move,
)

STATES: tuple[State, ...] = get_args(State)
GOOD = Facts(
    n=1,
    used=1,
    exit_code=0,
    blocked=False,
    verified=True,
    promised=True,
    any_changes=True,
    fruitless=0,
    usage_error=False,
    minutes=1,
    cost_usd=0,
)

facts = st.builds(
    Facts,
    n=st.integers(1, 10_000),
    used=st.integers(1, 10_000),
    exit_code=st.integers(0, 255),
    blocked=st.booleans(),
    verified=st.booleans(),
    promised=st.booleans(),
    any_changes=st.booleans(),
    fruitless=st.integers(0, 10_000),
    usage_error=st.booleans(),
    minutes=st.floats(0, 1e6),
    cost_usd=st.floats(0, 1e6),
)
limits = st.builds(
    Limits,
    require_changes=st.booleans(),
    max_iterations=st.integers(0, 100),
    max_minutes=st.floats(0, 100),
    max_cost_usd=st.floats(0, 100),
)


def test_the_table_speaks_of_every_state_and_of_no_other() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert set().union(*TRANSITIONS.values()) <= set(STATES)


def test_the_final_states_are_those_of_the_contract() -> None:
    assert {"completed", "failed", "cancelled", "limit_reached", "stalled"} == FINAL


def test_every_state_is_reached_and_every_other_one_can_end() -> None:
    reached: set[State] = {"queued"}
    new = reached
    while new:
        new = {following for state in new for following in TRANSITIONS[state]} - reached
        reached |= new
    assert reached == set(STATES)
    assert all(TRANSITIONS[state] & FINAL for state in STATES if state not in FINAL)


@given(st.sampled_from(STATES), st.sampled_from(STATES))
def test_a_move_is_in_the_table_or_a_conflict(old: State, new: State) -> None:
    if new in TRANSITIONS[old]:
        assert move(old, new) == new
    else:
        with pytest.raises(ConflictError):
            move(old, new)


@given(st.lists(st.sampled_from(STATES), max_size=20))
def test_a_final_state_is_left_only_by_resuming_or_rolling_back(path: list[State]) -> None:
    state: State = "queued"
    for wanted in path:
        before = state
        try:
            state = move(state, wanted)
        except ConflictError:
            continue
        if before in FINAL:
            assert state in ("queued", "awaiting_approval", "cancelled")
        if before == "completed":
            assert state == "cancelled"


@given(facts, limits)
def test_every_decision_may_follow_running(facts: Facts, limits: Limits) -> None:
    assert move("running", decide(facts, limits).state)


@given(facts, limits)
def test_complete_is_only_what_is_verified_promised_and_changed(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)
    good = facts.verified and facts.promised and (facts.any_changes or not limits.require_changes)
    assert (decision.state == "completed") == (good and not facts.blocked and not facts.usage_error)
    assert (decision.reason == "") == (decision.state == "completed")


@given(facts, limits)
def test_a_limit_is_kept_and_never_called_completed(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)
    if decision.state in ("running", "retrying"):
        assert not 0 < limits.max_iterations <= facts.used
        assert not 0 < limits.max_minutes <= facts.minutes
        assert not 0 < limits.max_cost_usd <= facts.cost_usd
    if decision.state == "limit_reached":
        assert "reached" in decision.reason


@given(facts)
def test_without_limits_only_a_usage_error_fails(facts: Facts) -> None:
    decision = decide(facts, Limits())
    assert decision.state in ("completed", "running", "retrying", "failed")
    assert (decision.state == "failed") == facts.usage_error


@given(facts, limits)
def test_only_an_agent_that_does_nothing_is_made_to_wait_and_never_for_long(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)
    assert (decision.pause_seconds > 0) == (decision.state == "retrying")
    assert decision.pause_seconds <= 60
    if decision.state == "retrying":
        assert facts.fruitless > 1


@pytest.mark.parametrize("exit_code", [0, 1, 124, 137])
def test_the_verification_decides_and_not_the_exit_code(exit_code: int) -> None:
    assert decide(replace(GOOD, exit_code=exit_code), Limits()).state == "completed"
    assert decide(replace(GOOD, exit_code=exit_code, verified=False), Limits()).state == "running"


def test_a_blocked_agent_goes_on_even_if_everything_is_verified() -> None:
    decision = decide(replace(GOOD, exit_code=2, blocked=True), Limits())
    assert decision.state == "running"
    assert "blocked" in decision.reason


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ("DONE", True),
        ("working\nDONE\n", True),
        ("working\r\nDONE\r\n\n", True),
        ("DONE\nnot quite", False),
        ("I am DONE", False),
        ("done", False),
        ("", False),
    ],
)
def test_only_the_exact_last_line_keeps_a_promise(output: str, kept: bool) -> None:
    assert keeps_promise(output, "DONE") is kept
    assert keeps_promise(output, "")


@pytest.mark.parametrize(
    "output",
    ["usage: aider [-h]", "Usage: goose run", "error: unexpected argument '--task' found", "Error: No such option: -x"],
)
def test_complaints_about_the_command_line_are_known(output: str) -> None:
    assert is_usage_message(f"some banner\n{output}\n")


def test_work_that_mentions_usage_is_no_complaint() -> None:
    assert not is_usage_message("I wrote the usage: section of the README; memory usage: 12 MB")
