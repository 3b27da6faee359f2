"""The sub-tasks of a request: `find the paper, summarise it and save it to notes.md` asks for three tools.

Rules and word lists, no model: the same request always falls into the same parts, in microseconds. Two verbs joined by
`and` are two tasks, two nouns are one; what only tells the circumstances (`I am planning a trip.`) is no task of its
own, and stays in the request as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .file_names import told

MAX_SUBTASKS = 8

# What a task begins with.
_VERBS = frozenset(
    """add adjust analyse analyze answer append apply arrange ask assess authenticate book browse build buy calculate
    call cancel categorise categorize change check choose classify clean clone close collect combine commit compare
    compile compose compress compute configure connect convert copy count create crop cross-reference customise
    customize cut debug decode decrypt define delete deliver deploy describe design detect determine develop diagnose
    discover display download draft draw edit email embed enable encode encrypt estimate evaluate examine execute expand
    explain explore export extract fetch fill filter find fix follow forecast format forward gather generate get give
    group guide highlight identify import include inform insert inspect install integrate interpret investigate invite
    join keep label launch learn let list listen load locate log look make manage map mark measure merge message modify
    monitor move name navigate notify obtain open optimise optimize order organise organize outline parse pay perform
    pick plan play plot post predict prepare present preview print process produce provide publish pull push put query
    quote rank rate read recommend record redirect reduce refactor register remind remove rename render rent reorder
    replace reply report request reschedule reserve reset resize resolve restart retrieve return reverse review rewrite
    rotate run save scan schedule scrape search see select send separate set share show simulate sketch solve sort split
    standardise standardize start stop store study submit subscribe subtract suggest sum summarise summarize sync
    synchronise synchronize synthesise synthesize take teach tell test track transcribe transfer transform translate
    trim try turn type understand uninstall unsubscribe update upgrade upload use validate verify view visit visualise
    visualize watch write zip""".split()  # noqa: SIM905 - a list of words is read as words
)
_QUESTIONS = frozenset(
    "what which who whose where when why how can could would will should help is are do does".split()  # noqa: SIM905 - the same
)
# After `and`, these begin a new clause, which may tell circumstances.
_CLAUSES = frozenset(["i", "i'd", "i'm"])

_LEAD = re.compile(
    r"(?:(?:and|but|or|so)\s+)?"
    r"(?:(?:also|then|next|finally|lastly|afterwards?|additionally|furthermore|moreover|plus|please|kindly|now"
    r"|subsequently|after that|after which|at the end|in the end|in addition|as well as|besides)[,:]?\s+)*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"(?<=[.!?])[\"'\u201d\u2019)]*\s+(?=[\"'\u201c\u2018(]*[A-Z0-9\u4e00-\u9fff])|[\r\n]+|(?<=[;\u3002\uff01\uff1f])\s*"
)
_BULLET = re.compile(r"(?:^|\s)(?:\(?\d{1,2}[.)]|[-*•])\s+(?=\w)")
_JOINT = re.compile(
    r",?\s+(?:and|then|but|before|after)(?:\s+(?:then|also|finally|please|lastly|afterwards))*\s+|,\s+|;\s*",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z'-]+")
_QUOTES = " \"'\u201c\u201d\u2018\u2019,.;:("


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for.

    Attributes:
        whole: All of it, in words.
        parts: Its sub-tasks in order, if there are several; empty if it is one.
    """

    whole: str
    parts: tuple[str, ...]


def request(query: str) -> Request:
    """Take a request apart.

    Args:
        query: As a client wrote it.
    """
    everything = told(query)
    tasks: list[str] = []
    for clause in _clauses(query):
        said = told(clause)
        if said.text and _begins(said.text, _VERBS | _QUESTIONS):
            tasks.append(said.text)
        tasks += said.files
    found = tuple(dict.fromkeys(tasks))[:MAX_SUBTASKS]
    whole = everything.text or " ".join(everything.files) or query
    return Request(whole, found if len(found) > 1 else ())


def _clauses(query: str) -> list[str]:
    found = []
    for sentence in _SENTENCE_END.split(query):
        for item in _BULLET.split(sentence):
            found += [_LEAD.sub("", clause.strip(_QUOTES), count=1).strip() for clause in _joined(item.strip())]
    return [clause for clause in found if " " in clause]


def _joined(sentence: str) -> list[str]:
    """The clauses of a sentence; a joint counts where a clause can begin after it."""
    found = []
    start = 0
    for joint in _JOINT.finditer(sentence):
        before, after = sentence[start : joint.start()], sentence[joint.end() :]
        if " " in before.strip() and " " in after.strip() and _begins(after, _VERBS | _QUESTIONS | _CLAUSES):
            found.append(before)
            start = joint.end()
    found.append(sentence[start:])
    return found


def _begins(clause: str, words: frozenset[str]) -> bool:
    lead = _LEAD.match(clause)
    start = lead.end() if lead else 0
    word = _WORD.match(clause[start : start + 40].lstrip(_QUOTES).lower())
    return word is not None and word[0] in words
