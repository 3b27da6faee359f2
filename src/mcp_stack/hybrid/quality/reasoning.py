"""How an answer's arithmetic hangs together: from the question's numbers, through its steps, to its result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from .equations import Equation, equations_of, numbers_in
from .quantities import COMMON, quantities_of, related
from .text import MAX_CHARACTERS

_MARKED = re.compile(
    r"####\s*([^\n]{0,80})|\\boxed\s*\{([^{}\n]{0,80})\}"
    r"|\b(?:final answer|answer)\b\s*(?:is|:|=)\s*\**\s*([^\n]{0,80})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reasoning:
    r"""The arithmetic of an answer.

    Attributes:
        given: The question's numbers, those said twice once.
        equations: The answer's, in order.
        statements: Results that are marked as such: `#### 5`, `\boxed{5}`, "the answer is 5".
        result: The number that the answer ends with: the last statement, else the last number; None if there is none.
        unworked: Given numbers that no equation works with.
        foreign: Numbers worked with that are neither given, nor a result of a step, nor everyday facts.
        idle: Results of steps that neither a later step nor the end uses.
        supported: The result is that of a step, or a given number.
    """

    given: tuple[Fraction, ...]
    equations: tuple[Equation, ...]
    statements: tuple[Fraction, ...]
    result: Fraction | None
    unworked: tuple[Fraction, ...]
    foreign: tuple[Fraction, ...]
    idle: tuple[Fraction, ...]
    supported: bool


def reasoning_of(question: str, answer: str) -> Reasoning:
    """Take the arithmetic of an answer apart.

    Args:
        question: What was asked.
        answer: What was answered.
    """
    given = tuple(dict.fromkeys(quantities_of(question)))
    equations = tuple(equations_of(answer))
    statements = _statements(answer)
    result = statements[-1] if statements else _last_number(answer)
    results = {equation.right.exact for equation in equations}
    worked = {operand for equation in equations for operand in equation.operands}
    return Reasoning(
        given=given,
        equations=equations,
        statements=statements,
        result=result,
        unworked=tuple(
            each for each in given if each not in {0, 1} and not any(related(operand, each) for operand in worked)
        ),
        foreign=_foreign(given, equations),
        idle=_idle(equations, result),
        supported=result is not None and (result in results or result in given or -result in results),
    )


def _statements(answer: str) -> tuple[Fraction, ...]:
    found = []
    for match in _MARKED.finditer(answer[:MAX_CHARACTERS]):
        numbers = numbers_in(next(group for group in match.groups() if group is not None))
        if numbers:
            found.append(numbers[0])
    return tuple(found)


def _last_number(answer: str) -> Fraction | None:
    numbers = numbers_in(answer[-400:])
    return numbers[-1] if numbers else None


def _foreign(given: Sequence[Fraction], equations: Sequence[Equation]) -> tuple[Fraction, ...]:
    known: set[Fraction] = set(given)
    foreign = []
    for equation in equations:
        for operand in equation.operands:
            if operand not in known and operand not in COMMON and not any(related(operand, each) for each in given):
                foreign.append(operand)
                known.add(operand)
        known |= {equation.right.exact, equation.left.exact}
    return tuple(foreign)


def _idle(equations: Sequence[Equation], result: Fraction | None) -> tuple[Fraction, ...]:
    idle = []
    later: set[Fraction] = set() if result is None else {result, -result}
    for equation in reversed(equations):
        value = equation.right.exact
        if value not in later:
            idle.append(value)
        later |= {value, *equation.operands}
    return tuple(dict.fromkeys(reversed(idle)))
