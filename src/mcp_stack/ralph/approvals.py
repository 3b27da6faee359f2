"""When a person is asked, and what. Pure functions, no input or output."""

from __future__ import annotations

from collections.abc import Collection

from ..ports.runs import Iteration, Level, Question, State
from .risk import at_least

_GOES_ON: frozenset[State] = frozenset({"running", "retrying", "queued", "completed"})
BEFORE_THE_START = "a person is asked before the first iteration"


def about_start(timeout_seconds: float) -> Question:
    """The question before the first iteration.

    Args:
        timeout_seconds: How long a person has to answer.
    """
    return Question(BEFORE_THE_START, "queued", timeout_seconds)


def about_risk(iteration: Iteration, threshold: Level, *, state: State, timeout_seconds: float) -> Question | None:
    """The question that an iteration's changes raise.

    Args:
        iteration: With its risk.
        threshold: Least level that a person is asked about.
        state: What the run would become without a question.
        timeout_seconds: How long a person has to answer.

    Returns:
        None if there is nothing to ask, or nothing that goes on.
    """
    if not iteration.changed or not at_least(iteration.risk, threshold) or state not in _GOES_ON:
        return None
    why = "; ".join(iteration.risk_reasons) or "every iteration is asked about"
    then: State = "completed" if state == "completed" else "queued"
    return Question(f"iteration {iteration.n} is of {iteration.risk} risk ({why})", then, timeout_seconds)


def still_open(
    *,
    require_approval: bool,
    head: Iteration | None,
    approved: Collection[int],
    threshold: Level,
    timeout_seconds: float,
) -> Question | None:
    """The question that a run which is resumed still has to be asked: no detour leads round a no.

    Args:
        require_approval: A person is asked before the first iteration.
        head: The iteration that the work goes on from; None for the base commit.
        approved: Iterations at which a person said yes, 0 for the start.
        threshold: Least level that a person is asked about.
        timeout_seconds: How long a person has to answer.
    """
    if require_approval and 0 not in approved:
        return about_start(timeout_seconds)
    if head is None or head.n in approved:
        return None
    return about_risk(head, threshold, state="queued", timeout_seconds=timeout_seconds)
