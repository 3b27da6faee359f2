"""The desk as its tools see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .health import Health
from .issues import IssueTracker
from .models import HealthResult, IssueList, IssueReport, IssueUpdate


@dataclass(frozen=True, slots=True)
class Desk:
    """The services behind the desk's tools; each checks its own arguments."""

    checking: Health
    issues: IssueTracker

    async def health(self) -> HealthResult:
        """State of the server."""
        return await self.checking.report()

    async def report_issue(
        self, *, title: str, severity: str, category: str, description: str, context: dict[str, Any]
    ) -> IssueReport:
        """See `IssueTracker.report`."""
        return await self.issues.report(
            title=title, severity=severity, category=category, description=description, context=context
        )

    async def list_issues(
        self, *, severity: str, status: str, category: str, issue_id: str, limit: int, offset: int
    ) -> IssueList:
        """See `IssueTracker.listed`."""
        return await self.issues.listed(
            severity=severity, status=status, category=category, issue_id=issue_id, limit=limit, offset=offset
        )

    async def update_issue(self, *, issue_id: str, status: str, note: str) -> IssueUpdate:
        """See `IssueTracker.update`."""
        return await self.issues.update(issue_id=issue_id, status=status, note=note)
