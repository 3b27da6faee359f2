"""Which words mean the same, and which the opposite.

Synonyms and opposites are WordNet 3.1's (`words/README.md` says which part of it). Beside them stand a few words of the
trades that WordNet does not know or joins by hypernyms alone, and the prefixes that turn a word around.
"""

from __future__ import annotations

import functools
import re
from importlib import resources

# One word turns into its opposite by the prefix, or by exchanging the one for the other (in-crease, de-crease).
_TURNING = ("un", "dis", "non", "in", "im", "ir", "il", "de", "anti", "mis", "a", "dys")
_EXCHANGED = (
    ("en", "dis"),
    ("in", "de"),
    ("in", "ex"),
    ("im", "ex"),
    ("up", "down"),
    ("over", "under"),
    ("pre", "post"),
    ("inter", "intra"),
    ("macro", "micro"),
    ("maxi", "mini"),
    ("multi", "single"),
    ("hyper", "hypo"),
    ("pro", "anti"),
    ("as", "des"),
    ("a", "de"),
    ("en", "de"),
    ("com", "decom"),
    ("syn", "asyn"),
    ("in", "out"),
    ("on", "off"),
    ("for", "back"),
    ("sub", "super"),
)
_SHORTEST_ROOT = 3
_DERIVED = re.compile(r"(?:ations?|itions?|ions?|ments?|ances?|ences?|als?|ly|ness|ings?)$")
_SHORTEST_DERIVED_ROOT = 5
_GRADE = re.compile(r"(?<=[a-z]{3})(?:er|est)$")
_VOWEL = re.compile("[aeiouy]")
_DOUBLED = re.compile(r"([bdfgklmnprtvz])\1$")
_BRITISH = (
    (re.compile(r"(?<=[a-z]{2})our(?=$|s$|ed$|ing$|ful$|ite$|able$)"), "or"),
    (re.compile(r"is(?=e$|es$|ed$|ing$|ation$|ations$|er$)"), "iz"),
)


@functools.lru_cache(maxsize=16_384)
def root(word: str) -> str:
    """What the inflections of a word share: `caches`, `caching` and `cached` are `cach`.

    Args:
        word: In lower case.
    """
    word = _irregular().get(word, word)
    for pattern, spelling in _BRITISH:
        word = pattern.sub(spelling, word)
    for ending, least, put in (
        ("ies", 5, "y"),
        ("ied", 5, "y"),
        ("sses", 6, "ss"),
        ("shes", 6, "sh"),
        ("ches", 6, "ch"),
        ("xes", 5, "x"),
        ("ing", 6, ""),
        ("eed", 4, "eed"),
        ("ed", 5, ""),
        ("s", 4, ""),
    ):
        if len(word) >= least and word.endswith(ending):
            if ending == "s" and (word.endswith(("ss", "us", "is")) or not _VOWEL.search(word)):
                break
            word = word[: -len(ending)] + put
            break
    if len(word) > 3:
        word = _DOUBLED.sub(r"\1", word)
        word = word.removesuffix("e")
    return word


@functools.cache
def _irregular() -> dict[str, str]:
    lines = [line.split() for line in _lines("irregular") if line]
    return {form: base for base, *forms in lines for form in forms}


def same_meaning(first: str, second: str) -> bool:
    """Whether one word may stand for the other: an inflection, a derivation or a synonym."""
    one, other = root(first), root(second)
    if one == other:
        return True
    if opposite(first, second):
        return False
    if _derivation(first) == _derivation(second):
        return True
    if _are_synonyms(one, other):
        return True
    grades = _GRADE.search(first), _GRADE.search(second)
    if grades[0] is None or grades[1] is None or grades[0].group() != grades[1].group():
        return False
    return any(_are_synonyms(one, other) for one in _positives(first) for other in _positives(second))


def _are_synonyms(one: str, other: str) -> bool:
    groups = _synonyms()
    return not set(groups.get(one, ())).isdisjoint(groups.get(other, ()))


def _positives(word: str) -> tuple[str, str]:
    """What a comparative or a superlative may be of: `biggest` of `big`, `happiest` of `happy`."""
    bare = _GRADE.sub("", word)
    return root(_DOUBLED.sub(r"\1", bare)), root(re.sub("i$", "y", bare))


def opposite(first: str, second: str) -> bool:
    """Whether one word means the contrary of the other."""
    one, other = root(first), root(second)
    if one == other:
        return False
    if other in _opposites().get(one, ()):
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST_ROOT and any(long == prefix + short for prefix in _TURNING):
        return True
    for prefix, exchanged in _EXCHANGED:
        for a, b in ((one, other), (other, one)):
            rest = a[len(prefix) :]
            if len(rest) >= _SHORTEST_ROOT and a.startswith(prefix) and b == exchanged + rest:
                return True
    return one.endswith(("ful", "less")) and other.endswith(("ful", "less")) and _bare(one) == _bare(other)


def _bare(word: str) -> str:
    return word.removesuffix("ful").removesuffix("less")


@functools.lru_cache(maxsize=16_384)
def _derivation(word: str) -> str:
    """The root of a derived word: `installation` is `install`."""
    bare = _DERIVED.sub("", word)
    return root(bare) if len(bare) >= _SHORTEST_DERIVED_ROOT else root(word)


@functools.cache
def _synonyms() -> dict[str, tuple[int, ...]]:
    """The groups that a root belongs to."""
    groups: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate([*_lines("synonyms"), *_lines("more_synonyms")]):
        for word in line.split():
            known = groups.get(name := root.__wrapped__(word), ())
            groups[name] = (*known, number)
    return groups


@functools.cache
def _opposites() -> dict[str, tuple[str, ...]]:
    """What is contrary to a root."""
    found: dict[str, tuple[str, ...]] = {}
    for line in [*_lines("opposites"), *_lines("more_opposites")]:
        if line:
            one, other = map(root.__wrapped__, line.split())
            found[one] = (*found.get(one, ()), other)
            found[other] = (*found.get(other, ()), one)
    return found


def _lines(name: str) -> list[str]:
    return resources.files(__package__).joinpath("words", f"{name}.txt").read_text(encoding="utf-8").split("\n")
