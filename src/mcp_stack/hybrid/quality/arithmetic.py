"""Findings on the arithmetic of an answer."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from .findings import Finding
from .reasoning import Reasoning
from .relations import missing_conversion, turned_round

# A question that wants a number; others may have numbers (ports, versions, years) that nothing is worked out with.
_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|far|long|old|tall|fast|often|heavy|big|large|high|deep|wide|soon)|calculate|compute)\b"
    r"|\b(?:determine|evaluate|find|solve|work out|estimate|what|what['’]s)\b[^.?!\n]{0,120}?"
    r"\b(?:total|sum|average|mean|median|product|difference|remainder|number|amount|cost|price|profit|age|height|weight"
    r"|length|width|depth|distance|speed|rate|area|volume|perimeter|percent(?:age)?|fraction|ratio|value|probability|time"
    r"|score|grade|salary|revenue|income|balance|change|charge|capacity|population|temperature|size"
    r"|\d+\s*[-+*/^×÷]\s*\d+)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\bhow many\b", re.IGNORECASE)
_MEASURED = re.compile(
    r"\bhow many\s+(?:more\s+|fewer\s+|total\s+)?(?:hours|minutes|miles|kilomet(?:er|re)s|met(?:er|re)s|feet|inches"
    r"|pounds|ounces"
    r"|kilograms|grams|gallons|lit(?:er|re)s|cups|dollars|percent|acres|weeks|months|years|days|tons|degrees|times)\b",
    re.IGNORECASE,
)
MIN_NUMBERS = 2


def wants_number(question: str, given: int) -> bool:
    """Whether a question is to be answered by working something out.

    Args:
        question: What was asked.
        given: How many different numbers it gives.
    """
    return given >= MIN_NUMBERS and _QUANTITY.search(question[-8000:]) is not None


def arithmetic(question: str, answer: str, reasoning: Reasoning) -> list[Finding]:
    """What is wrong, or does not fit together, in what an answer works out.

    Args:
        question: What was asked.
        answer: What was answered.
        reasoning: Its arithmetic.
    """
    findings = list(_of_steps(reasoning))
    if wants_number(question, len(reasoning.given)):
        findings.extend(_of_result(question, answer, reasoning))
        if reasoning.equations:
            findings.extend(_of_coherence(question, reasoning))
    return findings


def _of_steps(reasoning: Reasoning) -> Iterator[Finding]:
    wrong = next((each for each in reasoning.equations if each.verdict == "wrong"), None)
    if wrong is not None:
        yield Finding("wrong_equation", 0.9, f"works out {wrong.text}, which is {_shown(wrong.left.exact)}")
    rounded = next((each for each in reasoning.equations if each.verdict == "rounded"), None)
    if rounded is not None:
        yield Finding("rounded_step", 0.3, f"rounds {rounded.text}")
    if reasoning.statements and reasoning.statements[0] != reasoning.statements[-1]:
        first, last = reasoning.statements[0], reasoning.statements[-1]
        yield Finding("two_results", 0.6, f"says {_shown(first)} and then {_shown(last)}")


def _of_result(question: str, answer: str, reasoning: Reasoning) -> Iterator[Finding]:
    result = reasoning.result
    if result is None:
        yield Finding("no_result", 0.8, "has no number, which was asked for")
        return
    counted = _COUNTED.search(question) is not None and _MEASURED.search(question) is None
    whole = all(each.denominator == 1 for each in reasoning.given)
    if result.denominator != 1 and (counted or whole):
        yield Finding("part_of_one", 0.7 if counted else 0.5, f"ends with {_shown(result)}, which is not whole")
    elif result <= 0:
        yield Finding("part_of_one", 0.6, f"ends with {_shown(result)}, less than one")
    if not reasoning.equations:
        if len(answer) > 20:
            yield Finding("no_steps", 0.3, "shows no step of its arithmetic")
    elif not reasoning.supported:
        yield Finding("unsupported_result", 0.6, f"ends with {_shown(result)}, which no step gives")
    if reasoning.equations and not reasoning.statements and not answer.rstrip().endswith((".", "!", "。")):
        yield Finding("unmarked_result", 0.4, "ends without saying its result")


def _of_coherence(question: str, reasoning: Reasoning) -> Iterator[Finding]:
    if reasoning.operations < len([each for each in reasoning.given if each not in {0, 1}]) - 1:
        yield Finding("few_steps", 0.3, f"has {reasoning.operations} operations for {len(reasoning.given)} numbers")
    if reasoning.overworked:
        yield Finding("overworked_number", 0.3, f"works with {_shown(reasoning.overworked[0])} again and again")
    if relation := turned_round(question, reasoning.workings):
        yield Finding("turned_round", 0.3, f'turns "{relation}" round')
    if units := missing_conversion(question, reasoning.worked):
        yield Finding("no_conversion", 0.3, f"converts no {units[0]} to {units[1]}")
    if reasoning.idle:
        yield Finding("idle_step", 0.4, f"works out {_shown(reasoning.idle[0])} and does not use it")
    if reasoning.foreign:
        yield Finding("foreign_number", 0.2, f"brings in {_shown(reasoning.foreign[0])} from nowhere")
    if reasoning.unworked:
        severity = min(0.25 * len(reasoning.unworked), 0.75)
        yield Finding("unworked_number", severity, f"does not work with {_shown(reasoning.unworked[0])}")


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"
