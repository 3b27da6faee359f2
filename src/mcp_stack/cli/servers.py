"""The servers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..composition import Stack
    from ..mcp.app import StackServer

SERVERS = ("aidb", "hybrid-coordinator", "ralph-wiggum", "embeddings")

CATEGORIES = {
    "aidb": "knowledge",
    "hybrid-coordinator": "answering",
    "ralph-wiggum": "coding-agents",
    "embeddings": "embeddings",
}


def build_server(name: str, stack: Stack) -> StackServer:
    """A server with its tools declared and nothing opened yet; only its own modules are imported.

    Args:
        name: One of `SERVERS`.
        stack: Where its services come from.
    """
    server = _declared(name, stack)
    server.admit = stack.admit
    server.report = stack.report
    stack.serves(name)
    return server


def _declared(name: str, stack: Stack) -> StackServer:
    match name:
        case "aidb":
            from ..aidb.server import build_server as build_aidb  # noqa: PLC0415 - only this server needs it

            return build_aidb(stack.aidb)
        case "hybrid-coordinator":
            from ..hybrid.server import build_server as build_hybrid  # noqa: PLC0415 - only this server needs it

            return build_hybrid(stack.coordinator)
        case "ralph-wiggum":
            from ..ralph.server import build_server as build_ralph  # noqa: PLC0415 - only this server needs it

            return build_ralph(stack.ralph)
        case "embeddings":
            from ..embeddings.server import build_server as build_embeddings  # noqa: PLC0415 - only this one needs it

            return build_embeddings(stack.embeddings)
    raise ValueError(f"no server {name!r}")
