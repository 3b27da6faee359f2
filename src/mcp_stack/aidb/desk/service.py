"""The desk as its tools see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .health import Health
from .issues import IssueTracker
from .models import (
    HealthResult,
    IssueList,
    IssueReport,
    IssueUpdate,
    PointList,
    PointSaved,
    SkillResult,
    SkillSearchResult,
    SystemList,
)
from .points import Points
from .skills import SkillLibrary
from .systems import SystemRegistry


@dataclass(frozen=True, slots=True)
class Desk:
    """The services behind the desk's tools; each checks its own arguments."""

    checking: Health
    tracking: IssueTracker
    skills: SkillLibrary
    systems: SystemRegistry
    points: Points

    async def health(self, *, thorough: bool = False) -> HealthResult:
        """See `Health.report`."""
        return await self.checking.report(thorough=thorough)

    async def report_issue(
        self, *, title: str, severity: str, category: str, description: str, context: dict[str, Any]
    ) -> IssueReport:
        """See `IssueTracker.report`."""
        return await self.tracking.report(
            title=title, severity=severity, category=category, description=description, context=context
        )

    async def list_issues(
        self, *, severity: str, status: str, category: str, issue_id: str, limit: int, offset: int
    ) -> IssueList:
        """See `IssueTracker.listed`."""
        return await self.tracking.listed(
            severity=severity, status=status, category=category, issue_id=issue_id, limit=limit, offset=offset
        )

    async def update_issue(self, *, issue_id: str, status: str, note: str) -> IssueUpdate:
        """See `IssueTracker.update`."""
        return await self.tracking.update(issue_id=issue_id, status=status, note=note)

    async def search_skills(self, *, query: str, limit: int) -> SkillSearchResult:
        """See `SkillLibrary.search`."""
        return await self.skills.search(query=query, limit=limit)

    async def get_skill(self, *, slug: str, file: str) -> SkillResult:
        """See `SkillLibrary.show`."""
        return await self.skills.show(slug=slug, file=file)

    async def list_systems(self, *, kind: str) -> SystemList:
        """See `SystemRegistry.listed`."""
        return await self.systems.listed(kind=kind)

    async def list_points_of_interest(self, *, category: str, query: str, limit: int, offset: int) -> PointList:
        """See `Points.listed`."""
        return await self.points.listed(category=category, query=query, limit=limit, offset=offset)

    async def add_point_of_interest(self, *, title: str, url: str, category: str, description: str) -> PointSaved:
        """See `Points.add`."""
        return await self.points.add(title=title, url=url, category=category, description=description)
