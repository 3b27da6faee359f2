"""The tokens of a question, with what tells code from words: nothing of the text is dropped but spaces."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from . import grammar
from .reading import spelled

_WORD = r"[A-Za-z](?:[A-Za-z'-]*[A-Za-z])?'?"
_PLAIN = re.compile(rf"([(\"'«¿¡]*)({_WORD})([)\"'»?.,;:!…]*)")
_NUMBER = re.compile(r"([(\"']*)([-+]?[$€£¥]?\d[\d,]*(?:\.\d+)*%?)([)\"'?.,;:]*)")
_WITH_UNIT = re.compile(r"(\d[\d,]*(?:\.\d+)*)([A-Za-z]{1,4})([)\"'?.,;:]*)")
# Python3.11 is Python 3.11.
_VERSIONED = re.compile(r"([A-Za-z]{3,})(\d+(?:\.\d+)*)([)\"'?.,;:]*)")
# C++, C#.
_SIGNED = re.compile(r"[A-Za-z]\w*[+#]+[?.,;:]")
_CLOSED = re.compile(r"[^\W_][?.,;:]$|[)\]}\"'`][?.,;:]$")
_TAIL = re.compile(r"[?.,;:]$")
_QUOTES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_UNITS_IN_CAPITALS = frozenset(["KB", "MB", "GB", "TB", "USD", "EUR", "GBP"])
MARKS = frozenset("?.,;:!…")
"""Of sentences."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a question.

    Attributes:
        text: As written; numbers with their unit in one spelling.
        code: A symbol, flag, path, identifier, number, or of another script: only the very same stands for it.
            Marks that end a sentence or a part of it are none.
    """

    text: str
    code: bool


def tokens_of(text: str) -> list[Token]:
    """Take a text apart.

    Args:
        text: Any text. Marks of other scripts stay with their letters, and symbols are tokens like words.
    """
    chunks = unicodedata.normalize("NFC", text).translate(_QUOTES).split()
    found: list[Token] = []
    for place, chunk in enumerate(chunks):
        found += _of_chunk(chunk, last=place == len(chunks) - 1, after_number=bool(found) and _is_number(found[-1]))
    return _with_numbers(found)


def _of_chunk(chunk: str, *, last: bool, after_number: bool) -> list[Token]:
    if chunk.islower() and chunk.isascii() and chunk.isalpha():
        return [Token(chunk, code=False)]
    if chunk in MARKS:
        return [] if last else [Token(chunk, code=True)]
    if match := _PLAIN.fullmatch(chunk):
        before, word, behind = match.groups()
        is_unit = after_number and _is_unit(word)
        words = [word] if is_unit else [each for each in word.split("-") if each]
        return [*_marks(before), *(Token(each, code=is_unit) for each in words), *_marks(behind)]
    if match := _NUMBER.fullmatch(chunk):
        before, number, behind = match.groups()
        return [*_marks(before), Token(_THOUSANDS.sub("", number), code=True), *_marks(behind)]
    return _of_code(chunk, last=last)


def _of_code(chunk: str, *, last: bool) -> list[Token]:
    if (match := _WITH_UNIT.fullmatch(chunk)) and _means_a_unit(match[2]):
        return [Token(_THOUSANDS.sub("", match[1]), code=True), Token(match[2], code=False), *_marks(match[3])]
    if match := _VERSIONED.fullmatch(chunk):
        return [Token(match[1], code=False), Token(match[2], code=True), *_marks(match[3])]
    if _TAIL.search(chunk) and len(chunk) > 1 and (last or _CLOSED.search(chunk) or _SIGNED.fullmatch(chunk)):
        return [Token(chunk[:-1], code=True), *_marks(chunk[-1])]
    return [Token(chunk, code=True)]


def _is_unit(word: str) -> bool:
    """Whether a word behind a number is written like a unit that its capitals tell: Mbps and MBps, Gb and GB."""
    if word.islower() or word in _UNITS_IN_CAPITALS:
        return False
    return len(word) <= 2 or (len(word) <= 5 and not word[1:].islower())


def _means_a_unit(word: str) -> bool:
    return word in grammar.UNITS or word in _UNITS_IN_CAPITALS


def _marks(text: str) -> list[Token]:
    return [Token(mark, code=mark not in MARKS) for mark in text]


def _is_number(token: Token) -> bool:
    return token.code and token.text[-1:].isdigit()


def _with_numbers(tokens: list[Token]) -> list[Token]:
    """Numbers in words as digits, and units with their numbers."""
    found: list[Token] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        number = token.text if _is_number(token) and not token.text[0].isalpha() else ""
        begins = not token.code and token.text.lower() in grammar.NUMBERS
        if begins and (value := spelled([each.text.lower() for each in tokens[place - 1 : place + 7]])):
            following = tokens[place].text if place < len(tokens) else ""
            # `One` alone is a pronoun more often than a number.
            if value[0] != "1" or following in grammar.UNITS:
                number = value[0]
                place += value[1] - 1
        elif not token.code and token.text.lower() in grammar.ORDINALS:
            number = str(grammar.ORDINALS[token.text.lower()])
            found.append(Token(number + ("rd" if number == "3" else "th"), code=True))
            continue
        if not number:
            found.append(token)
            continue
        unit = tokens[place].text if place < len(tokens) else ""
        if _means_a_unit(unit):
            number += f" {grammar.UNITS[unit.lower()]}"
            place += 1
        found.append(Token(number, code=True))
    return found
