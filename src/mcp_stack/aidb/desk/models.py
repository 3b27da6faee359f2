"""What the tools of the desk answer. Flat, without nulls: every client understands them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Dependency(BaseModel):
    """State of something that the server needs."""

    name: str
    status: Literal["ok", "degraded", "down", "not_configured"]
    latency_ms: float
    detail: str
    required: bool


class HealthResult(BaseModel):
    """State of the server."""

    live: bool
    ready: bool
    startup: bool
    status: Literal["ok", "degraded", "down"]
    dependencies: list[Dependency]
