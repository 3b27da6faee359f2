"""All checks of an answer, and the numbers that a judge reads from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .arithmetic import arithmetic, wants_number
from .citations import citations, cited
from .code import code, parsed_blocks
from .echo import echo, placeholder, runs_on
from .findings import Finding
from .formats import formats
from .hedging import hedging
from .language import language
from .reasoning import Reasoning, reasoning_of
from .refusal import refusal
from .relations import comparisons, shares
from .repetition import repetition
from .requests import requests_of
from .text import words_of
from .truncation import truncation

CHECKS = (
    "wrong_equation", "rounded_step", "two_results", "no_result", "unsupported_result", "part_of_one", "idle_step",
    "few_steps", "overworked_number", "no_conversion", "turned_round",
    "foreign_number", "unworked_number", "no_steps", "unfinished", "unmarked_result", "broken_code", "no_code",
    "format", "refusal", "repetition", "citation", "language", "placeholder", "runs_on", "doubt",
)  # fmt: skip
"""The checks whose findings are features, in the order of a fitted judge."""

EVIDENCE = ("steps_right", "blocks_parse", "forms_kept", "passages_cited", "question_length", "comparisons", "shares")
FEATURES = (*CHECKS, *EVIDENCE)
MAX_QUESTION = 8_000
TYPICAL_WORDS = 30
FEATURES_VERSION = 1
"""Changes with what is computed, so that a fitted judge is never fed features of another kind."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the checks say of an answer.

    Attributes:
        findings: Worst first.
        features: `len(FEATURES)` numbers: the worst severity of each check, then the evidence in its favour.
    """

    findings: tuple[Finding, ...]
    features: tuple[float, ...]

    @property
    def defect(self) -> Finding | None:
        """A finding that leaves nothing to return."""
        return next((each for each in self.findings if each.severity >= 1), None)


def inspect(
    question: str, answer: str, *, passage_count: int = 0, truncated: bool = False, material: str = ""
) -> Inspection:
    """Run every check. Takes some milliseconds for a page, and is bounded for any text.

    Args:
        question: What was asked, without passages.
        answer: What was answered.
        passage_count: How many passages it could cite.
        truncated: It ended at the token limit, not by itself.
        material: Passages and context that it may rest on.
    """
    findings = list(_of_answer(answer, passage_count=passage_count, truncated=truncated))
    reasoning = reasoning_of(question, answer, material)
    findings += [
        each
        for each in (
            language(question, answer),
            echo(question, answer),
            placeholder(question, answer),
            runs_on(answer),
            hedging(answer),
        )
        if each is not None
    ]
    findings += arithmetic(question, answer, reasoning) + code(question, answer) + formats(question, answer)
    findings.sort(key=lambda each: -each.severity)
    evidence = (*_for_it(question, answer, findings, reasoning, passage_count), *_difficulty(question, reasoning))
    return Inspection(tuple(findings), (*_severities(findings), *evidence))


def plain_defect(answer: str, *, passage_count: int, truncated: bool) -> Finding | None:
    """What leaves nothing to return, whatever was asked: no text, the token limit, a refusal, a loop, false citations.

    Args:
        answer: What was answered.
        passage_count: How many passages it could cite.
        truncated: It ended at the token limit.
    """
    found = _of_answer(answer, passage_count=passage_count, truncated=truncated)
    return next((each for each in found if each.severity >= 1), None)


def _of_answer(answer: str, *, passage_count: int, truncated: bool) -> Iterator[Finding]:
    """The checks that need no question."""
    if not answer.strip():
        yield Finding("empty", 1.0, "is empty")
        return
    for finding in (
        truncation(answer, at_limit=truncated),
        refusal(answer),
        repetition(answer),
        citations(answer, passage_count),
    ):
        if finding is not None:
            yield finding


def _severities(findings: Sequence[Finding]) -> tuple[float, ...]:
    worst = dict.fromkeys(CHECKS, 0.0)
    for finding in findings:
        if finding.check in worst:
            worst[finding.check] = max(worst[finding.check], finding.severity)
    return tuple(worst.values())


def _for_it(
    question: str, answer: str, findings: Sequence[Finding], reasoning: Reasoning, passage_count: int
) -> tuple[float, float, float, float]:
    """What speaks for an answer, in the order of `EVIDENCE`."""
    right = {(each.left.exact, each.operands) for each in reasoning.equations if each.verdict == "exact"}
    missed = any(finding.check == "format" for finding in findings)
    return (
        min(math.log1p(len(right)), 3.0),
        math.log1p(parsed_blocks(answer)),
        float(not missed and bool(requests_of(question))),
        float(bool(passage_count and cited(answer))),
    )


def _difficulty(question: str, reasoning: Reasoning) -> tuple[float, float, float]:
    """What makes the question hard, in the order of `EVIDENCE`; relations only where something is to be worked out."""
    length = math.log(1 + len(words_of(question[:MAX_QUESTION]))) - math.log(TYPICAL_WORDS)
    related = wants_number(question, len(reasoning.given))
    return (
        min(max(length, -2.0), 3.0),
        math.log1p(min(comparisons(question), 5)) if related else 0.0,
        math.log1p(min(shares(question), 5)) if related else 0.0,
    )
