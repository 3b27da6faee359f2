# ruff: noqa: RUF001 - typographic signs are what is read
"""Equations in answers are worked out again, exactly; right ones are never called wrong."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mcp_stack.hybrid.quality import inspect
from mcp_stack.hybrid.quality.equations import equations_of
from mcp_stack.hybrid.quality.expressions import evaluate, tokens_of
from mcp_stack.hybrid.quality.quantities import quantities_of
from mcp_stack.hybrid.quality.reasoning import reasoning_of


@dataclass(frozen=True)
class Expression:
    """A random expression: how it is written, and what it is worth."""

    text: str
    value: Fraction
    precedence: int


numbers = st.integers(1, 9_999).map(lambda each: Expression(str(each), Fraction(each), 9))
prices = st.integers(1, 9_999).map(lambda each: Expression(f"{each / 4:.2f}", Fraction(each, 4), 9))
decimals = st.integers(1, 99_999).map(lambda each: Expression(f"{each / 100:.2f}", Fraction(each, 100), 9))


def joined(parts: tuple[Expression, str, Expression]) -> Expression:
    left, operator, right = parts
    precedence = 1 if operator in "+-" else 2
    first = left.text if left.precedence >= precedence else f"({left.text})"
    second = right.text if right.precedence > precedence else f"({right.text})"
    value = {
        "+": lambda: left.value + right.value,
        "-": lambda: left.value - right.value,
        "*": lambda: left.value * right.value,
        "/": lambda: left.value / right.value if right.value else Fraction(0),
    }[operator]()
    assume(operator != "/" or right.value != 0)
    return Expression(f"{first} {operator} {second}", value, precedence)


def worked_out(leaves: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Expressions of at least one operator."""
    inner = st.recursive(
        leaves, lambda parts: st.tuples(parts, st.sampled_from("+-*/"), parts).map(joined), max_leaves=6
    )
    return st.tuples(inner, st.sampled_from("+-*/"), inner).map(joined)


worked = worked_out(numbers | decimals)
# Without numbers that may have been rounded, what is worked out from them is not in doubt.
exact = worked_out(numbers | prices)
signs = st.sampled_from(
    [
        {},
        {"*": "×", "/": "÷", "-": "−"},
        {"*": "x"},
        {"*": r"\times", "/": r"\div"},
        {"*": r"\cdot"},
        {"*": r"\*"},
    ]
)
sentences = st.sampled_from(
    [
        "{} = {}",
        "So in total that makes {} = {} apples.",
        r"\[ {} = {} \]",
        "He pays ${} = ${} for it, which is much.",
        "<<{}={}>>",
        "- Total: {} = {}",
        "**{} = {}**",
    ]
)


def written(expression: Expression, replaced: dict[str, str]) -> str:
    text = expression.text
    for plain, sign in replaced.items():
        text = text.replace(f" {plain} ", f" {sign} ")
    return text


def decimal(value: Fraction, places: int = 4) -> str:
    return f"{float(round(value, places)):.{places}f}".rstrip("0").rstrip(".")


@given(worked, signs, sentences)
def test_a_right_equation_is_never_called_wrong(
    expression: Expression, replaced: dict[str, str], sentence: str
) -> None:
    assume(abs(expression.value) < 10**9)
    text = sentence.format(written(expression, replaced), decimal(expression.value))
    assert [each.text for each in equations_of(text) if each.verdict == "wrong"] == []


@given(exact, signs, sentences, st.integers(1, 500), st.booleans())
def test_an_altered_result_is_called_wrong(
    expression: Expression, replaced: dict[str, str], sentence: str, off: int, less: bool
) -> None:
    assume(abs(expression.value) < 10**9)
    # Off by more than rounding could explain, in a number or in what it is worked out from.
    altered = expression.value + (-1 if less else 1) * (off + abs(expression.value) / 5 + 1)
    assume(abs(altered) * 100 not in {abs(expression.value), abs(expression.value) * 10_000})
    found = equations_of(sentence.format(written(expression, replaced), decimal(altered)))
    assert [each.verdict for each in found] == ["wrong"]


@given(worked)
def test_it_is_worked_out_exactly(expression: Expression) -> None:
    value = evaluate(tokens_of(expression.text))
    assert value is not None
    assert value.exact == expression.value


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    equations_of(text)
    quantities_of(text)
    inspect(text, text)


@pytest.mark.parametrize(
    "text",
    [
        "15% of 200 = 30",
        "20/100 * 50 = 10",
        r"\frac{3}{4} \times 20 = 15",
        r"$\dfrac{1}{2} + \dfrac{1}{3} = \dfrac{5}{6}$",
        "2 1/2 * 4 = 10",
        "1,200 + 300 = 1,500",
        "$1,200.50 + $300 = $1,500.50",
        "3 dozen eggs * $2 per dozen = $6",
        "45 hours * $12/hour = $540",
        "12 (chicken meal) + 5 * 3 (milk) = 27",
        "(2 + 3)(4) = 20",
        "2^10 = 1024",
        "5² = 25",
        "4 feet + 3 inches = 51 inches",
        "2 hours * 1 = 120 minutes",
        "10 / 3 = 3.33",
        "10 / 3 ≈ 3",
        "2 / 3 = 0.67",
        "0.33 * 90 = 30",
        "3 / 12 = 25%",
        "6 x 6 = <<6*6=36>>36 / 12 = <<36/12=3>>3 boxes",
        "40 * 2 = 80 + 20 = 100",
        "x + 5 = 12",
        "2x + 3 = 11",
        "Total cost = price + 5 = 12",
        "The temperature was -6 + 3 = -3 degrees.",
        "In 2023 5 + 3 = 8",
        "On day 2 - 5 + 3 = 8",
        "a[3] = 4",
        "x == 5",
        "1 dozen = 12",
    ],
)
def test_it_is_read_as_people_mean_it(text: str) -> None:
    assert [each.text for each in equations_of(text) if each.verdict == "wrong"] == []


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("3 * 60 = 190", "3 * 60 = 190"),
        ("It is 30 cycles/day * $1.20/task * 5 tasks/cycle * 7 days = $126/week.", "30 * 1.20 * 5 * 7 = 126"),
        (r"\frac{3}{4} \times 20 = 16", "( ( 3 ) / ( 4 ) ) * 20 = 16"),
        ("15% of 200 = 45", "15 % * 200 = 45"),
        ("2 + 3 * 4 = 20", "2 + 3 * 4 = 20"),
        ("5 + 6 = 11 = 12 - 2", "11 = 10"),
        ("so 7 * (3 + 5) = <<7*(3+5)=63>>63", "7 * ( 3 + 5 ) = 63"),
    ],
)
def test_what_is_wrong_is_said(text: str, reading: str) -> None:
    assert reading in [each.text for each in equations_of(text) if each.verdict == "wrong"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("twenty five boys and 3 dozen eggs", [25, 3, 12]),
        ("two thirds of the 1,500 votes", [Fraction(2, 3), 1500]),
        ("three hundred at 20%", [300, 20]),
        ("1/4 of $400 000", [Fraction(1, 4), 400_000]),
        ("The third player beat horse #2 twice.", [2]),
        ("a third of it, half of it", [Fraction(1, 3), Fraction(1, 2)]),
    ],
)
def test_numbers_are_read_in_digits_and_in_words(text: str, expected: list[Fraction]) -> None:
    assert quantities_of(text) == expected


QUESTION = "Tom has 12 marbles and buys 3 bags of 8 marbles. He gives 6 away. How many marbles does he have left?"
RIGHT = "He buys 3 * 8 = 24 marbles. Then he has 12 + 24 = 36 and after giving some away 36 - 6 = 30.\n#### 30"


def checks(answer: str, question: str = QUESTION) -> set[str]:
    return {finding.check for finding in inspect(question, answer).findings}


def test_a_sound_solution_raises_nothing() -> None:
    assert checks(RIGHT) == set()


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (RIGHT.replace("= 36 and", "= 38 and").replace("36 - 6 = 30", "38 - 6 = 32"), "wrong_equation"),
        ("He buys 3 * 8 = 24 marbles, so he has 24 - 6 = 18.\n#### 18", "unworked_number"),
        ("He buys 3 * 8 = 24 marbles. He has 12 + 6 = 18 in all.\n#### 18", "idle_step"),
        (RIGHT.replace("#### 30", "#### 45"), "unsupported_result"),
        ("He has 12 * 3 / 8 = 4.5 and 4.5 - 6 = -1.5.\n#### -1.5", "part_of_one"),
        ("He buys 3 * 8 = 24 marbles. Then he has 12 + 24 = 36 and after giving away 36 - 6", "unmarked_result"),
        ("The answer is 30.\nNo: 3 * 8 = 24, 12 + 24 = 36, 36 - 6 = 30, so the answer is 36.", "two_results"),
        ("He has some marbles left over after all of that.", "no_result"),
        ("He ends up with some thirty or so, 30 I would say.", "no_steps"),
        ("3 * 8 = 24, 12 + 24 = 36, 36 - 17 = 19, so 19 are left.", "foreign_number"),
    ],
)
def test_a_solution_that_does_not_hang_together_says_where(answer: str, check: str) -> None:
    assert check in checks(answer)


def test_a_relation_that_is_turned_round_is_seen() -> None:
    question = "Andy plants 90 geraniums and 40 fewer petunias. How many flowers does he plant?"
    assert "turned_round" in checks("He plants 90 + 40 = 130 petunias and 90 + 130 = 220 flowers.", question)
    assert "turned_round" not in checks("He plants 90 - 40 = 50 petunias and 90 + 50 = 140 flowers.", question)


def test_a_conversion_that_is_asked_for_and_missing_is_seen() -> None:
    question = "Ann reads 20 pages a day and 5 on the bus. How many pages does she read in 3 weeks?"
    assert "no_conversion" in checks("She reads 20 + 5 = 25 pages and 25 * 3 = 75.", question)
    assert "no_conversion" not in checks("She reads 20 + 5 = 25 pages, 25 * 7 = 175 and 175 * 3 = 525.", question)


def test_numbers_of_another_kind_of_question_are_no_business_of_arithmetic() -> None:
    question = "Why does my server answer 502 on port 8080 after 30 seconds?"
    assert checks("The upstream did not answer in time. Raise proxy_read_timeout above 30 s.", question) == set()


def test_steps_done_in_the_head_are_followed() -> None:
    reasoning = reasoning_of(QUESTION, "He has 12 + 24 = 36, and 36 - 6 = 30 are left.")
    assert (reasoning.foreign, reasoning.unworked) == ((), ())


def test_numbers_of_the_passages_may_be_worked_with_and_need_not_be() -> None:
    question, answer = "What do 3 licences for 2 years cost?", "3 * 145 = 435 a year, and 435 * 2 = 870.\n#### 870"
    passage = "A licence costs 145 dollars a year; support is 990 dollars."
    assert "foreign_number" in checks(answer, question)
    assert {finding.check for finding in inspect(question, answer, material=passage).findings} == set()
