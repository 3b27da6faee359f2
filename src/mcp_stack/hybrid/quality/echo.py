"""Nothing, the question again, or a form that was never filled in."""

from __future__ import annotations

import re
from itertools import pairwise

from .findings import Finding
from .text import MAX_CHARACTERS, prose, words_of

_PLACEHOLDER = re.compile(
    r"\blorem ipsum\b|\[(?:your|insert|enter|add|put|fill in|name of|company|date|placeholder)\b[^\]\n]{0,60}\]"
    r"|<(?:your|insert|enter)[ _-][^>\n]{1,40}>|\{\{\s*\w+\s*\}\}|\b(?:TBD|TBA|XXXX*|TODO)\b"
    r"|\[\.\.\.\]|\[placeholder\]",
    re.IGNORECASE,
)
# Who asks for a form gets one.
_FORM = re.compile(
    r"\b(?:template|letter|e-?mail|form|placeholder|boilerplate|cover|invoice|contract|skeleton|todo)", re.IGNORECASE
)
_CHATTER = re.compile(r"^(?:user|human|question|assistant)\s*:", re.IGNORECASE | re.MULTILINE)


def echo(question: str, answer: str) -> Finding | None:
    """Whether the answer is the question over again.

    Args:
        question: What was asked.
        answer: What was answered.
    """
    asked, said = words_of(question[-MAX_CHARACTERS:]), words_of(answer[:MAX_CHARACTERS])
    if len(asked) < 5 or not said or len(said) > 1.5 * len(asked) + 5:
        return None
    pairs = set(pairwise(asked))
    repeated = pairs & set(pairwise(said))
    new = set(said) - set(asked)
    if len(repeated) >= 0.8 * len(pairs) and len(new) <= 0.1 * len(said):
        return Finding("echo", 1.0, "repeats the question")
    return None


def placeholder(question: str, answer: str) -> Finding | None:
    """Whether something was left to be filled in.

    Args:
        question: What was asked; for a letter or a template, blanks are what was asked for.
        answer: What was answered.
    """
    match = _PLACEHOLDER.search(prose(answer[:MAX_CHARACTERS]))
    if match is None or match.group().lower() in question.lower():
        return None
    severity = 0.2 if _FORM.search(question[-4000:]) else 0.6
    return Finding("placeholder", severity, f"has a blank to fill in: {match.group()[:40]}")


def runs_on(answer: str) -> Finding | None:
    """Whether the model went on to play both sides of the conversation.

    Args:
        answer: What was answered.
    """
    turns = len(_CHATTER.findall(prose(answer[:MAX_CHARACTERS])))
    return Finding("runs_on", 0.6, "goes on with questions of its own") if turns >= 2 else None
