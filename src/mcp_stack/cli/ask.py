"""`mcp-stack ask`: a question from the command line, answered as it comes."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing

from ..composition import Stack
from ..ports.answering import Answer
from ..settings import load_settings


def ask(words: list[str], *, session_id: str, force_route: str, max_cost_usd: float) -> int:
    """Answer a question on standard output; how it came about is told on standard error.

    Args:
        words: The question; `-` reads it from standard input.
        session_id: Conversation that it belongs to; empty for none.
        force_route: `local`, `remote` or empty.
        max_cost_usd: Most that the answer may cost; 0 for no cap.

    Returns:
        0 if a model or the cache answered, 1 if there were only passages.

    Raises:
        UsageError: The question is empty or too long, or the forced route has no model.
        UnavailableError: The database is down, or a model failed half way.
    """
    query = sys.stdin.read() if words == ["-"] else " ".join(words)
    return asyncio.run(_ask(query, session_id=session_id, force_route=force_route, max_cost_usd=max_cost_usd))


async def _ask(query: str, *, session_id: str, force_route: str, max_cost_usd: float) -> int:
    stack = Stack(load_settings())
    try:
        coordinator = await stack.coordinator()
        question = coordinator.checked(
            query=query, session_id=session_id, force_route=force_route, max_cost_usd=max_cost_usd
        )
        async with aclosing(coordinator.router.stream(question)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    sys.stdout.write("\n")
                    _tell(piece)
                    return 1 if piece.route == "offline" else 0
                sys.stdout.write(piece)
                sys.stdout.flush()
        raise AssertionError("a stream ends with its answer")
    finally:
        await stack.close()


def _tell(answer: Answer) -> None:
    lines = [f"route {answer.route}, confidence {answer.confidence:.2f}, {answer.latency_ms:.0f} ms"]
    if answer.model:
        lines[0] += f", model {answer.model}"
    if answer.cost_usd:
        lines[0] += f", {answer.cost_usd:.6f} USD"
    lines += [f"because {reason}" for reason in answer.reasons]
    lines += [
        f"[{number}] {source.title or source.source} ({source.source})"
        for number, source in enumerate(answer.sources, 1)
    ]
    lines.append(f"interaction {answer.interaction_id}")
    print("\n".join(lines), file=sys.stderr)
