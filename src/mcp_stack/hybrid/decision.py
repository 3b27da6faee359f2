"""Which model is asked first, which next, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError
from ..ports.answering import Question
from ..ports.chat import ChatModel
from ..settings.tree import Hybrid

# Fewer than in English text, so that the estimate is not too low in other languages.
BYTES_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Models:
    """The models there are.

    Attributes:
        local: Free of charge.
        remote: Paid by the token.
        remote_price: Estimates the cost in US dollars from tokens in and out; what a free answer saves.
        fingerprint: Changes when a model is added, removed or replaced; cached answers depend on it.
    """

    local: ChatModel | None
    remote: ChatModel | None
    remote_price: Callable[[int, int], float]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to ask."""

    kind: Literal["local", "remote"]
    model: ChatModel


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        choices: The models to ask, first choice first; empty if there is none.
        check_local: Give the local answer only if it is good enough.
        reasons: Why, for people.
    """

    choices: tuple[Choice, ...]
    check_local: bool
    reasons: tuple[str, ...]


def decide(question: Question, models: Models, confidence: float, prompt_bytes: int, settings: Hybrid) -> Plan:
    """Choose by confidence: local, local with a check, or remote; what is not there is passed over.

    Args:
        question: With the caller's bounds.
        models: The models there are.
        confidence: Probability that the local answer is good, in [0, 1].
        prompt_bytes: Length of the prompt in UTF-8, for the estimate of the cost.
        settings: The thresholds.

    Raises:
        UsageError: The caller forces a model that is not configured, or forbids every one there is.
    """
    local = Choice("local", models.local) if models.local else None
    remote = Choice("remote", models.remote) if models.remote else None
    most = models.remote_price(prompt_bytes // BYTES_PER_TOKEN, settings.max_answer_tokens)
    if question.force_route:
        forced = local if question.force_route == "local" else remote
        if forced is None:
            setting = "llm.local.path or llm.local.url" if question.force_route == "local" else "ANTHROPIC_API_KEY"
            raise UsageError(
                f"force_route is {question.force_route} and there is no such model", f"set {setting}, or leave it out"
            )
        if forced is remote and most > question.max_cost_usd > 0:
            raise UsageError(
                f"force_route is remote and the answer might cost {most:.6f} USD, more than max_cost_usd",
                "raise max_cost_usd, or leave force_route out",
            )
        return Plan((forced,), False, (f"the caller asked for {question.force_route}",))
    notes: list[str] = []
    if remote and most > question.max_cost_usd > 0:
        notes.append(f"the remote model might cost {most:.6f} USD, more than the cap")
        remote = None
    if local is None or remote is None:
        only = local or remote
        notes.append(f"the {only.kind} model is the only one" if only else "there is no model to ask")
        return Plan((only,) if only else (), False, tuple(notes))
    high, low = settings.local_confidence_threshold, settings.fallback_threshold
    if not (question.prefer_local and settings.routing.prefer_local):
        return Plan((remote, local), False, (*notes, "the remote model was preferred"))
    if confidence >= high:
        return Plan((local, remote), False, (*notes, f"at or above {high:.2f}: local"))
    if confidence >= low and settings.routing.fallback_enabled:
        return Plan((local, remote), True, (*notes, f"from {low:.2f} to {high:.2f}: local, checked"))
    return Plan((remote, local), False, (*notes, f"below {low:.2f}: remote"))
