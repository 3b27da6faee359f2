"""How much an interaction is worth learning from."""

from __future__ import annotations

from ..ports.answering import Route

_OUTCOME = 0.45
_QUALITY = 0.35
_COMPLEXITY = 0.20
# An answer that long needed some thought; longer ones are not worth more.
FULL_COMPLEXITY_TOKENS = 600
MOST_FOR_A_FAILURE = 0.25


def value_score(route: Route, quality: float, tokens_out: int) -> float:
    """`0.45 outcome + 0.35 quality + 0.20 complexity`, in [0, 1], rising with each part.

    Outcome is 1 if a model answered. Complexity is the answer's length over 600 tokens, at most 1. Without an answer
    of a model the score is at most 0.25: there is nothing to learn from.

    Args:
        route: How it was answered.
        quality: How good the answer is, in [0, 1].
        tokens_out: Length of the answer in tokens.
    """
    answered = route in ("local", "remote", "remote_fallback")
    complexity = min(1.0, tokens_out / FULL_COMPLEXITY_TOKENS)
    score = _OUTCOME * answered + _QUALITY * max(0.0, min(1.0, quality)) + _COMPLEXITY * complexity
    return round(score if answered else min(score, MOST_FOR_A_FAILURE), 4)
