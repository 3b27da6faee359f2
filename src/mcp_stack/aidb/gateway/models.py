"""What the tools of the gateway answer. Flat, without nulls: every client understands them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class ToolSummary(BaseModel):
    """A tool that was found."""

    name: str = Field(description="server.tool, the name to call it by")
    summary: str
    score: float = Field(description="1 is a perfect fit; comparable within one reply")
    server_status: str
    input_schema: dict[str, Any] = Field(
        default_factory=dict, description="Only with detail=schema", exclude_if=lambda schema: not schema
    )


class DiscoveryResult(BaseModel):
    """Tools that fit a need."""

    tools: list[ToolSummary]
    total: int = Field(description="Tools known in all")
    tokens_saved: int = Field(description="Tokens of the full listing of all tools, less those of this reply")
    notes: list[str] = Field(default_factory=list, exclude_if=lambda notes: not notes)


class ServerSummary(BaseModel):
    """Another MCP server."""

    name: str
    transport: Literal["stdio", "sse", "streamable-http"]
    status: str = Field(description="connected, idle, known, unreachable, failed or disabled")
    tools: int
    resources: int
    prompts: int
    quarantined: int = Field(description="Tools that wait for a person's approval")
    flagged: int = Field(description="Tools whose description the scan remarked on")
    last_seen: str
    last_error: str
    notes: str


class ServerList(BaseModel):
    """The configured servers."""

    servers: list[ServerSummary]
    notes: list[str]
