"""What the tools of the gateway answer. Flat, without nulls: every client understands them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class ToolSummary(BaseModel):
    """A tool that was found."""

    name: str = Field(description="server.tool, the name to call it by")
    summary: str
    score: float
    server_status: str
    category: str
    input_schema: dict[str, Any] = Field(default_factory=dict, description="Only with detail=schema")


class DiscoveryResult(BaseModel):
    """Tools that fit a need."""

    tools: list[ToolSummary]
    total: int = Field(description="Tools known in all")
    tokens_saved: int = Field(description="Tokens of the full listing of all tools, less those of this reply")
    notes: list[str]
