"""Cutting a text into the words that the index knows it by.

PostgreSQL's own parser knows prose: it drops `List<String>` as a tag, takes `os.path.join` for a host and finds nothing
in text without spaces. Here a compound is known whole and by its parts (`get_userById` by `get_userbyid`, `get`,
`userbyid`, `user`, `by`, `id`), and writing without spaces by its pairs of characters. Stop words and English endings
are PostgreSQL's part.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from .arrays import array

MAX_CHARACTERS: Final = 100
"""Longer words are cut off: encoded data, which nobody asks for by more than its beginning."""

TITLE_COUNTS: Final = 2

# Marks that belong to the letter before them and that `\w` leaves out: accents, points, vowel signs.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0730-\u074a\u0900-\u0963\u0971-\u0dff"
    "\u0e31-\u0e4e\u0eb1-\u0ecd\u0f71-\u0f84\u0f90-\u0fbc\u102b-\u103e\u1056-\u109d\u17b4-\u17d3\u3099\u309a"
)
_COMPOUND = re.compile(rf"[\w{_MARKS}]+(?:[.\-][\w{_MARKS}]+)*(?:\+\+|#)?")
# Numbers and versions keep their points: the 3 and the 14 of 3.14 mean nothing. Bounded, so that no text takes long.
_PART = re.compile(
    rf"[^\W_]{{0,9}}\d{{1,20}}(?:\.\d{{1,20}})+[^\W_]{{0,9}}|[^\W_][^\W_{_MARKS}]*(?:[{_MARKS}]+[^\W_]*)*"
)
_MIXED_CASE = re.compile(r"[a-z]\d*[A-Z]|[A-Z]{2}[a-z]")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
# Han, kana, Hangul, Thai, Lao, Burmese, Khmer: words are not, or not always, set apart by spaces.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff]+)"
)
_ACCENTS = re.compile("[\u0300-\u036f]+")


def count_words(text: str) -> Counter[str]:
    """How often each word is in a text.

    Args:
        text: Prose in any script, or code.

    Returns:
        Words in lower case without accents; endings and stop words are still there.
    """
    return Counter(word[:MAX_CHARACTERS] for word in _words(text))


def counted(title: str, chunks: Iterable[tuple[int, str, str]]) -> dict[str, str]:
    """The words of a document as the parameters of the queries that index it.

    Args:
        title: Its words count twice: they say what the document is about.
        chunks: Ordinal from 1, heading and content of each.

    Returns:
        Arrays `word_ordinals` (0 for the title), `words` and `frequencies`, of the same length.
    """
    ordinals: list[int] = []
    words: list[str] = []
    frequencies: list[int] = []
    for ordinal, text in ((0, title), *((ordinal, f"{heading}\n{content}") for ordinal, heading, content in chunks)):
        found = count_words(text)
        ordinals += [ordinal] * len(found)
        words += found
        frequencies += found.values() if ordinal else [TITLE_COUNTS * frequency for frequency in found.values()]
    return {"word_ordinals": array(ordinals), "words": array(words), "frequencies": array(frequencies)}


def _words(text: str) -> Iterator[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    for compound in _COMPOUND.findall(text):
        if compound.isascii() and compound.isalpha() and (compound.islower() or compound[1:].islower()):
            yield compound.lower()  # nearly every word of prose
        else:
            yield from _compound_words(compound)


def _compound_words(compound: str) -> Iterator[str]:
    """The whole of a compound, then its parts where there are several."""
    found: list[str] = []
    for part in _PART.findall(compound):
        if part.isascii():
            found.append(part.lower())
            if _MIXED_CASE.search(part):
                found += [piece.lower() for piece in _CAMEL.findall(part)]
        else:
            for number, run in enumerate(_UNSPACED.split(part)):
                found += _pairs(run) if number % 2 else [_folded(run)] if run else []
    whole = _folded(compound)
    if found and not _UNSPACED.search(whole) and whole not in found:
        yield whole
    yield from found


def _pairs(run: str) -> list[str]:
    """Each two neighbouring characters of a text without spaces, and a word of Hangul as a whole."""
    pairs = [run[start : start + 2] for start in range(max(1, len(run) - 1))]
    return [run, *pairs] if len(run) > 2 and "\uac00" <= run[0] <= "\ud7af" else pairs


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word.casefold())))
