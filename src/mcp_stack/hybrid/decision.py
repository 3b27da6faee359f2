"""Which model is asked first, which next, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import UsageError
from ..ports.answering import Question
from ..ports.chat import ChatModel
from ..settings.hybrid import Hybrid

# A cap that pays for less of an answer forbids the remote model: half an answer helps nobody.
LEAST_ANSWER_TOKENS = 256


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
    max_tokens: int


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
        left_usd: What may be spent today; infinity without a budget.
        remote_wanted: In the budget mode, whether this question's gain is worth a remote call; None outside of it.
    """

    confidence: float
    prompt_tokens: int
    left_usd: float = float("inf")
    remote_wanted: bool | None = None


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
    local = Choice("local", models.local, wanted) if models.local else None
    remote, too_dear = _affordable(question, models, given, wanted)
    if question.force_route:
        return _forced(question, local, remote, too_dear)
    notes = [too_dear] if too_dear else []
    if local is None or remote is None:
        only = local or remote
        notes.append(f"the {only.kind} model is the only one" if only else "there is no model to ask")
        return Plan((only,) if only else (), False, tuple(notes))
    if not (question.prefer_local and settings.routing.prefer_local):
        return Plan((remote, local), False, (*notes, "the remote model was preferred"))
    if given.remote_wanted is None:
        return _by_confidence(local, remote, given.confidence, settings, notes)
    if given.remote_wanted:
        return Plan((remote, local), False, (*notes, "the expected gain is worth a remote call of the budget"))
    return Plan((local,), False, (*notes, "the remote calls of the budget are for questions that gain more"))


def _by_confidence(local: Choice, remote: Choice, confidence: float, settings: Hybrid, notes: Sequence[str]) -> Plan:
    """The three bands."""
    high, low = settings.local_confidence_threshold, settings.fallback_threshold
    if confidence >= high:
        return Plan((local, remote), False, (*notes, f"at or above {high:.2f}: local"))
    if confidence >= low and settings.routing.fallback_enabled:
        return Plan((local, remote), True, (*notes, f"from {low:.2f} to {high:.2f}: local, checked"))
    return Plan((remote, local), False, (*notes, f"below {low:.2f}: remote"))


def _affordable(question: Question, models: Models, given: Circumstances, wanted: int) -> tuple[Choice | None, str]:
    """The remote model with as long an answer as may be paid for, or why there is none."""
    if models.remote is None:
        return None, ""
    bounds = [(given.left_usd, "what is left of today's budget")]
    if question.max_cost_usd > 0:
        bounds.append((question.max_cost_usd, "the cap"))
    most, bound = min(bounds)
    prompt = models.remote_price(given.prompt_tokens, 0)
    whole = models.remote_price(given.prompt_tokens, wanted)
    if whole <= most:
        return Choice("remote", models.remote, wanted), ""
    affordable = int(wanted * max(0.0, most - prompt) / (whole - prompt))
    if affordable >= min(LEAST_ANSWER_TOKENS, wanted):
        return Choice("remote", models.remote, affordable), ""
    return None, f"the remote model might cost {whole:.6f} USD, more than {bound}"


def _forced(question: Question, local: Choice | None, remote: Choice | None, too_dear: str) -> Plan:
    kind = question.force_route
    forced = local if kind == "local" else remote
    if forced is not None:
        return Plan((forced,), False, (f"the caller asked for {kind}",))
    if too_dear and kind == "remote":
        raise UsageError(
            f"force_route is remote and {too_dear.removeprefix('the remote model ')}",
            "raise max_cost_usd or hybrid.budget.daily_usd, or leave force_route out",
        )
    remedy = "run `mcp-stack models pull` or set llm.local.path" if kind == "local" else "set ANTHROPIC_API_KEY"
    raise UsageError(f"force_route is {kind} and there is no such model", f"{remedy}, or leave it out")
