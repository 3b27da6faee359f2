"""How much an interaction is worth learning from."""

from __future__ import annotations

from ..ports.answering import Route

_OUTCOME = 0.40
_QUALITY = 0.25
_COMPLEXITY = 0.15
_FEEDBACK = 0.15
_REUSE = 0.05
# An answer that long needed some thought; longer ones are not worth more.
FULL_COMPLEXITY_TOKENS = 600
# So many times served again is half of what reuse can add.
HALF_REUSE = 2
MOST_FOR_A_FAILURE = 0.25


def value_score(route: Route, quality: float, tokens_out: int, *, rating: int = 0, reused: int = 0) -> float:
    """`0.40 outcome + 0.25 quality + 0.15 complexity + 0.15 feedback + 0.05 reuse`, in [0, 1], rising with each part.

    Outcome is 1 if a model answered, its answer is not plainly bad and nobody called it so; else the interaction is a
    failure and worth at most 0.25, for there is little to learn from it. Complexity is the answer's length over 600
    tokens, at most 1. Feedback is 0, 0.5 or 1 for a bad, no or a good rating. Reuse is `n / (n + 2)` for an answer
    that was served `n` times again.

    Args:
        route: How it was answered.
        quality: How good the answer is, in [0, 1].
        tokens_out: Length of the answer in tokens.
        rating: -1, 0 or 1.
        reused: How often the cache served it again.
    """
    succeeded = route in ("local", "remote", "remote_fallback") and quality > 0 and rating >= 0
    score = (
        _OUTCOME * succeeded
        + _QUALITY * max(0.0, min(1.0, quality))
        + _COMPLEXITY * min(1.0, tokens_out / FULL_COMPLEXITY_TOKENS)
        + _FEEDBACK * (rating + 1) / 2
        + _REUSE * reused / (reused + HALF_REUSE)
    )
    return round(score if succeeded else min(score, MOST_FOR_A_FAILURE), 4)
