"""The local model's own word on whether it will answer, or has answered, well."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ...errors import StackError
from ...ports.chat import ChatModel, Message, SelfJudgingModel

logger = logging.getLogger(__name__)


async def probability_true(model: ChatModel, messages: Sequence[Message], question: str) -> float | None:
    """The model's own judgement, or None if it cannot give one.

    Args:
        model: The local model.
        messages: The conversation, answer included or not.
        question: The yes-or-no question asked about it.
    """
    if not isinstance(model, SelfJudgingModel):
        return None
    try:
        return await model.probability_true(messages, question)
    except StackError as error:
        logger.warning("no judgement of the local model: %s", error)
        return None
