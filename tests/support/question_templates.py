"""Questions made from templates, with flips that ask for something else and paraphrases that ask for the same."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

FILLERS: Mapping[str, Sequence[str]] = {
    "package": ("numpy", "scipy", "flask", "django", "redis", "nginx", "curl"),
    "system": ("Ubuntu", "Fedora", "windows", "macOS", "alpine"),
    "database": ("postgres", "mysql", "sqlite", "MongoDB", "mariadb"),
    "cloud": ("AWS", "Azure", "heroku"),
    "city": ("Paris", "Rome", "Oslo", "berlin", "Madrid"),
    "country": ("France", "Italy", "norway", "Japan", "Brazil"),
    "food": ("chicken", "salmon", "rice", "lentils", "tofu"),
    "account": ("savings account", "credit card", "mortgage"),
    "language": ("Python", "Java", "Rust", "Ruby"),
    "number": ("5", "15", "40", "250"),
    "version": ("3.8", "3.9", "3.11", "3.12", "4.0"),
}
# A template, and the two words that turn it round; the first stands in the question.
TEMPLATES: Sequence[tuple[str, tuple[str, str]]] = (
    ("How do I {turn} {package} on {system}?", ("install", "uninstall")),
    ("How can I {turn} the {database} server?", ("start", "stop")),
    ("How do I {turn} logging in {database}?", ("enable", "disable")),
    ("What is the {turn} temperature in {city}?", ("maximum", "minimum")),
    ("How long should I cook {food} at {number} degrees?", ("", "")),
    ("Can I {turn} my {account} online?", ("open", "close")),
    ("How do I upgrade {language} from {version} to {other version}?", ("", "")),
    ("Is it safe to eat {food} {turn} washing it?", ("before", "after")),
    ("Where can I deposit {number} dollars into my {account}?", ("", "")),
    ("Why does {package} {version} crash on {system}?", ("", "")),
    ("How do I {turn} the timeout of {package} to {number} seconds?", ("increase", "decrease")),
    ("Can I use {language} {turn} a virtual environment?", ("with", "without")),
    ("How do I {turn} files to {cloud}?", ("upload", "download")),
    ("Is {language} faster than {other language}?", ("", "")),
    ("What's the fee to send money from {country} to {other country}?", ("", "")),
    ("Who is the president of {country}?", ("", "")),
)
NEGATED = (
    ("Can I", "Can't I"),
    ("How do I", "How do I not"),
    ("should I", "should I not"),
    ("Is it", "Isn't it"),
    ("How can I", "How can't I"),
    ("Why does", "Why doesn't"),
)
FRAMES = (
    ("How do I", "How can I"),
    ("How do I", "How to"),
    ("How do I", "What is the best way to"),
    ("How do I", "Could you tell me how to"),
    ("How can I", "How do I"),
    ("How can I", "Please explain how to"),
    ("What is", "What's"),
    ("What's", "What is"),
    ("Can I", "Is it possible to"),
    ("Where can I", "Where do I"),
)


@dataclass(frozen=True, slots=True)
class Variations:
    """A question, what asks for something else, and what asks for the same."""

    question: str
    flips: tuple[str, ...]
    paraphrases: tuple[str, ...]


def variations(seed: int) -> Iterator[Variations]:
    """One of each template."""
    chance = random.Random(seed)
    for template, turns in TEMPLATES:
        chosen = {name: chance.choice(fillers) for name, fillers in FILLERS.items()}
        for name, fillers in FILLERS.items():
            chosen[f"other {name}"] = chance.choice([each for each in fillers if each != chosen[name]])
        question = _filled(template, chosen, turns[0])
        flips = {_filled(template, chosen, turns[1])}
        for name, fillers in FILLERS.items():
            others = [each for each in fillers if each not in {chosen[name], chosen[f"other {name}"]}]
            flips.add(_filled(template, {**chosen, name: chance.choice(others)}, turns[0]))
            swapped = {**chosen, name: chosen[f"other {name}"], f"other {name}": chosen[name]}
            flips.add(_filled(template, swapped, turns[0]))
        flips |= {question.replace(said, negated, 1) for said, negated in NEGATED}
        yield Variations(question, tuple(sorted(flips - {question})), tuple(_paraphrases(question)))


def _filled(template: str, chosen: Mapping[str, str], turn: str) -> str:
    return template.format(**chosen, turn=turn)


def _paraphrases(question: str) -> Iterator[str]:
    yield question.lower()
    yield question.rstrip("?")
    yield f"Hi, {question[0].lower()}{question[1:]} Thanks!"
    yield f"I would like to know: {question[0].lower()}{question[1:]}"
    for frame, other in FRAMES:
        if question.startswith(frame):
            yield other + question.removeprefix(frame)
