"""Arithmetic read from text and worked out exactly: no `eval`, no floats, bounded in size."""

# ruff: noqa: RUF001 - typographic signs are what is looked for

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

MAX_TOKENS = 80
MAX_DEPTH = 24
MAX_DIGITS = 24
MAX_EXPONENT = 16

Kind = Literal["number", "operator", "open", "close", "percent", "word", "equals", "approximately", "break"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line.

    Attributes:
        kind: What it is.
        text: As it stands; an operator is one of `+ - * / ^`.
        value: Of a number.
        slack: Half a unit of the last decimal of a number that may have been rounded, else 0.
        start: Where it starts in the line, in characters.
    """

    kind: Kind
    text: str
    value: Fraction = Fraction(0)
    slack: Fraction = Fraction(0)
    start: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression is worth.

    Attributes:
        exact: The value.
        slack: How far it may be off for the rounding of its numbers, to first order.
        operations: How many operators were worked out.
        percent: Its last operand was a percentage.
    """

    exact: Fraction
    slack: Fraction = Fraction(0)
    operations: int = 0
    percent: bool = False


NUMBER = r"\d{1,3}(?:(?:,\d{3})+|(?: 000)+)(?:\.\d+)?(?![\d,])|\d+(?:\.\d+)?|\.\d+"
_TOKEN = re.compile(
    rf"(?P<ordinal>\d{{1,6}}(?:st|nd|rd|th)\b)|(?P<mixed>\d{{1,6}}[ ]\d{{1,4}}/\d{{1,4}}(?![\d.,]))"
    rf"|(?P<number>{NUMBER})|(?P<word>[^\W\d_]+(?:['’-][^\W\d_]+)*)"
    r"|(?P<percent>%)|(?P<approximately>≈|~=|≅)|(?P<equals>==?)|(?P<operator>\*\*|[-+*/^×÷·−–])|(?P<open>[(\[{])"
    r"|(?P<close>[)\]}])|(?P<space>[\s$€£¥]+)|(?P<other>.)",
    re.DOTALL,
)
_OPERATORS = {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "**": "^"}
_TIMES = frozenset({"x", "X", "of", "times"})
_WORD_OPERATORS = {"plus": "+", "minus": "-", "divided": "/", "times": "*"}
_KINDS: dict[str, Kind] = {
    "ordinal": "word",
    "percent": "percent",
    "approximately": "approximately",
    "equals": "equals",
    "open": "open",
    "close": "close",
    "other": "break",
}
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}


def number_of(text: str) -> Token:
    """A number token of its digits.

    Args:
        text: Digits, perhaps with thousands separators and decimals.
    """
    digits = text.replace(",", "").replace(" ", "")
    decimals = len(digits.partition(".")[2])
    value = Fraction(digits[: MAX_DIGITS + 1].rstrip("."))
    # 12.50 and 0.25 are exact as people write them; 0.33 and 0.27 are what is left of a longer number.
    rounded = decimals >= 2 and (value * 20).denominator != 1 and value * 10**decimals >= 10
    return Token("number", text, value, Fraction(1, 2 * 10**decimals) if rounded else Fraction(0))


def tokens_of(line: str) -> list[Token]:
    """Cut a line into tokens; spaces and currency signs are dropped.

    Args:
        line: One line of text, LaTeX already rewritten.
    """
    tokens: list[Token] = []
    for match in _TOKEN.finditer(line):
        kind, text, start = match.lastgroup, match.group(), match.start()
        if kind == "space":
            continue
        if kind in {"number", "mixed"}:
            token = _mixed(text, start) if kind == "mixed" else _number(text, start)
            if token.kind == "number" and _signed(tokens, start):
                tokens[-1] = Token("number", f"-{text}", -token.value, token.slack, start - 1)
            else:
                tokens.append(token)
        elif kind == "word":
            tokens.append(_word(line, match, tokens))
        elif kind == "operator":
            tokens.append(Token("operator", _OPERATORS.get(text, text), start=start))
        else:
            tokens.append(Token(_KINDS[kind or "other"], text, start=start))
    return tokens


def _number(text: str, start: int) -> Token:
    if len(text) > MAX_DIGITS:
        return Token("break", text, start=start)
    number = number_of(text)
    return Token("number", text, number.value, number.slack, start)


def _word(line: str, match: re.Match[str], before: Sequence[Token]) -> Token:
    text = match.group()
    if text in _TIMES and _multiplies(line, match, before):
        return Token("operator", "*", start=match.start())
    if text in _WORD_OPERATORS:
        return Token("operator", _WORD_OPERATORS[text], start=match.start())
    return Token("word", text, start=match.start())


_FACTOR = re.compile(r"[\s$€£¥(\[]{0,12}[\d.]")


def _signed(before: Sequence[Token], start: int) -> bool:
    """Whether the minus right before a number is its sign: after a word that is no unit, as in "it was -6"."""
    if len(before) < 2 or before[-1].text != "-" or before[-1].start != start - 1 or before[-2].kind != "word":
        return False
    return len(before) < 3 or before[-3].kind not in {"number", "close", "percent"}


def _multiplies(line: str, match: re.Match[str], before: Sequence[Token]) -> bool:
    """Whether an x or "of" stands between two factors; else it is a variable or a word."""
    factor = bool(before) and before[-1].kind in {"number", "close", "percent"}
    if match.group() != "of" and len(before) > 1:
        # 3 packs x 4
        factor |= before[-1].kind == "word" and before[-2].kind == "number"
    return factor and _FACTOR.match(line, match.end()) is not None


def _mixed(text: str, start: int) -> Token:
    """2 1/2 is two and a half."""
    whole, _, fraction = text.partition(" ")
    above, _, below = fraction.partition("/")
    if int(below) == 0:
        return Token("break", text, start=start)
    return Token("number", text, Fraction(int(whole)) + Fraction(int(above), int(below)), start=start)


class _MalformedError(Exception):
    """The tokens are no expression."""


def evaluate(tokens: Sequence[Token]) -> Value | None:
    """Work out an expression.

    Args:
        tokens: Numbers, operators, brackets and percent signs; a percentage is a hundredth.

    Returns:
        Its value, or None if the tokens are no expression, divide by zero, or are too many, too deep or too large.
    """
    if not tokens or len(tokens) > MAX_TOKENS:
        return None
    parser = _Parser(tokens)
    try:
        value = parser.expression(0, 0)
    except (_MalformedError, ZeroDivisionError, OverflowError):
        return None
    return value if parser.at_end() else None


class _Parser:
    """Precedence climbing (Richards 1979) over tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._position = 0

    def at_end(self) -> bool:
        return self._position == len(self._tokens)

    def _peek(self) -> Token | None:
        return None if self.at_end() else self._tokens[self._position]

    def expression(self, lowest: int, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise _MalformedError
        left = self._operand(depth)
        while (token := self._peek()) is not None:
            # Two brackets side by side, or a number before one, multiply.
            operator = token.text if token.kind == "operator" else "*" if token.kind == "open" else ""
            if not operator or _PRECEDENCE[operator] < lowest:
                break
            if token.kind == "operator":
                self._position += 1
            # A power binds to its right, all else to its left.
            right = self.expression(_PRECEDENCE[operator] + (operator != "^"), depth + 1)
            left = _combine(operator, left, right)
        return left

    def _operand(self, depth: int) -> Value:
        token = self._peek()
        if token is None:
            raise _MalformedError
        self._position += 1
        if token.kind == "operator" and token.text in "+-":
            inner = self.expression(3, depth + 1)
            return inner if token.text == "+" else Value(-inner.exact, inner.slack, inner.operations)
        if token.kind == "number":
            value = Value(token.value, token.slack)
        elif token.kind == "open":
            value = self.expression(0, depth + 1)
            closing = self._peek()
            if closing is None or closing.kind != "close":
                raise _MalformedError
            self._position += 1
            value = Value(value.exact, value.slack, value.operations)
        else:
            raise _MalformedError
        following = self._peek()
        if following is not None and following.kind == "percent":
            self._position += 1
            return Value(value.exact / 100, value.slack / 100, value.operations, percent=True)
        return value


def _combine(operator: str, left: Value, right: Value) -> Value:
    operations = left.operations + right.operations + 1
    if operator in "+-":
        exact = left.exact + right.exact if operator == "+" else left.exact - right.exact
        return _bounded(exact, left.slack + right.slack, operations, percent=left.percent or right.percent)
    if operator == "*":
        slack = abs(left.exact) * right.slack + abs(right.exact) * left.slack
        return _bounded(left.exact * right.exact, slack, operations)
    if operator == "/":
        slack = (left.slack + abs(left.exact / right.exact) * right.slack) / abs(right.exact)
        return _bounded(left.exact / right.exact, slack, operations)
    if right.exact.denominator != 1 or abs(right.exact) > MAX_EXPONENT:
        raise _MalformedError
    exact = left.exact ** int(right.exact)
    slack = abs(exact * right.exact / left.exact) * left.slack if left.slack else Fraction(0)
    return _bounded(Fraction(exact), slack, operations)


def _bounded(exact: Fraction, slack: Fraction, operations: int, *, percent: bool = False) -> Value:
    if max(exact.numerator.bit_length(), exact.denominator.bit_length()) > 2048:
        raise OverflowError
    # The slack is an estimate: kept short, or its digits would grow with every step.
    return Value(exact, slack.limit_denominator(10**9), operations, percent)
