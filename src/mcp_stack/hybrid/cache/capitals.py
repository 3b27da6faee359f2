"""What capitals tell: names from words, one unit or identifier from another."""

from __future__ import annotations

import re

from .grammar import CLOSED
from .lexicon import is_english

# Mongo-DB, Java-Script and the like are written in many ways, and mac-OS, i-Phone; user-Id is not.
_NAME = re.compile(r"(?:[A-Z][A-Za-z]*|[a-z][A-Z][a-z]+|[a-z]{1,3}[A-Z]{2,})")
_NAME_WITH_SIGNS = re.compile(r"[A-Z][A-Za-z]*(?:\+\+|#|\.[A-Za-z]+)?\d*")
# Mb and MB are two units; so are Mbps and MBps.
_UNIT = re.compile(r"[kmgtp]i?b(?:ps|its?|ytes?)?", re.IGNORECASE)
_SHORT = 2


def is_name_in_lower_case(one: str, other: str) -> bool:
    """Whether a name that has signs or digits (C++, Node.js, S3) is written without capitals once."""
    if len(one) < _SHORT or one.lower() != other.lower():
        return False
    return any(_NAME_WITH_SIGNS.fullmatch(each) for each in (one, other)) and (one.islower() or other.islower())


def is_like_code(word: str) -> bool:
    """Whether a word of letters is an identifier (userId) or a unit (MBps) by its capitals."""
    is_mixed = not (word.islower() or word.isupper() or word[1:].islower()) and word.isalpha()
    return bool(_UNIT.fullmatch(word)) or (is_mixed and not _NAME.fullmatch(word))


def same_case(one: str, other: str, *, tells_case: bool) -> bool:
    """Whether two spellings of one word differ in nothing that capitals tell."""
    capital, small = sorted((one, other))
    lower = small.lower()
    if capital.isupper() and len(capital) > 1 and not small.isupper():
        # US and us, AIDS and aids, CD and cd.
        return len(capital) > _SHORT and lower not in CLOSED and not (tells_case and is_english(lower))
    if len(capital) <= _SHORT or _UNIT.fullmatch(capital):
        return False
    if capital[1:].islower() and small.islower():
        # In the middle of a sentence a capital tells Rust from rust, and May from may.
        return not (tells_case and (is_english(lower) or lower in CLOSED))
    return bool(_NAME.fullmatch(capital)) and small[1:].islower()


def without_capital(word: str) -> str:
    """The first word of a sentence, which tells nothing by its capital where it is a word."""
    lower = word.lower()
    stem = lower.partition("'")[0]
    is_word = stem in CLOSED or is_english(stem)
    return lower if (word[1:].islower() and is_word) or word in {"A", "I"} else word


def tells_case(text: str) -> bool:
    """Whether capitals tell names from words in a text: not where there is none, or nothing else."""
    words = [word for word in text.split() if word[0].isalpha()]
    small = sum(word.islower() for word in words)
    large = sum(not word.islower() for word in words)
    return bool(small) and bool(large)
