"""What a run's states are, what may follow what, and what an iteration means. Pure functions, no input or output."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ConflictError
from ..ports.runs import State

# After the last iteration: nothing follows but what somebody asks for.
FINAL: frozenset[State] = frozenset({"completed", "failed", "cancelled", "limit_reached", "stalled"})
# Resumed, with or without a question first; or rolled back, which leaves a run cancelled.
_RESUMED: frozenset[State] = frozenset({"queued", "awaiting_approval", "cancelled"})
TRANSITIONS: dict[State, frozenset[State]] = {
    "queued": frozenset({"running", "retrying", "failed", "cancelled"}),
    "running": frozenset(
        {"running", "retrying", "awaiting_approval", "completed", "failed", "cancelled", "limit_reached", "stalled"}
    ),
    "retrying": frozenset({"running", "retrying", "failed", "cancelled"}),
    "awaiting_approval": frozenset({"queued", "completed", "cancelled"}),
    "completed": frozenset({"cancelled"}),
    "failed": _RESUMED,
    "cancelled": _RESUMED,
    "limit_reached": _RESUMED,
    "stalled": _RESUMED,
}
STEERABLE: frozenset[State] = frozenset(TRANSITIONS) - {"completed"}
CANCELLABLE: frozenset[State] = frozenset(TRANSITIONS) - FINAL
RESUMABLE: frozenset[State] = FINAL - {"completed"}
# Nobody is at work on it.
AT_REST: frozenset[State] = FINAL | {"awaiting_approval"}

LONGEST_PAUSE_SECONDS = 60.0
_USAGE = re.compile(
    r"^\s*usage:|unrecognized (argument|option)|unknown (option|flag|argument)|no such option|invalid option"
    r"|unexpected argument|the following arguments are required",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a task asks for. 0 means no limit.

    Attributes:
        require_changes: Without a diff it is not complete.
        min_iterations: Iterations before it is complete, at least.
        max_iterations: Iterations at most.
        max_minutes: Minutes at most.
        max_cost_usd: Cost of the agents at most, in US dollars.
    """

    require_changes: bool = True
    min_iterations: int = 0
    max_iterations: int = 0
    max_minutes: float = 0.0
    max_cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known after an iteration.

    Attributes:
        n: Its number, from 1.
        used: Iterations that count towards the limit, this one included; those after the run was resumed.
        exit_code: The agent's.
        blocked: The exit code is the one of a premature exit.
        verified: Every verify command exited 0; without any, the agent exited 0.
        promised: The agent's last line is the completion promise; True if none was asked for.
        any_changes: The run has a diff.
        fruitless: How many iterations in a row, this one included, changed nothing.
        usage_error: The agent was blocked, as the one before was, changed nothing and printed a usage message.
        minutes: Since the first iteration began, or since it was resumed.
        cost_usd: Of all iterations, or of those after it was resumed.
        refused: Why the gate to the models refused the agent's last request; empty if it did not.
    """

    n: int
    used: int
    exit_code: int
    blocked: bool
    verified: bool
    promised: bool
    any_changes: bool
    fruitless: int
    usage_error: bool
    minutes: float
    cost_usd: float
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows.

    Attributes:
        state: The run's next state.
        reason: Why it is not complete; empty if it is.
        pause_seconds: How long the next iteration waits.
    """

    state: State
    reason: str = ""
    pause_seconds: float = 0.0


def move(old: State, new: State) -> State:
    """The new state.

    Raises:
        ConflictError: It cannot follow the old one.
    """
    if new not in TRANSITIONS[old]:
        raise ConflictError(f"a task that is {old} cannot become {new}", "see its state with task_status")
    return new


def is_usage_message(output: str) -> bool:
    """Whether a program complains about its command line. Such programs exit with 2, as blocked agents do."""
    return _USAGE.search(output) is not None


def keeps_promise(output: str, promise: str) -> bool:
    """Whether the last line that is not blank is exactly the promise; a mention elsewhere is none."""
    return not promise or (output.rstrip().splitlines() or [""])[-1].strip() == promise


def decide(facts: Facts, limits: Limits) -> Decision:
    """What an iteration means for its run.

    An agent that was blocked goes on. Otherwise the run is complete when everything is verified, the promise is kept
    and there is a diff; the exit code alone never completes it. A limit ends a run that is not complete.
    """
    if facts.usage_error:
        return Decision(
            "failed", f"the agent refuses its command line (exit code {facts.exit_code}, no changes, twice)"
        )
    reason = _what_is_missing(facts, limits)
    if not reason:
        return Decision("completed")
    if limit := _limit_reached(facts, limits):
        return Decision("limit_reached", f"{limit} reached; {reason}")
    # An agent that does nothing at all must not be started as fast as it ends.
    if facts.fruitless > 1:
        return Decision("retrying", reason, min(LONGEST_PAUSE_SECONDS, 2.0 ** min(facts.fruitless - 2, 6)))
    return Decision("running", reason)


def _limit_reached(facts: Facts, limits: Limits) -> str:
    if 0 < limits.max_iterations <= facts.used:
        return f"max_iterations ({limits.max_iterations})"
    if 0 < limits.max_minutes <= facts.minutes:
        return f"max_minutes ({limits.max_minutes:g})"
    if limits.max_cost_usd > 0 and (facts.refused or limits.max_cost_usd <= facts.cost_usd):
        return f"max_cost_usd ({limits.max_cost_usd:g})"
    return ""


def _what_is_missing(facts: Facts, limits: Limits) -> str:
    if facts.blocked:
        return f"the agent stopped too early (exit code {facts.exit_code}, blocked)"
    if limits.require_changes and not facts.any_changes:
        return f"nothing was changed (exit code {facts.exit_code})"
    if not facts.verified:
        return f"the verification failed (agent's exit code {facts.exit_code})"
    if not facts.promised:
        return "the agent's last line is not the completion promise"
    if facts.n < limits.min_iterations:
        return f"it is complete after {limits.min_iterations} iterations at the earliest (loop.min_iterations)"
    return ""
