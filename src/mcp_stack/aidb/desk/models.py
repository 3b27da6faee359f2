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

    live: bool = Field(description="The process answers")
    ready: bool = Field(description="Everything that is required answers")
    startup: bool = Field(description="It was ready once")
    status: Literal["ok", "degraded", "down"] = Field(description="degraded: only something optional is down")
    dependencies: list[Dependency]
    still_works: list[str]
    does_not_work: list[str] = Field(description="And what it lacks; not what was never configured")


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


class SkillHit(BaseModel):
    """A skill that was found."""

    slug: str = Field(description="Name it so to get_skill")
    name: str
    description: str
    tags: list[str]
    score: float


class SkillSearchResult(BaseModel):
    """Skills that fit a need."""

    skills: list[SkillHit]
    notes: list[str]


class SkillFileEntry(BaseModel):
    """A file of a skill."""

    path: str
    size: int = Field(description="In bytes")
    sha256: str
    shown: bool = Field(description="get_skill can show it")


class SkillResult(BaseModel):
    """An approved skill."""

    slug: str
    name: str
    description: str
    content: str = Field(description="The instructions, Markdown; empty if a file was asked for")
    tags: list[str]
    license: str
    allowed_tools: list[str]
    source: str = Field(description="The folder that it was imported from")
    files: list[SkillFileEntry]
    file_content: str = Field(description="Of the file that was asked for")


class Point(BaseModel):
    """An address worth knowing."""

    id: str
    title: str
    url: str
    category: str
    description: str
    created_at: str
    updated_at: str


class PointList(BaseModel):
    """Some points of interest."""

    points: list[Point]
    total: int = Field(description="How many there are, those not listed included")


class PointSaved(BaseModel):
    """A point of interest that was added or changed."""

    point_id: str
    url: str = Field(description="As it is kept: scheme and host in lower case")
    created: bool = Field(description="False if this address was known, and is changed")


class SystemEntry(BaseModel):
    """A part of the system."""

    name: str
    kind: Literal["server", "worker", "store", "model", "software", "machine"]
    version: str
    status: Literal["ok", "degraded", "down", "not_configured", "stopped", "unknown"] = Field(
        description="stopped: no client has started it; unknown: not looked at for long"
    )
    detail: str
    machine: str
    refreshed_at: str


class SystemList(BaseModel):
    """What runs here."""

    systems: list[SystemEntry]
    notes: list[str]
