"""The language of an answer against that of its question."""

from __future__ import annotations

import re
from collections import Counter

from .findings import Finding
from .text import prose, words_of

MAX_CHARACTERS = 4_000
# First and last code point of each script, coarse; Han goes with kana, for Japanese mixes them.
_SCRIPTS = (
    ("Latin", 0x0041, 0x024F), ("Greek", 0x0370, 0x03FF), ("Cyrillic", 0x0400, 0x052F), ("Hebrew", 0x0590, 0x05FF),
    ("Arabic", 0x0600, 0x06FF), ("Devanagari", 0x0900, 0x097F), ("Bengali", 0x0980, 0x09FF), ("Tamil", 0x0B80, 0x0BFF),
    ("Thai", 0x0E00, 0x0E7F), ("Hangul", 0x1100, 0x11FF), ("Chinese or Japanese", 0x3040, 0x30FF),
    ("Chinese or Japanese", 0x3400, 0x9FFF), ("Hangul", 0xAC00, 0xD7AF),
)  # fmt: skip
_COMMONEST = {
    "English": "the of and to in is that for it with as was on are this you be have from or by not what which how",
    "German": "der die das und ist nicht ein eine zu den mit sich auf für von dem des sind wird auch wie was ich wenn",
    "French": "le la les des est et une un dans pour que qui pas sur avec vous sont ce cette du au plus nous je",
    "Spanish": "el los las una que es y en por con para del se lo como su al son más este esta pero no qué",
    "Italian": "il di che è e un una per non con sono del della gli si nel più questo come anche ma alla i",
    "Portuguese": "os uma que é e em não com para do da se por mais como dos das ao foi são você isso o",
    "Dutch": "de het een en van is niet dat op te voor met zijn er aan ook als wordt hoe wat ik je deze",
}
_STOP_WORDS = {name: frozenset(words.split()) for name, words in _COMMONEST.items()}
_OTHER_LANGUAGE = re.compile(
    r"\b(?:translat\w*|transl[ií]t\w*|übersetz\w*|tradu\w*|vertaal\w*|english|german|french|spanish|italian"
    r"|portuguese|dutch|russian|chinese|mandarin|japanese|korean|arabic|hindi|greek|hebrew|thai"
    r"|turkish|polish|latin|ukrainian|swedish|language"
    r"|auf (?:deutsch|englisch)|en (?:anglais|français|inglés|español)|in (?:inglese|italiano))\b"
    r"|перев|翻译|翻譯|訳|번역|ترجم|अनुवाद",
    re.IGNORECASE,
)


def language(question: str, answer: str) -> Finding | None:
    """Whether an answer is in another language than its question, without being asked to.

    Args:
        question: What was asked.
        answer: What was answered.
    """
    asked, said = prose(question[-MAX_CHARACTERS:]), prose(answer[:MAX_CHARACTERS])
    if _OTHER_LANGUAGE.search(asked):
        return None
    script, other = script_of(asked), script_of(said)
    if script and other and script != other:
        return Finding("language", 0.8, f"is in {other} script, the question in {script}")
    if script == other == "Latin":
        tongue, spoken = _language_of(asked), _language_of(said)
        if tongue and spoken and tongue != spoken:
            return Finding("language", 0.7, f"is in {spoken}, the question in {tongue}")
    return None


def script_of(text: str) -> str:
    """The script of three quarters of a text's letters; empty if none has so many, or there are under ten letters.

    Args:
        text: Prose.
    """
    counts: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            code = ord(character)
            counts[next((name for name, first, last in _SCRIPTS if first <= code <= last), "other")] += 1
    # A character of Chinese or Japanese says as much as a few letters.
    counts["Chinese or Japanese"] *= 3
    if counts.total() < 10:
        return ""
    name, count = counts.most_common(1)[0]
    return name if name != "other" and count >= 0.75 * counts.total() else ""


def _language_of(text: str) -> str:
    """The language whose commonest words a text has; empty if two are near each other or there is little to go by."""
    words = words_of(text)
    if len(words) < 6:
        return ""
    shares = sorted(
        ((sum(word in stops for word in words) / len(words), name) for name, stops in _STOP_WORDS.items()), reverse=True
    )
    (best, name), (second, _) = shares[:2]
    return name if best >= 0.2 and best >= 2 * second else ""
