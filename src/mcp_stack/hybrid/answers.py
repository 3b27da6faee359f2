"""The answer that a caller gets, made of what came out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace

from ..ports.answering import Answer, Citation
from ..ports.retrieval import Passage, Retrieved
from ..settings.hybrid import Learning
from .decision import Price
from .execution import Outcome
from .preparation import Prepared
from .value import value_score

ADD_A_MODEL = (
    "No language model is configured: these are the passages that fit best. For a written answer "
    "run `mcp-stack models pull`, or set llm.local.path, llm.local.url or ANTHROPIC_API_KEY."
)
MODELS_FAILED = "No language model could answer: these are the passages that fit best."
NOTHING_FOUND = "The knowledge base has nothing on this yet: import documents with `import_document`."
EXCERPT_CHARACTERS = 600
PASSAGES_IN_AN_OFFLINE_ANSWER = 3


def from_outcome(
    outcome: Outcome,
    retrieved: Retrieved,
    *,
    confidence: float,
    reasons: Sequence[str],
    learning: Learning,
    start: float,
) -> Answer:
    """The answer of a model, or of the passages.

    Args:
        outcome: What came out.
        retrieved: The passages, those that the model was given first.
        confidence: Probability that the local answer is good.
        reasons: Why this route.
        learning: When an answer is worth learning from.
        start: When the question came, on the clock of `time.perf_counter`.
    """
    completion = outcome.completion
    tokens_out = completion.tokens_out if completion else 0
    value = value_score(outcome.route, outcome.quality, tokens_out)
    return Answer(
        response=outcome.text,
        route=outcome.route,
        confidence=round(confidence, 4),
        latency_ms=milliseconds_since(start),
        cost_usd=round(outcome.spent_usd, 6),
        tokens_in=completion.tokens_in if completion else 0,
        tokens_out=tokens_out,
        cached=False,
        value_score=value,
        learned=learning.enabled and value >= learning.value_score_threshold,
        model=completion.model if completion else "",
        sources=citations(retrieved.passages),
        reasons=tuple(reasons),
        interaction_id=str(uuid.uuid4()),
        quality=outcome.quality,
        truncated=completion.truncated if completion else False,
    )


def served_again(found: Answer, why: str, start: float) -> Answer:
    """An answer that was given before, free of charge.

    Args:
        found: As it was given.
        why: What makes it fit.
        start: When the question came, on the clock of `time.perf_counter`.
    """
    return replace(
        found,
        route="cache",
        latency_ms=milliseconds_since(start),
        cost_usd=0.0,
        tokens_in=0,
        tokens_out=0,
        cached=True,
        learned=False,
        reasons=(f"{why} ({found.route})",),
        interaction_id=str(uuid.uuid4()),
        answered_by=found.interaction_id,
    )


def unfinished(outcome: Outcome, why: str, prepared: Prepared, reasons: Sequence[str], start: float) -> Answer:
    """What is recorded of an answer that ended half way: its words, its cost, and that it is worth nothing."""
    return from_outcome(
        outcome,
        prepared.retrieved,
        confidence=prepared.estimate.value,
        reasons=[*reasons, why],
        learning=Learning(enabled=False),
        start=start,
    )


def saved_usd(outcome: Outcome, remote_price: Price) -> float:
    """What asking the remote model alone would have cost more; negative where that would have been cheaper.

    Args:
        outcome: What came out.
        remote_price: Of the remote model.
    """
    completion = outcome.completion
    if completion is None:
        return 0.0
    is_local = outcome.route == "local"
    remote_usd = remote_price(completion.tokens_in, completion.tokens_out) if is_local else completion.cost_usd
    return remote_usd - outcome.spent_usd


def citations(passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """The passages, as they are cited."""
    return tuple(
        Citation(
            document_id=passage.document_id,
            title=passage.title,
            source=passage.source,
            collection=passage.collection,
            excerpt=passage.text[:EXCERPT_CHARACTERS],
            score=passage.score,
        )
        for passage in passages
    )


def listing(retrieved: Retrieved, introduction: str) -> str:
    """The best passages as text, each with its source."""
    if not retrieved.passages:
        return f"{introduction}\n\n{NOTHING_FOUND}".strip()
    parts = [introduction] if introduction else []
    for number, passage in enumerate(retrieved.passages[:PASSAGES_IN_AN_OFFLINE_ANSWER], start=1):
        name = passage.title or passage.source
        heading = f" — {passage.heading}" if passage.heading and passage.heading != name else ""
        parts.append(f"[{number}] {name}{heading} ({passage.source})\n{passage.text[:EXCERPT_CHARACTERS]}")
    return "\n\n".join(parts)


def milliseconds_since(start: float) -> float:
    """Rounded to the microsecond.

    Args:
        start: On the clock of `time.perf_counter`.
    """
    return round((time.perf_counter() - start) * 1000, 3)
