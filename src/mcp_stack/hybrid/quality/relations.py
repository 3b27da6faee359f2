"""What makes a word problem hard: quantities that are said in terms of each other, or in two units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from fractions import Fraction

from .quantities import quantities_of

MAX_CHARACTERS = 8_000

# "12 fewer than", "as many as": relations, which readers and small models turn round (Lewis and Mayer 1987, "Students'
# miscomprehension of relational statements in arithmetic word problems").
_COMPARISON = re.compile(
    r"\b(?:more|less|fewer|(?!other|rather|another|whether|together|either|over|after|number|under)[a-z]{3,12}er)\b"
    r"[^.?!\n]{0,30}?\bthan\b|\bas [a-z]+\b(?=[^.?!\n]{0,40}\bas\b)",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"\b(?:twice|thrice|double[sd]?|triple[sd]?|half|times|thirds?|quarters?|fourths?|fifths?)\b|\d/\d", re.IGNORECASE
)
_NUMBER = r"(\d[\d,]*(?:\.\d+)?|\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty))"
# "40 fewer petunias": 40 is taken away; "7 years older": 7 is added. The operator each is worked with, and the other.
_DIRECTIONS = (
    (rf"{_NUMBER} (?:[a-z]+ )?(?:fewer|less|younger|shorter|smaller|lower|lighter|cheaper|slower)\b", "-", "+"),
    (rf"{_NUMBER} (?:[a-z]+ )?(?:more|older|taller|longer|larger|higher|heavier|bigger|greater|extra)\b", "+", "-"),
)
_OFF = re.compile(
    r"(\d{1,3}(?:\.\d+)?)\s?(?:%|percent) (?:off|discount|less|cheaper|fewer|shorter|lower|smaller)", re.IGNORECASE
)
_WORD = re.compile(r"[a-z]+")
# Two units and how many of the first make one of the second.
_CONVERSIONS = (
    ("second", "minute", 60), ("minute", "hour", 60), ("hour", "day", 24), ("day", "week", 7), ("day", "month", 30),
    ("day", "year", 365), ("week", "month", 4), ("week", "year", 52), ("month", "year", 12), ("cent", "dollar", 100),
    ("inch", "foot", 12), ("foot", "yard", 3), ("ounce", "pound", 16), ("gram", "kilogram", 1000),
    ("meter", "kilometer", 1000), ("dozen", "dozen", 12), ("pair", "pair", 2),
)  # fmt: skip
_SINGULAR = {
    "feet": "foot",
    "inches": "inch",
    "metre": "meter",
    "kilometre": "kilometer",
    "daily": "day",
    "weekly": "week",
}


def comparisons(question: str) -> int:
    """How many quantities a question says by comparing them with others.

    Args:
        question: What was asked.
    """
    return sum(1 for _ in _COMPARISON.finditer(question[:MAX_CHARACTERS]))


def shares(question: str) -> int:
    """How many quantities a question says as a multiple or a part of another.

    Args:
        question: What was asked.
    """
    return sum(1 for _ in _SHARE.finditer(question[:MAX_CHARACTERS]))


def missing_conversion(question: str, worked: AbstractSet[Fraction]) -> tuple[str, str] | None:
    """Two units of a question, one of them asked for, that the answer never converts.

    Args:
        question: What was asked.
        worked: The numbers that the answer works with.
    """
    text = question[:MAX_CHARACTERS].lower()
    units = _units(text)
    asked = _units(text[: text.rfind("?") + 1].rpartition(". ")[2] or text)
    for small, large, ratio in _CONVERSIONS:
        if {small, large} <= units and {small, large} & asked and Fraction(ratio) not in worked:
            return small, large
    return None


def turned_round(question: str, workings: Mapping[Fraction, AbstractSet[str]]) -> str:
    """A relation of the question that the answer works out the other way: adds what is fewer, or pays what is off.

    Args:
        question: What was asked.
        workings: The numbers that the answer works with, and the operators beside each.

    Returns:
        The relation as it is said; empty if there is none.
    """
    text = question[:MAX_CHARACTERS]
    for pattern, right, wrong in _DIRECTIONS:
        for match in re.finditer(pattern, text, re.IGNORECASE):
            signs = workings.get(quantities_of(match[1])[0], set())
            if wrong in signs and right not in signs:
                return match.group()
    for match in _OFF.finditer(text):
        share = Fraction(match[1])
        paid = {share, share / 100} & workings.keys()
        if (
            paid
            and not {100 - share, 1 - share / 100} & workings.keys()
            and not any("-" in each for each in workings.values())
        ):
            return match.group()
    return ""


def _units(text: str) -> set[str]:
    return {
        _SINGULAR.get(word, _SINGULAR.get(word.removesuffix("s"), word.removesuffix("s")))
        for word in _WORD.findall(text)
    }
