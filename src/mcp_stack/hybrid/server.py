"""The hybrid coordinator's tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ..mcp.app import StackServer
from .models import (
    ClearedSession,
    ContextResult,
    FeedbackResult,
    RouteExplanation,
    RouteResult,
    RoutingStats,
    SessionResult,
)

if TYPE_CHECKING:
    from .service import Coordinator

INSTRUCTIONS = """\
Answers questions by the cheapest route that is good enough: a cache, a local model, or Claude, chosen by confidence.
`route_query` answers and says why it took its route; `explain_route` says what it would do, without doing it. Tell it
how good an answer was with `give_feedback`: it learns from that. With a `session_id`, questions may lean on the ones
before. `routing_stats` sums up routes, latency and cost."""


def build_server(services: Callable[[], Awaitable[Coordinator]]) -> StackServer:
    """Declare the tools.

    Args:
        services: Gives the opened services; awaited at each call.
    """
    server = StackServer("hybrid-coordinator", title="Hybrid coordinator: query router", instructions=INSTRUCTIONS)

    @server.declare("Route a query", open_world=True)
    async def route_query(
        query: Annotated[str, Field(min_length=1, description="At most 4096 characters")],
        context: Annotated[dict[str, Any], Field(description="Your own facts; kept private")] = {},
        prefer_local: Annotated[bool, Field(description="False asks the remote model first")] = True,
        session_id: Annotated[str, Field(description="Conversation it belongs to")] = "",
        max_cost_usd: Annotated[float, Field(ge=0, description="0 for no cap")] = 0,
        force_route: Annotated[Literal["", "local", "remote"], Field(description="Empty lets it choose")] = "",
    ) -> RouteResult:
        """Answer a question with the local model when it is likely to be right, else with Claude, from passages of
        the knowledge base. Says the route, the reasons, the confidence and the cost. Use it to control cost or route;
        for an ordinary question use `query` of AIDB.
        """
        return await (await services()).route_query(
            query=query,
            context=context,
            prefer_local=prefer_local,
            session_id=session_id,
            max_cost_usd=max_cost_usd,
            force_route=force_route,
        )

    @server.declare("Explain a route", read_only=True, idempotent=True)
    async def explain_route(
        query: Annotated[str, Field(min_length=1, description="At most 4096 characters")],
    ) -> RouteExplanation:
        """Say which route a question would take and why, without answering it: the confidence with each of its parts,
        the expected gain of the remote model, the passages and the length of the prompt.
        """
        return await (await services()).explain_route(query)

    @server.declare("Routing statistics", read_only=True, idempotent=True)
    async def routing_stats(
        window: Annotated[str, Field(description="How far back, such as 30m, 24h or 7d; empty for all")] = "",
    ) -> RoutingStats:
        """Count the answered queries by route, with latency, cost and what was saved against asking the remote model
        every time.
        """
        return await (await services()).routing_stats(window)

    @server.declare("Rate an answer", idempotent=True)
    async def give_feedback(
        interaction_id: Annotated[str, Field(description="As it came with the answer")],
        rating: Annotated[int, Field(ge=-1, le=1, description="-1 bad, 1 good, 0 takes a rating back")],
        correction: Annotated[str, Field(description="What the answer should have been")] = "",
    ) -> FeedbackResult:
        """Say whether an answer was good. Later routes learn from it; the cache forgets a bad answer."""
        return await (await services()).give_feedback(
            interaction_id=interaction_id, rating=rating, correction=correction
        )

    @server.declare("Search for context", read_only=True, idempotent=True)
    async def search_context(
        query: Annotated[str, Field(min_length=1, description="At most 4096 characters")],
        limit: Annotated[int, Field(ge=1, le=50)] = 5,
    ) -> ContextResult:
        """Show the passages of the knowledge base that a question would be answered from, as a model would get them:
        the best of all collections, each said once, cut to what fits.
        """
        return await (await services()).search_context(query=query, limit=limit)

    @server.declare("Forget a session", destructive=True, idempotent=True)
    async def clear_session(
        session_id: Annotated[str, Field(min_length=1, description="As given to `route_query` or `query`")],
    ) -> ClearedSession:
        """Forget a conversation now; later questions of this session begin a new one."""
        return await (await services()).clear_session(session_id)

    @server.declare("Read a session", read_only=True, idempotent=True)
    async def get_session(
        session_id: Annotated[str, Field(min_length=1, description="As given to `route_query` or `query`")],
    ) -> SessionResult:
        """Show what was said in a conversation. It is forgotten half an hour after its last question."""
        return await (await services()).get_session(session_id)

    return server
