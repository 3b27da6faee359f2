"""Equations as they stand in prose, LaTeX or a calculator's notes, each worked out again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from .expressions import Token, Value, evaluate, tokens_of

MAX_CHARACTERS = 40_000
MAX_LINE = 2_000
MAX_EQUATIONS = 300
MAX_SIDE = 48

Verdict = Literal["exact", "rounded", "wrong"]

_ANNOTATION = re.compile(r"<<([^<>\n]{1,200})>>")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]{1,80})\}\s*\{([^{}]{1,80})\}")
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textbf|mathbf|boxed)\s*\{([^{}]{0,120})\}")
_LATEX = (
    ("\\times", "*"), ("\\cdot", "*"), ("\\div", "/"), ("\\approx", "≈"), ("\\left", ""), ("\\right", ""), ("\\%", "%"),
    ("\\$", "$"), ("\\*", "*"), ("\\(", " "), ("\\)", " "), ("\\[", " "), ("\\]", " "), ("\\,", ""), ("\\!", ""),
    ("\\;", " "), ("\\ ", " "), ("\\quad", " "), ("\\\\", " "), ("&=", "="), ("{,}", ","), ("**", " "),
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans({"²": "^2", "³": "^3"})
# A different unit on the other side, and a ratio that converts: 3 feet + 2 feet = 60 inches is right.
_CONVERSIONS = frozenset(Fraction(each) for each in (3, 4, 7, 12, 16, 24, 30, 52, 60, 100, 365, 1000, 3600))
# Two of them added: it converts as it goes, 4 feet + 3 inches = 51 inches, and is not judged unless it holds.
_MEASURE_WORDS = (
    "foot feet inch inche yard mile meter metre km cm mm kilometer kilometre centimeter hour minute second day"
    " week month year dozen pound lb ounce oz kg gram g liter litre l ml milliliter gallon quart pint cup"
    " cent penny pennie nickel dime quarter dollar kb mb gb tb bit byte degree"
)
_LABELS = frozenset(
    {"day", "step", "question", "part", "week", "page", "example", "exercise", "item", "round", "case", "problem"}
)
_MEASURES = frozenset(_MEASURE_WORDS.split())


@dataclass(frozen=True, slots=True)
class Equation:
    """Two sides that are said to be equal.

    Attributes:
        left, right: What they are worth.
        verdict: Whether they are: exactly, but for rounding, or not.
        operands: The numbers on the left, as they stand.
        text: How it reads, for people.
        line: Which line it stands in, from 0.
        noted: It stands in a calculator's note, `<<3*60=180>>`.
    """

    left: Value
    right: Value
    verdict: Verdict
    operands: tuple[Fraction, ...]
    text: str
    line: int
    noted: bool = False


def plain(text: str) -> str:
    """LaTeX and typographic signs as plain arithmetic.

    Args:
        text: An answer.
    """
    if "\\" in text:
        for _ in range(3):  # fractions in fractions, three deep
            text = _FRACTION.sub(r"((\1)/(\2))", _TEXT.sub(r" \1 ", text))
    for written, meant in _LATEX:
        text = text.replace(written, meant)
    return text.translate(_SUPERSCRIPTS)


def equations_of(text: str) -> list[Equation]:
    """Every equation of an answer that has an operator on at least one side.

    Args:
        text: The answer; what is beyond `MAX_CHARACTERS` is not read.
    """
    found: list[Equation] = []
    for number, line in enumerate(plain(text[:MAX_CHARACTERS]).splitlines()):
        short = line[:MAX_LINE]
        if "=" not in short and "≈" not in short:
            continue
        for note in _ANNOTATION.findall(short):
            found.extend(_in_tokens(tokens_of(note), number, noted=True))
        found.extend(_in_tokens(tokens_of(_ANNOTATION.sub(" ", short)), number, noted=False))
        if len(found) >= MAX_EQUATIONS:
            break
    return found[:MAX_EQUATIONS]


def numbers_in(text: str) -> list[Fraction]:
    """The numbers of a text in digits, in order.

    Args:
        text: An answer or a part of it.
    """
    return [token.value for token in tokens_of(_ANNOTATION.sub(" ", plain(text))) if token.kind == "number"]


def workings_of(text: str) -> dict[Fraction, set[str]]:
    """The numbers that a text works with, in an equation or not ("16 a day (80 / 5)"), and the operators beside each.

    Args:
        text: An answer.
    """
    found: dict[Fraction, set[str]] = {}
    for line in plain(_ANNOTATION.sub(" ", text[:MAX_CHARACTERS])).splitlines():
        tokens = [token for token in tokens_of(line[:MAX_LINE]) if token.kind not in {"word", "percent"}]
        for position, token in enumerate(tokens):
            if token.kind != "number":
                continue
            beside = tokens[max(position - 1, 0) : position + 2]
            signs = {each.text for each in beside if each.kind in {"operator", "equals"}}
            if signs:
                found.setdefault(token.value, set()).update(signs)
    return found


def _in_tokens(tokens: Sequence[Token], line: int, *, noted: bool) -> list[Equation]:
    found = []
    sides: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind in {"equals", "approximately"}:
            sides.append([])
        else:
            sides[-1].append(token)
    for before, after in pairwise(sides):
        right = _prefix(after)
        if right is None:
            continue
        equation = _compared(before, right, line, noted=noted)
        if equation is not None:
            found.append(equation)
    return found


def _compared(before: Sequence[Token], right: _Side, line: int, *, noted: bool) -> Equation | None:
    """The reading of the left side that holds; where none does, the longest."""
    longest: Equation | None = None
    for left in _suffixes(before):
        if not left.value.operations and (left.cut or not right.value.operations):
            break
        units = left.units | right.units
        verdict = _verdict(
            left.value,
            right.value,
            converted=bool(left.units & _MEASURES) and bool(right.units & _MEASURES - left.units),
        )
        if right.value.operations and right.tokens[0].kind == "number" and left.value.exact == right.first:
            # Said like on a calculator: 6 * 6 = 36 / 12 = 3.
            verdict = "exact"
        added = any(token.text in {"+", "-"} for token in left.tokens)
        if verdict == "wrong" and ("dozen" in units or (added and len(units & _MEASURES) > 1)):
            break
        operands = tuple(token.value for token in left.tokens if token.kind == "number")
        text = f"{_readable(left.tokens)} = {_shown(right.value.exact)}"
        equation = Equation(left.value, right.value, verdict, operands, text, line, noted)
        if verdict != "wrong":
            return equation
        longest = longest or equation
    return longest


def _verdict(left: Value, right: Value, *, converted: bool) -> Verdict:
    """Whether two sides agree, read in the ways that people mean them."""
    if left.exact == right.exact:
        return "exact"
    readings = [left.exact]
    if right.percent or left.percent:
        readings += [left.exact / 100, left.exact * 100]
    if right.exact in readings:
        return "exact"
    places = _decimals(right.exact)
    step = right.slack * 2 or Fraction(1, 10**places)
    for reading in readings:
        inexact = (reading * 10**places).denominator != 1
        if abs(reading - right.exact) < left.slack + right.slack + (step if inexact else 0):
            return "rounded"
    if converted and left.exact and right.exact:
        ratio = abs(right.exact / left.exact)
        if ratio in _CONVERSIONS or 1 / ratio in _CONVERSIONS:
            return "exact"
    return "wrong"


def _decimals(value: Fraction) -> int:
    """Decimals of a number that was written with few; 6 for one that never ends."""
    for places in range(6):
        if (value * 10**places).denominator == 1:
            return places
    return 6


@dataclass(frozen=True, slots=True)
class _Side:
    """One reading of one side.

    Attributes:
        tokens: Numbers, operators and brackets.
        value: Their worth.
        first: The number it starts with.
        units: The words after its numbers, in the singular.
        cut: Something stands before it that is no part of it.
    """

    tokens: tuple[Token, ...]
    value: Value
    first: Fraction
    units: frozenset[str]
    cut: bool = False


def _prefix(tokens: Sequence[Token]) -> _Side | None:
    """The longest expression that a right side starts with."""
    reduced, units, _ = _without_units(tokens[:MAX_SIDE], from_left=True)
    for end in range(len(reduced), 0, -1):
        value = evaluate(reduced[:end])
        if value is not None:
            return _Side(tuple(reduced[:end]), value, reduced[0].value, units)
    return None


def _suffixes(tokens: Sequence[Token]) -> list[_Side]:
    """Readings of a left side, longest first: the whole of what parses, then those that start after a dash.

    A dash may be no minus where it begins the line, or follows a word or a label: "- 5 + 3 = 8", "day 2 - 5 + 3 = 8".
    """
    reduced, units, cut = _without_units(tokens[-MAX_SIDE:], from_left=False)
    dashes = {after.start for before, after in pairwise(tokens) if before.kind == "word" and after.text == "-"}
    dashes |= {token.start for token in tokens[:1] if token.text == "-"}
    dashes |= {
        after.start
        for word, number, after in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if word.text.lower() in _LABELS and number.kind == "number" and after.text == "-"
    }
    readings: list[_Side] = []
    for start, token in enumerate(reduced):
        signed = token.kind == "operator" and (start > 0 or cut or token.text != "-")
        if signed or token.kind in {"close", "percent", "word"}:
            continue
        after_dash = start > 0 and reduced[start - 1].start in dashes
        if (readings and not after_dash) or (start > 0 and reduced[start - 1].kind == "operator" and not after_dash):
            continue
        value = evaluate(reduced[start:])
        if value is not None:
            readings.append(_Side(tuple(reduced[start:]), value, token.value, units, cut or start > 0))
    return readings


def _without_units(tokens: Sequence[Token], *, from_left: bool) -> tuple[list[Token], frozenset[str], bool]:
    """Numbers, operators and brackets alone; cut where the words are no units, which is said too.

    A unit is at most three words after a number or a bracket ("3 dozen donuts"), or after a slash ("12 $/hour"); a
    bracket that holds a remark ("12 (chicken meal)") is one too. A word that is worked with, x + 3 or 2 * price, is
    a variable: it stays, and nothing with it can be worked out.
    """
    pieces: list[list[Token]] = [[]]
    units: set[str] = set()
    words = 0
    position = -1
    while (position := position + 1) < len(tokens):
        token, current = tokens[position], pieces[-1]
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if token.kind == "open" and (end := _remark_end(tokens, position)):
            position = end
        elif token.kind == "word":
            words += 1
            measured = bool(current) and current[-1].kind in {"number", "close", "percent"}
            if measured and words <= 3 and len(token.text) > 1:
                units.add(token.text.lower().removesuffix("s"))
                continue
            variable = bool(current) and current[-1].kind == "operator"
            variable |= following is not None and following.kind == "operator"
            if from_left:
                return ([] if variable else current), frozenset(units), False
            pieces.append([token] if variable else [])
        elif token.kind == "break":
            if from_left and current:
                break
            pieces.append([])
            words = 0
        elif token.text == "/" and following is not None and following.kind == "word":
            words = max(words - 1, 0)
        else:
            if words and token.kind in {"number", "open"} and current and current[-1].kind != "operator":
                if from_left:
                    break
                pieces.append([])
            words = 0
            pieces[-1].append(token)
    return (pieces[0] if from_left else pieces[-1]), frozenset(units), len(pieces) > 1


def _remark_end(tokens: Sequence[Token], start: int) -> int:
    """The place of the bracket that closes a remark, or 0: words, or a number among words, with nothing to work out."""
    for position in range(start + 1, min(start + 10, len(tokens))):
        kind = tokens[position].kind
        if kind == "close":
            return position if position > start + 1 and tokens[start + 1].kind == "word" else 0
        if kind not in {"word", "number"}:
            return 0
    return 0


def _readable(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)[:80]


def _shown(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.6g}"
