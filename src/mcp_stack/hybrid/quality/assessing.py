"""Whether a local answer is good enough to be given: checks first, then the model's own judgement."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import StackError
from ...ports.chat import ChatModel, Completion, Message, SelfJudgingModel
from ..prompts import ANSWER_IS_RIGHT
from .findings import Finding
from .inspection import Inspection, inspect, plain_defect
from .judge import Judge, unfitted

logger = logging.getLogger(__name__)

THRESHOLD = 0.8
# Where the odds of the checks alone are within these of the threshold, the model's own judgement may turn the decision.
BELOW, ABOVE = 0.35, 0.17
MOST_FINDINGS = 3
_QUESTION = "Question: "


@dataclass(frozen=True, slots=True)
class Quality:
    """A judgement of an answer.

    Attributes:
        value: P(the answer is good), in [0, 1]; 0 where nothing in it can be returned.
        reason: What it rests on, for people.
        findings: What the checks noticed, worst first.
        features: What a judge is fitted from, with how the answer turned out.
        judged: The model's own P(True), if it was asked.
    """

    value: float
    reason: str
    findings: tuple[Finding, ...] = ()
    features: tuple[float, ...] = ()
    judged: float | None = None


async def assess(
    model: ChatModel,
    messages: Sequence[Message],
    completion: Completion,
    passage_count: int,
    *,
    question: str = "",
    judge: Judge | None = None,
    predicted: float | None = None,
    threshold: float = THRESHOLD,
    seconds_allowed: float | None = None,
) -> Quality:
    """Judge an answer: by checks that cost nothing, then, if they leave it open, by the model itself.

    Args:
        model: The model that answered.
        messages: What it was asked.
        completion: Its answer.
        passage_count: How many passages it could cite.
        question: The question alone; empty: what follows "Question: " in the last message.
        judge: Fitted from outcomes; None: the stated weights.
        predicted: P(the local answer is good) that the outcome model gives from the question alone; None: unknown.
        threshold: The quality below which another model is asked; the model judges itself only near it.
        seconds_allowed: Most time for the model's own judgement; None: as long as it takes.
    """
    before, last = _parted(messages)
    inspection = inspect(
        question or last,
        completion.text,
        passage_count=passage_count,
        truncated=completion.truncated,
        material=before,
    )
    if (defect := inspection.defect) is not None:
        reason = f"the local answer {defect.words}"
        return Quality(0.0, reason, inspection.findings, inspection.features)
    judge = judge or unfitted()
    value = judge.probability(inspection.features, predicted=predicted)
    said = _said(inspection)
    if not threshold - BELOW <= value <= threshold + ABOVE:
        return Quality(round(value, 4), said, inspection.findings, inspection.features)
    answered = [*messages, Message("assistant", completion.text)]
    judged = await _own_judgement(model, answered, seconds_allowed)
    if judged is None:
        return Quality(round(value, 4), said, inspection.findings, inspection.features)
    value = judge.probability(inspection.features, judged=judged, predicted=predicted)
    reason = f"the local model judges its answer {judged:.2f}" + (f"; {said}" if inspection.findings else "")
    return Quality(round(value, 4), reason, inspection.findings, inspection.features, judged)


def defect_of(completion: Completion, passage_count: int) -> str:
    """What is plainly wrong with an answer, as the end of a sentence; empty if nothing is.

    Args:
        completion: The answer.
        passage_count: How many passages it could cite.
    """
    defect = plain_defect(completion.text, passage_count=passage_count, truncated=completion.truncated)
    return defect.words if defect else ""


def asked(messages: Sequence[Message]) -> str:
    """The question of a conversation: of its last message what follows the passages.

    Args:
        messages: As `prompts.conversation` gives them, or any.
    """
    return _parted(messages)[1]


def _parted(messages: Sequence[Message]) -> tuple[str, str]:
    """What the last message gives to rest on, and its question."""
    last = next((each.content for each in reversed(messages) if each.role == "user"), "")
    before, mark, question = last.rpartition(f"\n\n{_QUESTION}")
    return (before, question) if mark else ("", last.removeprefix(_QUESTION))


async def _own_judgement(model: ChatModel, answered: Sequence[Message], seconds_allowed: float | None) -> float | None:
    """The model's P(True), or None if it cannot give one, or not in time."""
    if not isinstance(model, SelfJudgingModel):
        return None
    if seconds_allowed is not None and (model.judgement_seconds(answered) or 0.0) > seconds_allowed:
        return None
    try:
        return await model.probability_true(answered, ANSWER_IS_RIGHT)
    except StackError as error:
        logger.warning("no judgement of the local model: %s", error)
        return None


def _said(inspection: Inspection) -> str:
    if not inspection.findings:
        return "the local answer passes the checks"
    return "the local answer " + ", ".join(each.words for each in inspection.findings[:MOST_FINDINGS])
