"""The feeder of `interaction-history`: questions that a model answered well."""

from __future__ import annotations

import hashlib
import logging
import re

from ...errors import UsageError
from ...ports.feeding import Feeder
from ...ports.feeds import AnsweredQuestion, AnsweredQuestions
from .presets import INTERACTION_HISTORY

logger = logging.getLogger(__name__)

FEED_INTERACTIONS = "aidb.feed_interactions"
ANSWERS_AT_ONCE = 100
# Longer questions are texts with a question in them, shorter ones say nothing without what came before.
LEAST_QUESTION_WORDS = 3
MOST_QUESTION_CHARACTERS = 500
LEAST_ANSWER_CHARACTERS = 80
MOST_ANSWER_CHARACTERS = 6000

_CITATION = re.compile(r"[ \t]?\[\d{1,3}\](?!\()")
_WORD = re.compile(r"\w+")


class AnsweredFeed:
    """Makes documents of answered questions.

    What was answered from the cache, without a model, or with a caller's private context is never read, nor an answer
    of little value. An answer that had an earlier one before it is left out: it would only say again what is known,
    and repeat its mistakes. The same question, asked again, replaces its answer.

    Args:
        answers: Where they are.
        feeder: Takes them.
        least_value: Least value score.
    """

    def __init__(self, answers: AnsweredQuestions, feeder: Feeder, least_value: float) -> None:
        self._answers = answers
        self._feeder = feeder
        self._least_value = least_value

    async def run(self) -> None:
        """Read the answers that are new; broken off, it goes on where it was.

        Raises:
            UnavailableError: The database is down or full.
        """
        fed = 0
        while True:
            unread = await self._answers.unread(FEED_INTERACTIONS, least_value=self._least_value, limit=ANSWERS_AT_ONCE)
            for answer in unread.answers:
                fed += await self._feed(answer)
            if unread.answers:
                last = unread.answers[-1]
                await self._answers.mark(FEED_INTERACTIONS, last.answered_at, last.id)
            if unread.complete:
                # What was passed over need not be looked at again.
                await self._answers.mark(FEED_INTERACTIONS, unread.horizon, "00000000-0000-0000-0000-000000000000")
                break
        if fed:
            logger.info("%d answered questions were kept", fed)

    async def _feed(self, answer: AnsweredQuestion) -> bool:
        question = " ".join(answer.query.split())
        # The numbers stand for passages that nobody sees any more.
        response = _CITATION.sub("", answer.response).strip()
        if not is_worth_keeping(question, response, answer.collections):
            return False
        try:
            await self._feeder.feed(
                collection=INTERACTION_HISTORY,
                key=f"question:{key_of_question(question)}",
                title=question[:200],
                text=response[:MOST_ANSWER_CHARACTERS],
                tags=["answered"],
                lasting=False,
            )
        except UsageError as error:  # control characters in what a model wrote
            logger.info("the answer %s is not kept: %s", answer.id, error)
            return False
        return True


def is_worth_keeping(question: str, response: str, collections: tuple[str, ...]) -> bool:
    """Whether an answer is knowledge by itself.

    Args:
        question: In one line.
        response: Without citations.
        collections: Of the passages that the model had before it.
    """
    return (
        INTERACTION_HISTORY not in collections
        and len(_WORD.findall(question)) >= LEAST_QUESTION_WORDS
        and len(question) <= MOST_QUESTION_CHARACTERS
        and len(response) >= LEAST_ANSWER_CHARACTERS
    )


def key_of_question(question: str) -> str:
    """The same for the same question in other case, spacing and punctuation.

    Args:
        question: As it was asked.

    Returns:
        A SHA-256 in hexadecimal.
    """
    return hashlib.sha256(" ".join(_WORD.findall(question.casefold())).encode()).hexdigest()
