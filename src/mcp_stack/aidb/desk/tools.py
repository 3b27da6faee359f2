"""Tools of the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ...mcp.app import StackServer
from .models import HealthResult

if TYPE_CHECKING:
    from .service import Desk


def declare(server: StackServer, services: Callable[[], Awaitable[Desk]]) -> None:
    """Declare the tools.

    Args:
        server: Where.
        services: Gives the opened service; awaited at each call.
    """

    @server.declare("Health", read_only=True, idempotent=True, limited=False)
    async def health() -> HealthResult:
        """Say whether the server is live and ready, and the state and latency of each store and model it uses. Use it
        when another tool answers UNAVAILABLE.
        """
        return await (await services()).health()
