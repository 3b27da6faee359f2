"""How likely it is that the local model answers well."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import StackError
from ..ports.chat import ChatModel, Message, SelfJudgingModel
from ..ports.retrieval import Passage
from .prompts import ANSWERABLE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Confidence:
    """An estimate and where it is from.

    Attributes:
        value: Probability in [0, 1].
        reason: The part that it rests on, for people.
    """

    value: float
    reason: str


async def estimate(model: ChatModel | None, messages: Sequence[Message], passages: Sequence[Passage]) -> Confidence:
    """Estimate before anything is answered.

    A model in this process is asked for its own P(True). For one behind an endpoint, and if the judgement fails, the
    relevance of the best passage stands in: it is all that is known.

    Args:
        model: The local model, if there is one.
        messages: The conversation that it would answer.
        passages: What it would answer from, best first.
    """
    relevance = max((passage.relevance for passage in passages), default=0.0)
    from_passages = Confidence(round(relevance, 4), f"relevance of the best passage {relevance:.2f}")
    if model is None:
        return from_passages
    judged = await probability_true(model, messages, ANSWERABLE)
    return from_passages if judged is None else Confidence(round(judged, 4), f"the local model's P(True) {judged:.2f}")


async def probability_true(model: ChatModel, messages: Sequence[Message], question: str) -> float | None:
    """The model's own judgement, or None if it cannot give one."""
    if not isinstance(model, SelfJudgingModel):
        return None
    try:
        return await model.probability_true(messages, question)
    except StackError as error:
        logger.warning("no judgement of the local model: %s", error)
        return None
