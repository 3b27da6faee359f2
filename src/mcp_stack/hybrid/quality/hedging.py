"""Words of doubt in an answer."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re

from .findings import Finding
from .text import MAX_CHARACTERS, prose

_DOUBT = re.compile(
    r"\b(?:not (?:entirely |completely |quite )?(?:sure|certain|clear|enough)|i (?:think|guess|believe|assume|suppose)"
    r"|it (?:seems|appears)|(?:we|i['’]ll|let['’]s|i will) assume|assuming|unclear|unknown|ambiguous|inconsisten\w+"
    r"|contradict\w+|impossible|cannot (?:be|directly|determine|have)|can['’]?t (?:be|determine)"
    r"|there (?:is|seems to be|must be|may be) an? (?:error|mistake|typo|inconsistency)|(?:made|was) a mistake"
    r"|closest (?:possible|reasonable)|does(?: not|n['’]t) make sense|correction|wait,|sorry|apologi[sz]e|perhaps"
    r"|might be|may be|probably|possibly)\b",
    re.IGNORECASE,
)


def hedging(answer: str) -> Finding | None:
    """Whether an answer doubts itself, or what it was asked.

    Args:
        answer: What was answered.
    """
    match = _DOUBT.search(prose(answer[:MAX_CHARACTERS]))
    return Finding("doubt", 0.3, f'is in doubt: "{match.group()}"') if match else None
