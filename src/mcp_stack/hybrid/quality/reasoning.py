"""How an answer's arithmetic hangs together: from the question's numbers, through its steps, to its result."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from .equations import Equation, equations_of, numbers_in, workings_of
from .quantities import COMMON, quantities_of, related
from .text import MAX_CHARACTERS

MAX_KNOWN = 24
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
        supported: The result is that of a step, or a number that the answer may rest on.
        worked: Every number worked with, in an equation or not.
        workings: The operators beside each of the numbers in the prose.
        overworked: Given numbers, said once, that three steps work with.
        operations: How many operators its different steps have.
    """

    given: tuple[Fraction, ...]
    equations: tuple[Equation, ...]
    statements: tuple[Fraction, ...]
    result: Fraction | None
    unworked: tuple[Fraction, ...]
    foreign: tuple[Fraction, ...]
    idle: tuple[Fraction, ...]
    supported: bool
    worked: frozenset[Fraction]
    workings: Mapping[Fraction, AbstractSet[str]]
    overworked: tuple[Fraction, ...]
    operations: int


def reasoning_of(question: str, answer: str, material: str = "") -> Reasoning:
    """Take the arithmetic of an answer apart.

    Args:
        question: What was asked.
        answer: What was answered.
        material: What the answer may rest on beside the question; its numbers may be worked with, and need not be.
    """
    said = Counter(quantities_of(question))
    given = tuple(said)
    equations = tuple(equations_of(answer))
    statements = _statements(answer)
    result = statements[-1] if statements else _last_number(answer)
    results = {equation.right.exact for equation in equations}
    workings = workings_of(answer)
    worked = {*workings, *(operand for equation in equations for operand in equation.operands)}
    facts = COMMON.union(numbers_in(material[:MAX_CHARACTERS]), quantities_of(material))
    foreign = _foreign(given, equations, facts, worked)
    steps = {(equation.left.exact, equation.operands) for equation in equations}
    uses = Counter(operand for _, operands in steps for operand in operands)
    return Reasoning(
        given=given,
        equations=equations,
        statements=statements,
        result=result,
        unworked=tuple(
            each for each in given if each not in {0, 1} and not any(related(used, each) for used in worked)
        ),
        foreign=foreign,
        idle=_idle(equations, result),
        supported=result is not None
        and any(_is_told(value, result) for value in {*results, *given, *(facts - COMMON)}),
        worked=frozenset(worked),
        workings=workings,
        overworked=tuple(each for each, times in said.items() if times == 1 and uses[each] >= 3 and each not in COMMON),
        operations=sum(max(len(operands) - 1, 0) for _, operands in steps),
    )


def _is_told(value: Fraction, result: Fraction) -> bool:
    """Whether a result is a value, said as a percentage, as a loss or rounded to a whole."""
    size = abs(value)
    if result in {value, size, size * 100, size / 100}:
        return True
    return (
        size.denominator != 1
        and any(abs(each - result) < 1 for each in (size, size * 100))
        and result.denominator < 1000
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


def _foreign(
    given: Sequence[Fraction], equations: Sequence[Equation], facts: AbstractSet[Fraction], worked: set[Fraction]
) -> tuple[Fraction, ...]:
    """Operands from nowhere. One that two known numbers give is a step in the head, and those two are worked with."""
    known: dict[Fraction, None] = dict.fromkeys(given)
    foreign = []
    for equation in equations:
        for operand in equation.operands:
            if operand in known or any(related(operand, each) for each in given):
                continue
            if parts := _in_the_head(operand, tuple(known)[:MAX_KNOWN]):
                worked.update(parts)
            elif operand not in facts:
                foreign.append(operand)
            known[operand] = None
        known |= dict.fromkeys((abs(equation.right.exact), abs(equation.left.exact)))
    return tuple(foreign)


def _in_the_head(value: Fraction, known: Sequence[Fraction]) -> tuple[Fraction, Fraction] | None:
    """Two known numbers whose sum, difference, product or quotient is a value."""
    for first, second in combinations(known, 2):
        if (
            value in {first + second, abs(first - second), first * second}
            or first == value * second
            or second == value * first
        ):
            return first, second
    return None


def _idle(equations: Sequence[Equation], result: Fraction | None) -> tuple[Fraction, ...]:
    idle = []
    later: set[Fraction] = set()
    for equation in reversed(equations):
        value = abs(equation.right.exact)
        if value not in later and not (result is not None and _is_told(value, result)):
            idle.append(value)
        later |= {value, *equation.operands}
    return tuple(dict.fromkeys(reversed(idle)))
