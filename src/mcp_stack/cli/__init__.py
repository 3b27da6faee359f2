"""The `mcp-stack` command."""

from .startup import PARENT  # noqa: I001 - before all others
from .main import main

__all__ = ["PARENT", "main"]
