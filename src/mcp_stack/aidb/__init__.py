"""AIDB: the entry point; knowledge base, tool discovery, health."""
