"""The registry and gateway of other MCP servers' tools: connections, pinning, discovery, calls."""
