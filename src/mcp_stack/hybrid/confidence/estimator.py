"""How likely it is that the local model answers well, from everything that is known before it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...ports.chat import ChatModel, Message, SelfJudgingModel
from ...ports.embedder import Vector
from ...settings.hybrid import Hybrid
from ..prompts import ANSWERABLE
from .features import Query, read_query, told
from .judgement import probability_true
from .prior import REMOTE_IS_GOOD, prior

if TYPE_CHECKING:
    from .outcome_model import OutcomeModel

# What a judgement would have to be to count as clear; between them lies what it may yet say.
CLEARLY_FALSE, CLEARLY_TRUE = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, as far as confidence goes.

    Attributes:
        text: The question alone.
        vector: Its embedding; None without an embedder.
        relevance: Of the best passage, in [0, 1]; 0 without any.
    """

    text: str
    vector: Vector | None
    relevance: float


@dataclass(frozen=True, slots=True)
class Part:
    """One of the things that an estimate rests on.

    Attributes:
        value: In [0, 1].
        reason: What it rests on itself, for people.
    """

    name: str
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is thought of a question before it is answered.

    Attributes:
        value: Probability in [0, 1] that the local answer is good.
        gain: Expected good of the remote answer over the local one, in [-1, 1].
        remote: Probability in [0, 1] that the remote answer is good.
        parts: What it rests on, what weighs most first.
        query: The question as the outcome model sees it, to be recorded with the outcome.
        p_true: The local model's own judgement; None if it was not asked.
        predicted: What the outcome model alone says of the local answer, in [0, 1]; None while there is none.
    """

    value: float
    gain: float
    remote: float
    parts: tuple[Part, ...]
    query: Query
    p_true: float | None
    predicted: float | None

    @property
    def reason(self) -> str:
        """The part that weighs most, for people."""
        return self.parts[0].reason


class ConfidenceEstimator:
    """Estimates confidence and gain.

    Args:
        models: Gives the outcome model that was fitted last, or None while there is none.
        settings: The bands, and the time that a judgement may take.
    """

    def __init__(self, models: Callable[[], Awaitable[OutcomeModel | None]], settings: Hybrid) -> None:
        self._models = models
        self._settings = settings

    async def estimate(self, asked: Asked, local_model: ChatModel | None, messages: Sequence[Message]) -> Estimate:
        """Estimate before anything is answered.

        Args:
            asked: The question.
            local_model: The local model, if there is one whose judgement matters.
            messages: What it is to judge: the conversation without passages and the caller's facts. These are data that
                anybody may have written; what they say must not change the route. Their relevance counts beside it.
        """
        model = await self._models()
        query = read_query(asked.text, asked.vector, asked.relevance)
        if model is None:
            first = prior(asked.text, asked.relevance)
            value, gain, remote, said = first.local, first.gain, REMOTE_IS_GOOD, None
            learned = Part("prior", first.local, f"a prior, for no outcome was seen yet: {first.reason}")
        else:
            predicted = model.predict(query)
            value, gain, remote, said = predicted.local, predicted.gain, predicted.remote, predicted.local
            seen = model.seen
            outcomes = f"{seen.local} local and {seen.remote} remote answers"
            learned = Part("outcome model", value, f"the outcome model {value:.2f}, learned from {outcomes}")
        parts = [learned]
        p_true: float | None = None
        if local_model is not None and self._undecided(model, value) and self._in_time(local_model, messages):
            p_true = await probability_true(local_model, messages, ANSWERABLE)
        if p_true is not None:
            combined = _combined(model, value, p_true)
            parts.insert(0 if model is None else 1, Part("P(True)", p_true, f"the local model's P(True) {p_true:.2f}"))
            gain = max(-1.0, min(1.0, gain + value - combined))
            value = combined
        parts += [
            Part("retrieval", asked.relevance, f"relevance of the best passage {asked.relevance:.2f}"),
            _features_part(asked, query, model),
        ]
        return Estimate(round(value, 4), round(gain, 4), round(remote, 4), tuple(parts), query, p_true, said)

    def _undecided(self, model: OutcomeModel | None, value: float) -> bool:
        """Whether a judgement might lead to another band; in the budget mode, where none counts, it does not."""
        if self._settings.budget.ranks_by_gain and model is not None:
            return False
        least, most = _combined(model, value, CLEARLY_FALSE), _combined(model, value, CLEARLY_TRUE)
        bands = self._settings.fallback_threshold, self._settings.local_confidence_threshold
        return any(least < band <= most for band in bands)

    def _in_time(self, local_model: ChatModel, messages: Sequence[Message]) -> bool:
        if not isinstance(local_model, SelfJudgingModel):
            return False
        seconds = local_model.judgement_seconds(messages)
        return seconds is None or seconds <= self._settings.judgement_seconds


def _combined(model: OutcomeModel | None, value: float, p_true: float) -> float:
    """Value and judgement in one: before the first outcomes the judgement alone, for the value is but a prior."""
    return p_true if model is None else model.combined(value, p_true)


def _features_part(asked: Asked, query: Query, model: OutcomeModel | None) -> Part:
    """What would be thought without the meaning of the words: from their number and form."""
    value = prior(asked.text, 0.0).local if model is None else model.predict(replace(query, vector=b"")).local
    return Part("query features", value, f"its text alone speaks for {value:.2f}: {told(query)}")
