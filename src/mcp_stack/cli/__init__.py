"""The `mcp-stack` command."""

from .main import main

__all__ = ["main"]
