"""The issue tracker: what went wrong, how often, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

Severity: TypeAlias = Literal["P0", "P1", "P2"]
"""P0 is the gravest."""

Status: TypeAlias = Literal["open", "in_progress", "resolved", "closed"]
"""`resolved` is opened again when it occurs again; `closed` is not wanted to be fixed, and then a new one is filed."""

SEVERITIES: tuple[Severity, ...] = ("P0", "P1", "P2")
STATUSES: tuple[Status, ...] = ("open", "in_progress", "resolved", "closed")


@dataclass(frozen=True, slots=True)
class Report:
    """One occurrence of an error, without secrets.

    Attributes:
        signature: Hash of what makes it the same error again.
        incident: Under which the log holds the traceback; empty if it was reported by hand.
    """

    title: str
    severity: Severity
    category: str
    description: str
    signature: bytes
    context: Mapping[str, Any] = field(default_factory=dict)
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """Where an occurrence was counted.

    Attributes:
        occurrences: With this one.
        reopened: It had been resolved, and this occurrence opened it again.
    """

    issue_id: str
    status: Status
    severity: Severity
    occurrences: int
    reopened: bool


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody did about an issue.

    Attributes:
        status: Of the issue after it.
    """

    at: datetime
    status: Status
    note: str


@dataclass(frozen=True, slots=True)
class Issue:
    """An error that was reported once or more often.

    Attributes:
        context: That of the latest occurrence which had any.
        incidents: The latest ones, newest last.
        notes: The latest ones, newest last.
    """

    id: str
    title: str
    severity: Severity
    category: str
    status: Status
    description: str
    occurrences: int
    context: dict[str, Any]
    incidents: tuple[str, ...]
    notes: tuple[Note, ...]
    created_at: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class IssuePage:
    """Some of the issues that were asked for.

    Attributes:
        total: How many there are in all.
    """

    issues: tuple[Issue, ...]
    total: int


class Issues(Protocol):
    """Every issue, shared by all processes."""

    async def file(self, report: Report) -> Filed:
        """Count an occurrence: of the issue with the same signature that is not closed, else of a new one.

        A graver report makes the issue graver, and one of a resolved issue opens it again. Atomic over all processes.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def list(
        self,
        *,
        severity: Severity | Literal[""] = "",
        status: Status | Literal[""] = "",
        category: str = "",
        limit: int = 20,
        offset: int = 0,
    ) -> IssuePage:
        """Issues, the gravest first, then those seen last.

        Args:
            severity: Only these; empty for all.
            status: Only these; empty for all.
            category: Only these; empty for all.
            limit: Most issues to return.
            offset: Issues to pass over.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def get(self, issue_id: str) -> Issue | None:
        """One issue, or None if there is none of that id, whatever the id looks like.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def update(self, issue_id: str, status: Status | Literal[""], note: str) -> Issue:
        """Change an issue's status, or add a note, or both.

        Args:
            issue_id: Which one.
            status: The new one; empty to leave it.
            note: What was done; empty for none.

        Raises:
            NotFoundError: There is no such issue.
            ConflictError: A closed one cannot be opened again: a newer one counts the same error.
            UnavailableError: The store is down or full.
        """
        ...
