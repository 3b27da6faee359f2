"""Families of small changes after which something else is asked, with paraphrases of the same questions.

Each template has one place `{x}`, and the words that it may hold: each of them asks for something else than the others.
The other places are filled from lists by chance.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

FILLERS: Mapping[str, Sequence[str]] = {
    "language": ("Python", "Kotlin", "Perl", "Haskell", "Lua", "Julia", "C++", "TypeScript"),
    "tool": ("rsync", "make", "awk", "docker", "kubectl", "ffmpeg", "psql", "Terraform"),
    "package": ("numpy", "requests", "pandas", "boto3", "libssl", "pydantic"),
    "place": ("Lisbon", "Kyoto", "Quito", "Nairobi", "Bergen", "Texas"),
    "organisation": ("Kenya", "Intel", "Norway", "Toyota", "the club", "UNESCO"),
    "thing": ("router", "heat pump", "bicycle", "printer", "boiler", "camera"),
    "person": ("landlord", "neighbour", "manager", "doctor", "tenant", "accountant"),
    "other person": ("lawyer", "plumber", "nephew", "teacher", "insurer", "broker"),
    "group": ("employees", "visitors", "pupils", "members", "drivers"),
    "records": ("users", "invoices", "branches", "messages", "snapshots"),
    "number": ("4", "12", "30", "75", "600"),
    "food": ("mushrooms", "rice", "shrimp", "spinach", "yogurt"),
}
# Family, template, and what makes it another question.
FAMILIES: Sequence[tuple[str, str, Sequence[str]]] = (
    ("symbols", "What does {x} mean in {language}?", ("==", "===", "!=", "<=", ">=", "=>", "->", "::")),
    ("symbols", "How do I use {x} in {language}?", ("&", "&&", "|", "||", "^", "~", "%", "@")),
    ("symbols", "What is the type of {x} in {language}?", ("*ptr", "&ptr", "**ptr", "ptr", "ptr[0]", "ptr[1]")),
    ("symbols", "Can I write {number} {x} 7 in {language}?", ("+", "-", "*", "/", "//", "**", "%", "<", ">")),
    ("symbols", "What does the pattern {x} match?", ("a*", "a+", "a?", "^a", "a$", "[a]", "[^a]", "(a)")),
    ("symbols", "What does {x} mean in a message from my {person}?", ("🙂", "🙁", "👍", "👎", "❤️", "💔")),
    ("case", "What does the option {x} of {tool} do?", ("-v", "-V", "-r", "-R", "--v", "-n", "-N")),
    ("case", "Is {number} {x} enough for my {thing}?", ("Mbps", "MBps", "Gb", "GB", "kb")),
    ("case", "What does {x} match in {language}?", (r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\b", r"\B")),
    ("case", "Where is {x} defined in {tool}?", ("userId", "userID", "user_id", "USER_ID", "UserId", "user-id")),
    ("case", "How do I {x} in {language}?", ("match May", "match may", "polish a table", "convert US", "convert us")),
    ("tense", "Who {x} the president of {organisation}?", ("is", "was", "will be")),
    ("tense", "Where {x} the headquarters of {organisation}?", ("are", "were", "will be")),
    ("tense", "{x} the {thing} covered by my insurance?", ("Is", "Was", "Will", "Has")),
    ("tense", "{x} your {person} work in {place}?", ("Does", "Did", "Will", "Would")),
    ("units", "What {x} does the {place} marathon take place?", ("day", "time", "year", "month", "weekday")),
    ("units", "In what {x} was {organisation} founded?", ("year", "month", "city", "decade", "century")),
    ("units", "How do I run {tool} every {x}?", ("second", "minute", "hour", "day", "week", "other day")),
    ("units", "How many {x} is it from {place} to Cairo?", ("miles", "kilometers", "hours", "steps", "days")),
    ("modals", "Who {x} pay for a broken {thing}?", ("can", "must", "should", "may", "will")),
    ("modals", "When {x} I eat {food}?", ("can", "must", "should", "do", "did")),
    ("modals", "{x} I call my {person} today?", ("Can", "Must", "Should", "Did", "May", "Will")),
    ("modals", "Which {group} {x} work on Sunday?", ("can", "must", "may not", "need not", "want to")),
    ("roles", "{x} about the {thing}?", ("Can I sue him", "Can he sue me", "Can they sue us", "Can we sue them")),
    ("roles", "Can my {x} terminate the contract?", ("{person} or", "{other person} or")),
    ("roles", "Has {x} paid?", ("my {person} or your {other person}", "your {person} or my {other person}")),
    ("roles", "Did the {x}?", ("{person} hire the {other person}", "{other person} hire the {person}")),
    ("roles", "Why did {x}?", ("my {person} leave me", "I leave my {person}", "my {person} leave", "I leave")),
    ("roles", "Which packages {x} {package}?", ("depend on", "does the {tool} plugin depend on", "conflict with")),
    ("roles", "What {x}?", ("imports {package}", "does {package} import", "is imported by {package} and {tool}")),
    ("roles", "I know that the {person} {x}, what now?", ("has paid", "has been paid", "is paying", "was paid")),
    (
        "quantifiers",
        "How do I delete {x} {records}?",
        ("all", "all but one of the", "some", "all new", "no", "just the"),
    ),
    ("quantifiers", "Do {x} {group} need a permit?", ("all", "the", "only the", "even", "most", "no", "some", "few")),
    ("quantifiers", "Can I return {x} {number} tickets?", ("at least", "at most", "up to", "exactly", "more than")),
    ("quantifiers", "May I bring {x} {food}?", ("a little", "little", "a lot of", "no", "only", "any")),
    ("quantifiers", "How do I export all invoices {x} {records}?", ("and", "or", "but", "except", "without", "with")),
    ("kinds", "{x} I fix a broken {thing}?", ("How do", "Why do", "When do", "Should", "Where do", "How often do")),
    (
        "kinds",
        "{x} keep {food} warm overnight?",
        ("How do I", "Is it ok to", "Why do people", "Is it wise to", "Must I"),
    ),
    ("kinds", "{x} leave {place}?", ("Why should I", "When should I", "Should I", "How should I", "Should I not")),
    ("kinds", "How {x} is the {thing}?", ("old", "big", "loud", "much", "safe", "heavy", "useful")),
    ("negation", "What if I {x} the {person}?", ("do not pay but call", "pay but do not call", "pay but call")),
    ("negation", "Which {food} dishes {x} dairy?", ("have", "have no", "do not have", "never have", "only have")),
    ("negation", "Can I {x} {tool}?", ("not use", "use", "refuse to use", "stop using", "no longer use")),
    ("negation", "Why is {language} {x}?", ("popular", "unpopular", "not popular", "no longer popular", "so popular")),
    ("adjuncts", "What is the weather like in {place}{x}?", ("", " in May", " in June", " today", " at night")),
    (
        "adjuncts",
        "How do I install {package}{x}?",
        ("", " offline", " without root", " twice", " for testing", " globally"),
    ),
    ("adjuncts", "Can I park in {place}{x}?", ("", " for free", " on Sundays", " overnight", " with a trailer")),
    ("adjuncts", "Is the {thing} safe{x}?", ("", " for children", " outdoors", " after a fall", " enough", " now")),
    ("particles", "How do I turn {x} my {thing}?", ("on", "off", "in", "up", "down", "over", "around")),
    ("particles", "Should I look {x} the {records}?", ("after", "up", "over", "into", "past", "for", "through")),
    ("particles", "Can the {person} take {x} the lease?", ("over", "off", "on", "out", "down", "back")),
    ("particles", "Is the {thing} {x} the box?", ("in", "on", "under", "behind", "near", "above", "beside")),
    ("words", "How do I clear the {tool} {x}?", ("cache", "stash", "store", "history", "log", "queue")),
    ("words", "What is the {x} of {organisation}?", ("capital", "motto", "anthem", "flag", "import", "importance")),
    ("words", "Which {x} repairs my {thing} in {place}?", ("shop", "store", "person", "company", "insurance")),
    ("words", "How do I {x} a column in {language}?", ("rename", "drop", "sort", "order", "index", "split", "part")),
    ("numbers", "Can {x} {group} share one {thing}?", ("2", "three", "10", "1,000", "2.5", "at least 2")),
    ("numbers", "Does {package} {x} run on {language}?", ("1.2", "1.20", "v2", "2.1", "1.2-rc1", "12")),
    ("numbers", "Is {place} {x} below zero?", ("5 degrees", "15 degrees", "5 percent", "always", "5 times")),
    ("numbers", "How do I move from version {x} of {tool}?", ("3 to 4", "4 to 3", "3 to 5", "3.1 to 4", "3")),
    ("other languages", "{x} in {place}?", ("¿Dónde comer", "¿Dónde dormir", "¿Cuándo comer", "¿Por qué comer")),
    ("other languages", "{x} का अर्थ क्या है?", ("दिन", "दान", "दिया", "राम", "रोम", "रमा")),
    ("other languages", "{x} คืออะไร {number}", ("ปี", "ปู", "ดี", "ดู", "มา", "ม้า")),
    ("other languages", "Kann ich in {place} {x} Auto fahren?", ("mit", "ohne", "im", "zum", "am", "nicht mit dem")),
    (
        "long",
        "How do I copy every table, index and view from the {x} during the next maintenance window in {place}?",
        ("old cluster to the new cluster", "new cluster to the old cluster", "new cluster to the backup cluster"),
    ),
    (
        "long",
        "When {x} for repairs of the old {thing} in the kitchen, which documents should I prepare before the hearing?",
        ("my {person} owes my {other person} money", "my {other person} owes my {person} money"),
    ),
)
_FRAMES: Mapping[str, Sequence[str]] = {
    "How do I ": ("How can I ", "How to ", "What is the best way to ", "What's the right way to ", "How would I "),
    "What is ": ("What's ", "Tell me: what is "),
    "Can I ": ("Is it possible to ", "Am I able to ", "Is it possible for me to "),
    "Where is ": ("Where's ",),
    "Who is ": ("Who's ",),
}


@dataclass(frozen=True, slots=True)
class Family:
    """Questions of one template.

    Attributes:
        name: Of the family.
        template: As listed.
        flips: Pairs that ask for something else.
        paraphrases: Pairs that ask for the same.
    """

    name: str
    template: str
    flips: tuple[tuple[str, str], ...]
    paraphrases: tuple[tuple[str, str], ...]


def families(seed: int) -> Iterator[Family]:
    """One of each template, its places filled by chance: all its pairs of flips, and paraphrases of one question."""
    chance = random.Random(seed)
    for name, template, alternatives in FAMILIES:
        chosen = {place: chance.choice(fillers) for place, fillers in FILLERS.items()}
        questions = [_filled(template, each, chosen) for each in alternatives]
        flips = [(one, other) for one in questions for other in questions if one != other]
        question = chance.choice(questions)
        yield Family(name, template, tuple(flips), tuple((question, other) for other in _paraphrases(question)))


def _filled(template: str, alternative: str, chosen: Mapping[str, str]) -> str:
    question = template.replace("{x}", alternative)
    for place, filler in chosen.items():
        question = question.replace(f"{{{place}}}", filler)
    return question


def _paraphrases(question: str) -> Iterator[str]:
    begins_with_a_word = question[0].isascii() and question[0].isalpha()
    small = question[0].lower() + question[1:] if begins_with_a_word else question
    yield f"Hello, {small}"
    yield f"{question} Thank you!"
    yield f"Please, {small}"
    yield question.rstrip("?")
    yield f"  {question.rstrip('?')} ?"
    for frame, others in _FRAMES.items():
        if question.startswith(frame):
            for other in others:
                yield other + question.removeprefix(frame)
