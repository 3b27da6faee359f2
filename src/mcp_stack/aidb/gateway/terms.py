"""Words of descriptions, identifiers and questions, as the ranking of tools compares them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

# What a question or a description has whatever it is about. Verbs such as `get` and `find` are not here: they tell
# tools apart.
STOPWORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how
    i if in into is it its itself just let me more most my no nor not now of off on once only or other our out over own
    please same she should so some such than that the their them then there these they this those through to too under
    until up us very want was we were what when where which while who whom why will with would you your yours""".split()  # noqa: SIM905 - a list of words is read as words
)

_RUN = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Written without spaces: Chinese characters, Japanese kana, Thai.
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+)")
MAX_WORD = 64


def terms(text: str) -> list[str]:
    """Stems of the words, in order, repetitions kept.

    Identifiers are taken apart (`readFile`, `read_file` and `read-file` are two words); of scripts without spaces, each
    pair of neighbouring characters counts as a word.

    Args:
        text: Any.
    """
    found: list[str] = []
    for run in _RUN.findall(_HUMP.sub(" ", unicodedata.normalize("NFKC", text))):
        for part in _UNSPACED.split(run):
            if _UNSPACED.match(part):
                found += [part[at : at + 2] for at in range(max(1, len(part) - 1))]
            elif part and (word := part.casefold()) not in STOPWORDS:
                found.append(_stem(word[:MAX_WORD]))
    return found


def spaced(identifier: str) -> str:
    """An identifier as words in small letters: `read file` for `readFile`."""
    return " ".join(_RUN.findall(_HUMP.sub(" ", identifier))).casefold()


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    return _stemmer()(word)


@lru_cache(maxsize=1)
def _stemmer() -> Callable[[str], str]:
    from snowballstemmer import stemmer  # noqa: PLC0415 - imported on first use, with the tables of its languages

    stem: Callable[[str], str] = stemmer("english").stemWord
    return stem
