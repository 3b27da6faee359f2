"""What the tools of the desk answer. Flat, without nulls: every client understands them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


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


class IssueReport(BaseModel):
    """Where a report was counted."""

    issue_id: str
    status: Literal["open", "in_progress", "resolved", "closed"]
    occurrences: int = Field(description="How often it was reported, this time included")
    severity: Literal["P0", "P1", "P2"] = Field(description="The gravest that was reported")
    reopened: bool = Field(description="It had been resolved, and occurred again")


class IssueNote(BaseModel):
    """What was done about an issue."""

    at: str
    status: str
    note: str


class IssueSummary(BaseModel):
    """An issue."""

    id: str
    title: str
    severity: Literal["P0", "P1", "P2"]
    category: str
    status: Literal["open", "in_progress", "resolved", "closed"]
    occurrences: int
    description: str
    context: dict[str, Any] = Field(description="Only with issue_id")
    notes: list[IssueNote] = Field(description="Only with issue_id")
    created_at: str
    last_seen: str


class IssueList(BaseModel):
    """Some issues."""

    issues: list[IssueSummary]
    total: int = Field(description="How many there are, those not listed included")


class IssueUpdate(BaseModel):
    """An issue after a change."""

    issue_id: str
    status: Literal["open", "in_progress", "resolved", "closed"]
    occurrences: int
    severity: Literal["P0", "P1", "P2"]
    document_id: str = Field(description="Of the fix in the knowledge base; empty if there is none")
    notes: list[str]
