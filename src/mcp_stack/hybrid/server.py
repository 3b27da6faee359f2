"""The hybrid coordinator's tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ..mcp.app import StackServer
from .models import RouteResult, RoutingStats

if TYPE_CHECKING:
    from .service import Coordinator

INSTRUCTIONS = """\
Answers questions by the cheapest route that is good enough: a cache, a local model, or Claude, chosen by confidence.
`route_query` answers and says why it took its route; `routing_stats` sums up routes, latency and cost."""


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

    @server.declare("Routing statistics", read_only=True, idempotent=True)
    async def routing_stats(
        window: Annotated[str, Field(description="How far back, such as 30m, 24h or 7d; empty for all")] = "",
    ) -> RoutingStats:
        """Count the answered queries by route, with latency, cost and what was saved against asking the remote model
        every time.
        """
        return await (await services()).routing_stats(window)

    return server
