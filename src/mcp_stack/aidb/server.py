"""AIDB's tools, area by area."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..mcp.app import StackServer
from . import completions, prompts, resources
from .desk import tools as desk
from .gateway import tools as gateway
from .knowledge import tools as knowledge

if TYPE_CHECKING:
    from .desk.service import Desk
    from .gateway.service import Gateway
    from .knowledge.service import Knowledge
    from .service import Aidb

INSTRUCTIONS = """\
The entry point of mcp-stack. Ask questions with `query`: it searches the knowledge base and answers from a cache, a
local model or Claude, with sources. Find passages with `search_knowledge`, documents with `list_documents`, add them
with `import_document`; `list_query_gaps` tells what is missing. When you need a tool that you do not see, describe the
need to `discover_tools`, then use it through `call_tool`. `report_issue` remembers what went wrong, and `update_issue`
how it was mended. `health` says what is up and what is not."""


def build_server(services: Callable[[], Awaitable[Aidb]]) -> StackServer:
    """Declare the tools.

    Args:
        services: Gives the opened services; awaited at each call.
    """
    server = StackServer("aidb", title="AIDB: knowledge base and tool gateway", instructions=INSTRUCTIONS)

    async def of_knowledge() -> Knowledge:
        return (await services()).knowledge

    async def of_gateway() -> Gateway:
        return (await services()).gateway

    async def of_desk() -> Desk:
        return (await services()).desk

    knowledge.declare(server, of_knowledge)
    gateway.declare(server, of_gateway)
    desk.declare(server, of_desk)
    resources.declare(server, services)
    prompts.declare(server, services)
    completions.declare(server, services)
    return server
