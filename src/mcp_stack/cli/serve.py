"""`mcp-stack serve NAME`."""

from __future__ import annotations

from ..composition import Stack
from ..logging import configure_logging
from ..mcp.lifecycle import serve_stdio
from ..settings import load_settings
from .servers import build_server
from .startup import PARENT, started


def serve(name: str, *, legacy: bool, log_level: str) -> int:
    """Serve one client over stdio; ends the process.

    Args:
        name: The server.
        legacy: See `serve_stdio`.
        log_level: Lowest level shown on stderr.

    Raises:
        UsageError: A setting is wrong.
    """
    stack = Stack(load_settings(), resident=True)
    server = build_server(name, stack)
    configure_logging(log_level)
    started()
    serve_stdio(server, stack.close, parent=PARENT, legacy=legacy, beside=lambda: stack.run_beside(name))
    return 0
