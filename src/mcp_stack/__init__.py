"""mcp-stack: native MCP servers for knowledge, routing, coding agents and embeddings."""

__version__ = "0.1.0"
