"""What the checks of an answer say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check noticed.

    Attributes:
        check: The check, by its feature name: `wrong_equation`, `refusal`.
        severity: How sure it is that the answer is bad for this reason alone, in [0, 1]. 1 is a plain defect: there is
            nothing in the answer to return.
        words: The end of a sentence that starts with "the local answer".
    """

    check: str
    severity: float
    words: str
