"""When a person is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.ports.runs import Iteration, Level, State
from mcp_stack.ralph.approvals import about_risk, still_open
from mcp_stack.ralph.states import FINAL

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LEVELS: tuple[Level, ...] = get_args(Level)
levels = st.sampled_from(LEVELS)
states = st.sampled_from(get_args(State))


def iteration(n: int = 3, risk: Level = "high", *, changed: bool = True) -> Iteration:
    reasons = ("hooks: .husky/x",) if risk != "low" else ()
    return Iteration(n, 0, False, changed, True, "", "c", 0, 0, NOW, NOW, risk=risk, risk_reasons=reasons)


@given(levels, levels, states)
def test_a_person_is_asked_when_the_risk_reaches_the_threshold_and_something_goes_on(
    risk: Level, threshold: Level, state: State
) -> None:
    question = about_risk(iteration(risk=risk), threshold, state=state, timeout_seconds=60)
    goes_on = state == "completed" or state in ("queued", "running", "retrying")
    assert (question is not None) == (goes_on and LEVELS.index(risk) >= LEVELS.index(threshold))
    if question is not None:
        assert question.then == ("completed" if state == "completed" else "queued")
        assert question.then not in FINAL - {"completed"}


def test_an_iteration_without_changes_raises_no_question() -> None:
    assert about_risk(iteration(risk="low", changed=False), "low", state="running", timeout_seconds=60) is None


def test_the_question_names_the_reasons() -> None:
    question = about_risk(iteration(), "high", state="running", timeout_seconds=60)
    assert question is not None
    assert "iteration 3 is of high risk (hooks: .husky/x)" in question.reason


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ({"require_approval": True, "approved": set()}, "before the first iteration"),
        ({"require_approval": True, "approved": {0}}, ""),
        ({"require_approval": True, "approved": {0}, "head": iteration()}, "iteration 3 is of high risk"),
        ({"require_approval": True, "approved": {3}, "head": iteration()}, "before the first iteration"),
        ({"approved": {3}, "head": iteration()}, ""),
        ({"approved": {2}, "head": iteration()}, "iteration 3 is of high risk"),
        ({"head": iteration(risk="medium")}, ""),
        ({}, ""),
    ],
)
def test_a_run_that_is_resumed_is_asked_what_nobody_said_yes_to(values: dict[str, Any], asked: str) -> None:
    given_: dict[str, Any] = {"require_approval": False, "head": None, "approved": set()} | values
    question = still_open(**given_, threshold="high", timeout_seconds=60)
    assert asked in question.reason if asked and question else question is None and not asked
