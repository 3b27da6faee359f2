"""Which model is asked first, which next, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from ..errors import UsageError
from ..ports.answering import Question
from ..ports.chat import ChatModel
from ..settings.hybrid import Hybrid
from .spending import Left

# A cap that pays for less of an answer forbids the remote model: half an answer helps nobody.
LEAST_ANSWER_TOKENS = 256


Price: TypeAlias = Callable[[int, int], float]
"""Estimates the cost of a call in US dollars from tokens in and out."""


def free(_tokens_in: int, _tokens_out: int) -> float:
    """The price of what costs nothing."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Models:
    """The models there are.

    Attributes:
        local: Free of charge, unless it is a hosted endpoint.
        remote: Paid by the token.
        remote_price: Of the remote model; what a free answer saves.
        fingerprint: Changes when a model is added, removed or replaced; cached answers depend on it.
        local_price: Of the local model.
    """

    local: ChatModel | None
    remote: ChatModel | None
    remote_price: Price
    fingerprint: str
    local_price: Price = free


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to ask.

    Attributes:
        max_tokens: Most tokens of the answer.
        price: What it costs.
    """

    kind: Literal["local", "remote"]
    model: ChatModel
    max_tokens: int
    price: Price = free


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    Attributes:
        choices: The models to ask, first choice first; empty if there is none.
        check_local: Give the local answer only if it is good enough.
        reasons: Why, for people.
        most_usd: What all the calls together may cost.
        lasting: Right as long as the models are the same; not so where the remote one is missing for want of money.
    """

    choices: tuple[Choice, ...]
    check_local: bool
    reasons: tuple[str, ...]
    most_usd: float = math.inf
    lasting: bool = True

    @property
    def first(self) -> str:
        """The route that it takes if nothing fails: `local`, `remote` or `offline`."""
        return self.choices[0].kind if self.choices else "offline"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a decision depends on beside the question.

    Attributes:
        confidence: Probability that the local answer is good, in [0, 1].
        prompt_tokens: Length of the prompt, for the estimate of the cost.
        left: What may be spent.
        remote_wanted: In the budget mode, tells whether this question's gain is worth a remote call; called where that
            decides, and then counts. None outside of it.
    """

    confidence: float
    prompt_tokens: int
    left: Left = field(default_factory=Left)
    remote_wanted: Callable[[], bool] | None = None


def decide(question: Question, models: Models, given: Circumstances, settings: Hybrid) -> Plan:
    """Choose by the caller's wish, what may be spent, the budget mode, and the confidence, in this order.

    Args:
        question: With the caller's bounds.
        models: The models there are.
        given: Confidence, length of the prompt, money left.
        settings: The thresholds.

    Raises:
        UsageError: The caller forces a model that is not configured, or that costs more than may be spent.
    """
    wanted = min(question.max_answer_tokens or settings.max_answer_tokens, settings.max_answer_tokens)
    local, local_too_dear = _affordable(_whole("local", models.local, wanted, models.local_price), question, given)
    remote, remote_too_dear = _affordable(_whole("remote", models.remote, wanted, models.remote_price), question, given)
    if question.force_route == "local":
        plan = _forced("local", local, local_too_dear)
    elif question.force_route:
        plan = _forced("remote", remote, remote_too_dear)
    else:
        notes = [note for note in (local_too_dear, remote_too_dear) if note]
        plan = _chosen((local, remote), question, given, settings, notes)
    return replace(plan, most_usd=question.max_cost_usd or math.inf)


def tokens_for(usd: float, price: Price, prompt_tokens: int, wanted: int) -> int:
    """Tokens of an answer that so much pays for.

    Args:
        usd: US dollars.
        price: Of the model.
        prompt_tokens: Length of the prompt.
        wanted: Most tokens of the answer.
    """
    prompt, whole = price(prompt_tokens, 0), price(prompt_tokens, wanted)
    return wanted if whole <= usd else int(wanted * max(0.0, usd - prompt) / (whole - prompt or math.inf))


def _chosen(
    models: tuple[Choice | None, Choice | None],
    question: Question,
    given: Circumstances,
    settings: Hybrid,
    notes: list[str],
) -> Plan:
    """What to do where the caller forces nothing; the models are the local and the remote one."""
    local, remote = models
    prefers_local = question.prefer_local and settings.routing.prefer_local
    if local is None or remote is None:
        only = local or remote
        poor = bool(notes) and given.left.usd < (question.max_cost_usd or math.inf)
        sure = prefers_local and given.confidence >= settings.local_confidence_threshold
        notes.append(f"the {only.kind} model is the only one" if only else "there is no model to ask")
        return Plan((only,) if only else (), False, tuple(notes), lasting=sure or not poor)
    if not prefers_local:
        return Plan((remote, local), False, (*notes, "the remote model was preferred"))
    if given.remote_wanted is None:
        return _by_confidence(local, remote, given.confidence, settings, notes)
    if given.remote_wanted():
        return Plan((remote, local), False, (*notes, "the expected gain is worth a remote call of the budget"))
    # Where the local model fails, the other answers all the same: a share is a matter of quality, not of money.
    return Plan((local, remote), False, (*notes, "the remote calls of the budget are for questions that gain more"))


def _by_confidence(local: Choice, remote: Choice, confidence: float, settings: Hybrid, notes: Sequence[str]) -> Plan:
    """The three bands."""
    high, low = settings.local_confidence_threshold, settings.fallback_threshold
    if confidence >= high:
        return Plan((local, remote), False, (*notes, f"at or above {high:.2f}: local"))
    if confidence >= low and settings.routing.fallback_enabled:
        return Plan((local, remote), True, (*notes, f"from {low:.2f} to {high:.2f}: local, checked"))
    return Plan((remote, local), False, (*notes, f"below {low:.2f}: remote"))


def _whole(kind: Literal["local", "remote"], model: ChatModel | None, tokens: int, price: Price) -> Choice | None:
    return Choice(kind, model, tokens, price) if model else None


def _affordable(choice: Choice | None, question: Question, given: Circumstances) -> tuple[Choice | None, str]:
    """A model with as long an answer as may be paid for, or why it is none."""
    if choice is None:
        return None, ""
    most, bound = min((given.left.usd, given.left.bound), (question.max_cost_usd or math.inf, "the cap"))
    tokens = tokens_for(most, choice.price, given.prompt_tokens, choice.max_tokens)
    if tokens >= min(LEAST_ANSWER_TOKENS, choice.max_tokens):
        return replace(choice, max_tokens=tokens), ""
    whole = choice.price(given.prompt_tokens, choice.max_tokens)
    return None, f"the {choice.kind} model might cost {whole:.6f} USD, more than {bound}"


def _forced(kind: str, forced: Choice | None, too_dear: str) -> Plan:
    if forced is not None:
        return Plan((forced,), False, (f"the caller asked for {kind}",))
    if too_dear:
        raise UsageError(
            f"force_route is {kind} and {too_dear.removeprefix(f'the {kind} model ')}",
            "raise max_cost_usd, hybrid.budget.daily_usd or usd_per_hour, or leave force_route out",
        )
    remedy = "run `mcp-stack models pull` or set llm.local.path" if kind == "local" else "set ANTHROPIC_API_KEY"
    raise UsageError(f"force_route is {kind} and there is no such model", f"{remedy}, or leave it out")
