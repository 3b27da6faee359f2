"""What is thought of a question before any outcome was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The remote model is the reference: its answers are taken as good, not as sure.
REMOTE_IS_GOOD = 0.9
# A local answer from a passage that fits as well as can be is good with `BEST`, without any passage with `BASE`; a long
# question asks for more. Both are stated, not measured: outcomes take over from `FEWEST_LABELS` on.
BASE, BEST = 0.5, 0.9
SHORT, LONG = 200, 2000
LENGTH_COSTS = 0.2


@dataclass(frozen=True, slots=True)
class Prior:
    """A probability that rests on no outcome.

    Attributes:
        local: That the local answer is good.
        gain: What is expected of the remote answer over it.
        reason: What it rests on, for people.
    """

    local: float
    gain: float
    reason: str


def prior(text: str, relevance: float) -> Prior:
    """State the prior: it rises with the relevance of the best passage, and falls with the question's length.

    `BASE + (BEST - BASE) * relevance - LENGTH_COSTS * l`, with l from 0 at 200 characters to 1 at 2,000, on a
    logarithmic scale. In RouteLLM's data the length alone ranks questions by gain with an APGR of .55 to .60.

    Args:
        text: The question.
        relevance: Of the best passage, in [0, 1].
    """
    long = math.log(max(1, len(text)) / SHORT) / math.log(LONG / SHORT)
    long = min(1.0, max(0.0, long))
    local = BASE + (BEST - BASE) * min(1.0, max(0.0, relevance)) - LENGTH_COSTS * long
    return Prior(local, REMOTE_IS_GOOD - local, f"relevance {relevance:.2f} and {len(text)} characters")
