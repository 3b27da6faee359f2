"""Adapters to other MCP servers: started over stdio, or reached over SSE and Streamable HTTP."""
