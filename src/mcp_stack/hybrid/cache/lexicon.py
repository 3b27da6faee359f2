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
_SHORTEST_WITH_S = 4
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
def bases(word: str) -> frozenset[str]:
    """What a word may be an inflection of, itself included: `planned` of `plan`, `planed` of `plan` and `plane`.

    Args:
        word: In lower case.
    """
    word = _irregular().get(word, word)
    american = word
    for pattern, spelling in _BRITISH:
        american = pattern.sub(spelling, american)
    return frozenset(_uninflected(word) | _uninflected(american))


def _uninflected(word: str) -> set[str]:
    found = {word}
    for ending in ("ing", "ed"):
        if (stem := word.removesuffix(ending)) != word and len(stem) >= 3 and _VOWEL.search(stem):
            found |= {stem, stem + "e", _DOUBLED.sub(r"\1", stem)}
    if len(word) >= 4 and word.endswith("s") and not word.endswith(("ss", "us", "is")) and _VOWEL.search(word):
        found.add(word[:-1])
        if word.endswith(("ses", "shes", "ches", "xes", "zes", "oes")):
            found.add(word[:-2])
    if len(word) >= 5 and word.endswith(("ies", "ied")):
        found.add(word[:-3] + "y")
    return found


def inflected(first: str, second: str) -> bool:
    """Whether both may be inflections of one word."""
    return not bases(first).isdisjoint(bases(second))


@functools.cache
def _irregular() -> dict[str, str]:
    lines = [line.split() for line in _lines("irregular") if line]
    return {form: base for base, *forms in lines for form in forms}


def same_meaning(first: str, second: str) -> bool:
    """Whether one word may stand for the other: an inflection, a derivation or a synonym."""
    if inflected(first, second):
        return True
    if opposite(first, second):
        return False
    if not _derived_of(first).isdisjoint(_derived_of(second)):
        return True
    if _are_synonyms(bases(first), bases(second)):
        return True
    grades = _GRADE.search(first), _GRADE.search(second)
    if grades[0] is None or grades[1] is None or grades[0].group() != grades[1].group():
        return False
    return _are_synonyms(_positives(first), _positives(second))


def same_form(first: str, second: str, *, gerund: bool = False) -> bool:
    """Whether two words differ in nothing but an s at the end, or the spelling of a country.

    What is no usual word has no s to lose: http and https.

    Args:
        first: In lower case.
        second: In lower case.
        gerund: Whether `installing` is `install`, too.
    """
    if any(form in _english() for form in _without_s(first) & _without_s(second)):
        return True
    return gerund and first.endswith("ing") != second.endswith("ing") and inflected(first, second)


_OTHERS_WITH_S = frozenset(
    ["news", "customs", "goods", "glasses", "arms", "physics", "economics", "thanks", "stairs", "means"]
)


@functools.lru_cache(maxsize=16_384)
def _without_s(word: str) -> frozenset[str]:
    found = {word}
    if len(word) >= _SHORTEST_WITH_S and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        if word in _OTHERS_WITH_S:
            return frozenset(found)
        found.add(word[:-1])
        if word.endswith(("ses", "shes", "ches", "xes", "zes", "oes")):
            found.add(word[:-2])
        if word.endswith("ies"):
            found.add(word[:-3] + "y")
    for pattern, spelling in _BRITISH:
        found |= {pattern.sub(spelling, form) for form in found}
    return frozenset(found)


def surely_the_same(first: str, second: str) -> bool:
    """Whether two words mean the same nearly wherever they stand, in the same form: `deletes` and `removes`."""
    groups = _sure_synonyms()
    for ending in ("", "ing", "ed"):
        if ending and not (first.endswith(ending) and second.endswith(ending)):
            continue
        one, other = (bases(word) if ending else _without_s(word) for word in (first, second))
        known = {number for base in one for number in groups.get(base, ())}
        if any(number in known for base in other for number in groups.get(base, ())):
            return True
    return False


def is_english(word: str) -> bool:
    """Whether a word is one of the usual ones, with an s at its end or without."""
    return any(form in _english() for form in _without_s(word))


@functools.cache
def _english() -> frozenset[str]:
    return frozenset([*_lines("english"), *_lines("more_english")])


def _are_synonyms(first: frozenset[str], second: frozenset[str]) -> bool:
    groups = _synonyms()
    known = {number for base in first for number in groups.get(base, ())}
    return any(number in known for base in second for number in groups.get(base, ()))


def _positives(word: str) -> frozenset[str]:
    """What a comparative or a superlative may be of: `biggest` of `big`, `happiest` of `happy`."""
    bare = _GRADE.sub("", word)
    return frozenset((bare, bare + "e", _DOUBLED.sub(r"\1", bare), re.sub("i$", "y", bare)))


def opposite(first: str, second: str) -> bool:
    """Whether one word means the contrary of the other."""
    if inflected(first, second):
        return False
    return any(_is_contrary(one, other) for one in bases(first) for other in bases(second))


def _is_contrary(one: str, other: str) -> bool:
    if other in _opposites().get(one, ()):
        return True
    if one[-_SHORTEST_ROOT:] != other[-_SHORTEST_ROOT:]:
        return one.endswith(("ful", "less")) and other.endswith(("ful", "less")) and _bare(one) == _bare(other)
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST_ROOT and any(long == prefix + short for prefix in _TURNING):
        return True
    for prefix, exchanged in _EXCHANGED:
        for a, b in ((one, other), (other, one)):
            rest = a[len(prefix) :]
            if len(rest) >= _SHORTEST_ROOT and a.startswith(prefix) and b == exchanged + rest:
                return True
    return False


def _bare(word: str) -> str:
    return word.removesuffix("ful").removesuffix("less")


@functools.lru_cache(maxsize=16_384)
def _derived_of(word: str) -> frozenset[str]:
    """What a word may be derived of, its inflections included: `installation` of `install`, `creation` of `create`."""
    bare = _DERIVED.sub("", word)
    derived = {bare, bare + "e", bare + "ate"} if bare != word and len(bare) >= _SHORTEST_DERIVED_ROOT else set()
    return bases(word) | derived


@functools.cache
def _synonyms() -> dict[str, tuple[int, ...]]:
    """The groups that a word belongs to."""
    return _groups("synonyms", "more_synonyms")


@functools.cache
def _sure_synonyms() -> dict[str, tuple[int, ...]]:
    return _groups("sure_synonyms", "more_sure_synonyms")


def _groups(*names: str) -> dict[str, tuple[int, ...]]:
    groups: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(line for name in names for line in _lines(name)):
        for word in line.split():
            groups[word] = (*groups.get(word, ()), number)
    return groups


@functools.cache
def _opposites() -> dict[str, tuple[str, ...]]:
    """What is contrary to a word."""
    found: dict[str, tuple[str, ...]] = {}
    for line in [*_lines("opposites"), *_lines("more_opposites")]:
        if line:
            one, other = line.split()
            found[one] = (*found.get(one, ()), other)
            found[other] = (*found.get(other, ()), one)
    return found


def _lines(name: str) -> list[str]:
    return resources.files(__package__).joinpath("words", f"{name}.txt").read_text(encoding="utf-8").split("\n")
