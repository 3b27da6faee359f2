"""What can be read off the text of a question, at next to no cost."""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass

from ...ports.embedder import Vector

# A question may be 4,096 characters; a caller inside may pass more, and the rest says nothing new about its kind.
MOST_CHARACTERS = 8192

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FORMULA = re.compile(r"[=+*/^<>\\{}_$~|%²³√∑∫∞≤≥≠±\u00d7÷∂∆πθλ∈∀∃→]")
_CODE = re.compile(
    r"```|`[^`]+`|\w+\([^()\n]*\)|[;{}]\s*$|^\s*(?:def|class|import|from|return|if|for|while|SELECT|const|let|var|fn)\b|"
    r"\b\w+\.\w+\(|->|::|==|!=|&&|\|\|",
    re.MULTILINE,
)
_OPTION = re.compile(r"^\s*(?:\(?[A-Ha-h][.):]|\(?\d{1,2}[.)])\s+(.*)$", re.MULTILINE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|except|without|cannot|least|false|\w+n['\u2019]t)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"[.!?](?:\s|$)")
_REASON = re.compile(r"\b(?:why|how|explain|prove|derive|compare|because|therefore)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"\b(?:how (?:many|much|far|long|old|fast)|calculate|compute|total|sum|average|probability|percent\w*|per|each|"
    r"every|half|third|quarter|twice|double|triple|times|remaining|left|more than|less than)\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^\s*(?:please\s+)?(?:write|implement|create|generate|draft|compose|fix|refactor|translate|summari[sz]e|list|describe|"
    r"explain|find|give|show|make|add|change|convert)\b",
    re.IGNORECASE,
)
_JUDGED = re.compile(
    r"\b(?:which of the following|true or false|statements? \d|is it true|correct|incorrect)\b", re.IGNORECASE
)
_BLANK = re.compile(r"_{3,}|\.{4,}")
_RARE_LETTERS = 10


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _largest(text: str) -> float:
    digits = (len(number.split(".")[0].replace(",", "")) for number in _NUMBER.findall(text))
    return float(min(12, max(digits, default=0)))


def _mean_word(words: list[str]) -> float:
    return _share(sum(map(len, words)), len(words))


def _option_length(text: str) -> float:
    options = _OPTION.findall(text)
    return math.log1p(_share(sum(map(len, options)), len(options)))


def _read(text: str, words: list[str]) -> dict[str, float]:
    """Each feature by its name. The order is part of a fitted model: see `FEATURES_VERSION`."""
    return {
        "length": math.log1p(len(text)),
        "words": math.log1p(len(words)),
        "word length": _mean_word(words),
        "long words": _share(sum(len(word) >= _RARE_LETTERS for word in words), len(words)),
        "different words": _share(len({word.lower() for word in words}), len(words)),
        "names": _share(sum(word[0].isupper() for word in words), len(words)),
        "sentences": math.log1p(len(_SENTENCE.findall(text))),
        "lines": math.log1p(text.count("\n")),
        "numbers": math.log1p(len(_NUMBER.findall(text))),
        "digits of the largest number": _largest(text),
        "formula signs": math.log1p(len(_FORMULA.findall(text))),
        "code": math.log1p(len(_CODE.findall(text))),
        "question mark": float("?" in text),
        "options": float(min(8, len(_OPTION.findall(text)))),
        "option length": _option_length(text),
        "negations": math.log1p(len(_NEGATION.findall(text))),
        "amounts": math.log1p(len(_AMOUNT.findall(text))),
        "reasons": math.log1p(len(_REASON.findall(text))),
        "order": float(bool(_ORDER.search(text))),
        "statements to judge": math.log1p(len(_JUDGED.findall(text))),
        "blank to fill": float(bool(_BLANK.search(text))),
        "other letters": _share(sum(not letter.isascii() for letter in text), len(text)),
    }


NAMES = (*_read("", []), "relevance of the best passage")
# Changes with every change of what is computed, so that a model is never fed features of another kind.
FEATURES_VERSION = 1


# Hashed words (Weinberger et al. 2009): a bucket is kept as its number from 1, negative where the sign of the hash is.
BUCKETS = 2048


@dataclass(frozen=True, slots=True)
class Query:
    """A question as the outcome model sees it.

    Attributes:
        vector: The embedding as little-endian float32; empty without one.
        features: Of `len(NAMES)` numbers.
        words: The different words, hashed and signed.
    """

    vector: bytes
    features: tuple[float, ...]
    words: tuple[int, ...]


def read_query(text: str, vector: Vector | None, relevance: float) -> Query:
    """Read off a question what the outcome model takes; finite whatever the text is.

    Args:
        text: The question alone, without passages.
        vector: Its embedding; None if there is no embedder.
        relevance: Of the best passage, in [0, 1].
    """
    text = text[:MOST_CHARACTERS]
    words = _WORD.findall(text)
    return Query(
        vector=b"" if vector is None else struct.pack(f"<{len(vector)}f", *vector),
        features=(*_read(text, words).values(), relevance),
        words=tuple(sorted({_bucket(word.lower()) for word in words})),
    )


def told(query: Query) -> str:
    """The features that are there, for people."""
    counted = zip(NAMES[:-1], query.features[:-1], strict=True)
    return ", ".join(f"{name} {value:.3g}" for name, value in counted if value)


def _bucket(word: str) -> int:
    digest = zlib.crc32(word.encode())
    number = digest % BUCKETS + 1
    return number if digest & 0x80000000 else -number
