"""When a run makes no headway, and what is tried against it. Pure functions, no input or output.

Headway is a diff, and an error that is another one. Where either is missing for long enough, the next iteration gets a
prompt that asks for a diagnosis; if that does not help for as long again, the fallback backend takes over; and if that
does not help either, the run has stalled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from ..normalising import normalised
from ..ports.runs import Iteration, Measure

# The end of an output says what went wrong; what comes before is how it got there.
ERROR_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Patience:
    """How many iterations in a row may go by. 0 means any number.

    Attributes:
        without_changes: That changed nothing.
        same_error: That failed with the same error.
    """

    without_changes: int = 3
    same_error: int = 5


@dataclass(frozen=True, slots=True)
class Trace:
    """What counts of an iteration.

    Attributes:
        changed: It changed files.
        error_key: Of its error; empty if it had none.
        measure: What it tried against stagnation.
    """

    changed: bool
    error_key: str
    measure: Measure = ""


@dataclass(frozen=True, slots=True)
class Stagnation:
    """How far a run is stuck.

    Attributes:
        idle: Iterations in a row that changed nothing, since the last measure.
        same: Iterations in a row that failed with the same error, since the last measure.
        tried: The last measure that has not helped so far.
        stuck: One of the two has reached its bound.
    """

    idle: int = 0
    same: int = 0
    tried: Measure = ""
    stuck: bool = False


def error_key(output: str) -> str:
    """What two occurrences of the same error have in common; empty for a blank output.

    Args:
        output: Of whatever failed.
    """
    words = normalised(output[-ERROR_CHARACTERS:]).casefold()
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:16] if words else ""


def traces(history: Sequence[Iteration], watch_from: int) -> list[Trace]:
    """What counts of the iterations that the work rests on.

    Args:
        history: In order; undone ones do not count.
        watch_from: Iterations up to this one do not count.
    """
    return [
        Trace(iteration.changed, iteration.error_key, iteration.measure)
        for iteration in history
        if iteration.n > watch_from and not iteration.undone
    ]


def stagnation(history: Sequence[Trace], patience: Patience) -> Stagnation:
    """How far a run is stuck after its last iteration.

    Args:
        history: In order.
        patience: How long it may be.
    """
    idle = same = 0
    tried: Measure = ""
    last_key = ""
    for trace in history:
        if trace.measure:
            tried, idle, same = trace.measure, 0, 0
        if trace.changed and trace.error_key != last_key:
            tried = ""
        idle = 0 if trace.changed else idle + 1
        if not trace.error_key:
            same = 0
        elif trace.error_key == last_key:
            same += 1
        else:
            same = 1
        last_key = trace.error_key
    stuck = 0 < patience.without_changes <= idle or 0 < patience.same_error <= same
    return Stagnation(idle, same, tried, stuck)


def next_measure(state: Stagnation, *, has_fallback: bool) -> Measure | None:
    """What the next iteration tries.

    Args:
        state: After the last one.
        has_fallback: There is another backend to go over to.

    Returns:
        Empty for nothing in particular; None if everything was tried: the run has stalled.
    """
    if not state.stuck:
        return ""
    if not state.tried:
        return "diagnose"
    return "fallback" if state.tried == "diagnose" and has_fallback else None


def described(state: Stagnation, patience: Patience) -> str:
    """Why a run counts as stuck, as part of a sentence."""
    if 0 < patience.without_changes <= state.idle:
        return f"nothing was changed in {state.idle} iterations"
    return f"the same error came in {state.same} iterations"


def report(history: Sequence[Iteration], state: Stagnation, patience: Patience) -> str:
    """What a person wants to know of a run that has stalled.

    Args:
        history: Its iterations in order.
        state: After the last one.
        patience: How long it was.
    """
    line = [iteration for iteration in history if not iteration.undone]
    tried = [f"a diagnostic prompt in iteration {each.n}" for each in line if each.measure == "diagnose"]
    tried += [f"the backend {each.backend} from iteration {each.n} on" for each in line if each.measure == "fallback"]
    parts = [
        f"{described(state, patience)} in a row, although the loop tried {' and '.join(tried)}"
        if tried
        else f"{described(state, patience)} in a row"
    ]
    if line:
        last = line[-1]
        said = " ".join(last.detail.split())[-300:]
        parts.append(f"the last one ended with exit code {last.exit_code} and said: {said}")
    return "; ".join(parts)
