"""The numbers that a question gives, in digits and in words."""

from __future__ import annotations

import re
from fractions import Fraction

from .expressions import NUMBER, number_of

MAX_CHARACTERS = 8_000

_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS: dict[str, Fraction] = {
    **{word: Fraction(value) for value, word in enumerate(_TO_NINETEEN.split())},
    **{word: Fraction(value * 10) for value, word in enumerate(_TENS.split(), start=2)},
    "hundred": Fraction(100),
    "thousand": Fraction(1000),
    "million": Fraction(10**6),
    "dozen": Fraction(12),
    "couple": Fraction(2),
    "pair": Fraction(2),
    "half": Fraction(1, 2),
    "halves": Fraction(1, 2),
    "halfway": Fraction(1, 2),
    "third": Fraction(1, 3),
    "thirds": Fraction(1, 3),
    "quarter": Fraction(1, 4),
    "quarters": Fraction(1, 4),
    "fourth": Fraction(1, 4),
    "fourths": Fraction(1, 4),
    "fifth": Fraction(1, 5),
    "fifths": Fraction(1, 5),
    "twice": Fraction(2),
    "double": Fraction(2),
    "doubled": Fraction(2),
    "doubles": Fraction(2),
    "triple": Fraction(3),
    "tripled": Fraction(3),
    "triples": Fraction(3),
    "thrice": Fraction(3),
    "quadruple": Fraction(4),
}
_PLACES = frozenset({"third", "quarter", "fourth", "fifth"})
_BEFORE_SHARES = frozenset({"a", "one", "two", "three", "four"})
_PIECE = re.compile(
    rf"#\d+|(?P<fraction>\d{{1,6}}/\d{{1,6}}(?!\d))|(?P<number>{NUMBER})(?P<percent>\s?%|\spercent)?|(?P<word>[A-Za-z]+)"
)
# Facts that everyone has at hand: units of time, length and count, and what turns a share round.
COMMON = frozenset(Fraction(each) for each in (0, 1, 2, 3, 4, 5, 7, 10, 12, 24, 30, 52, 60, 100, 365, 1000, 3600)) | {
    Fraction(1, 2)
}


def quantities_of(text: str) -> list[Fraction]:
    """The numbers of a text, in order, a percentage as it is said (20 % is 20).

    Args:
        text: A question; what is beyond `MAX_CHARACTERS` is not read.
    """
    found: list[Fraction] = []
    last = ""
    spoken: Fraction | None = None  # "twenty" before "five", "three" before "hundred"
    for match in _PIECE.finditer(text[:MAX_CHARACTERS]):
        if match.group().startswith("#"):
            continue  # a name: horse #2
        word = match["word"].lower() if match["word"] else ""
        value = _WORDS.get(word)
        if word in _PLACES and last not in _BEFORE_SHARES:
            value = None  # the third player
        last = word
        joined = None if spoken is None or value is None else _joined(spoken, value)
        if joined is not None:
            spoken = joined
            continue
        if spoken is not None:
            found.append(spoken)
        spoken = value
        if not word and (digits := _in_digits(match)) is not None:
            found.append(digits)
    if spoken is not None:
        found.append(spoken)
    return found


def _in_digits(match: re.Match[str]) -> Fraction | None:
    if match["fraction"]:
        above, _, below = match["fraction"].partition("/")
        return Fraction(int(above), int(below)) if int(below) else None
    return number_of(match["number"]).value if len(match["number"]) <= 24 else None


def _joined(first: Fraction, second: Fraction) -> Fraction | None:
    """Two number words as one: three hundred, twenty five, two thirds; None if they are two."""
    if second.denominator != 1 or second >= 100:
        return first * second
    if first >= 20 and second < 10:
        return first + second
    return None


def related(value: Fraction, to: Fraction) -> bool:
    """Whether a number in an answer is one of the question's, or the same share said otherwise.

    20 % is 0.2, and what is left of it 80, 0.8; what it grows to 120, 1.2.

    Args:
        value: From the answer.
        to: From the question.
    """
    if value == to:
        return True
    if 0 < to <= 1 and value in {1 - to, 1 + to, 1 / to, to * 100, (1 - to) * 100}:
        return True
    return 0 < to <= 100 and value in {to / 100, 1 - to / 100, 1 + to / 100, 100 - to, 100 + to}
