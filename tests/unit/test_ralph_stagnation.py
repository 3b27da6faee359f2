"""When a run counts as stuck, and what is tried against it."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.ports.runs import Iteration, Measure
from mcp_stack.ralph.stagnation import (
    Patience,
    Stagnation,
    Trace,
    error_key,
    next_measure,
    report,
    stagnation,
    traces,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PATIENCE = Patience(3, 5)
IDLE = Trace(changed=False, error_key="")
histories = st.lists(
    st.builds(
        Trace,
        changed=st.booleans(),
        error_key=st.sampled_from(["", "a", "b"]),
        measure=st.sampled_from(["", "", "", "diagnose", "fallback"]),
    ),
    max_size=30,
)


def iteration(n: int, *, changed: bool = False, measure: Measure = "", undone: bool = False) -> Iteration:
    return Iteration(
        n, 1, False, changed, False, "boom", f"c{n}", 0, 0, NOW, NOW, measure=measure, undone=undone, backend="b"
    )


def lived_through(step: Trace, rounds: int, *, has_fallback: bool) -> list[Measure | None]:
    """What is tried after each of so many iterations that all end alike; None ends it."""
    history: list[Trace] = []
    tried: list[Measure | None] = []
    measure: Measure | None = ""
    for _ in range(rounds):
        assert measure is not None
        history.append(Trace(step.changed, step.error_key, measure))
        measure = next_measure(stagnation(history, PATIENCE), has_fallback=has_fallback)
        tried.append(measure)
        if measure is None:
            break
    return tried


def test_an_idle_agent_is_asked_for_a_diagnosis_then_replaced_then_given_up() -> None:
    assert lived_through(IDLE, 20, has_fallback=True) == ["", "", "diagnose", "", "", "fallback", "", "", None]
    assert lived_through(IDLE, 20, has_fallback=False) == ["", "", "diagnose", "", "", None]


def test_the_same_error_is_borne_longer_if_something_changes() -> None:
    tried = lived_through(Trace(changed=True, error_key="a"), 20, has_fallback=True)
    assert [n for n, measure in enumerate(tried, start=1) if measure != ""] == [5, 10, 15]
    assert tried[-1] is None


def test_headway_takes_a_measure_back() -> None:
    stuck = [IDLE] * 3
    helped = [Trace(changed=True, error_key="a", measure="diagnose")]
    assert stagnation(stuck + helped, PATIENCE).tried == ""
    again = stagnation(stuck + helped + [IDLE] * 3, PATIENCE)
    assert (again.stuck, next_measure(again, has_fallback=True)) == (True, "diagnose")


@given(histories)
def test_nothing_is_ever_stuck_without_a_bound(history: list[Trace]) -> None:
    assert not stagnation(history, Patience(0, 0)).stuck


@given(histories)
def test_a_diff_with_another_error_is_headway(history: list[Trace]) -> None:
    after = stagnation([*history, Trace(changed=True, error_key="new")], PATIENCE)
    assert after == Stagnation(idle=0, same=1, tried="", stuck=False)


@given(histories)
def test_counts_never_exceed_what_there_was(history: list[Trace]) -> None:
    state = stagnation(history, PATIENCE)
    assert 0 <= state.idle <= len(history)
    assert 0 <= state.same <= len(history)
    assert state.stuck == (state.idle >= 3 or state.same >= 5)


@given(histories, st.booleans())
def test_measures_come_in_their_order(history: list[Trace], has_fallback: bool) -> None:
    state = stagnation(history, PATIENCE)
    measure = next_measure(state, has_fallback=has_fallback)
    if not state.stuck:
        assert measure == ""
    elif state.tried == "":
        assert measure == "diagnose"
    elif state.tried == "diagnose":
        assert measure == ("fallback" if has_fallback else None)
    else:
        assert measure is None


def test_errors_that_differ_in_numbers_paths_and_times_are_the_same() -> None:
    one = "/tmp/a1/test_x.py:12: AssertionError: 3 != 4 in 0.12s at 2026-01-02T03:04:05"
    other = "/tmp/b2/test_x.py:98: AssertionError: 5 != 7 in 1.7s at 2026-02-03T04:05:06"
    assert error_key(one) == error_key(other) != ""
    assert error_key("KeyError: no such user") != error_key("AssertionError: no such user")
    assert error_key(" \n ") == ""


@given(st.text())
def test_any_output_has_a_key(output: str) -> None:
    assert len(error_key(output)) in (0, 16)


def test_undone_iterations_and_those_before_a_new_chance_do_not_count() -> None:
    history = [iteration(1), iteration(2), iteration(3, undone=True), iteration(4)]
    assert len(traces(history, 0)) == 3
    assert len(traces(history, 1)) == 2


def test_the_report_says_what_was_tried_and_how_the_last_one_ended() -> None:
    history = [iteration(1), iteration(2), iteration(3), iteration(4, measure="diagnose"), iteration(5), iteration(6)]
    text = report(history, stagnation(traces(history, 0), PATIENCE), PATIENCE)
    assert "nothing was changed in 3 iterations" in text
    assert "diagnostic prompt in iteration 4" in text
    assert "exit code 1 and said: boom" in text
