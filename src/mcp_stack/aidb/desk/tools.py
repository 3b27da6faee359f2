"""Tools of the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ...mcp.app import StackServer
from ..arguments import Limit, Query
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

if TYPE_CHECKING:
    from .service import Desk


def declare(server: StackServer, services: Callable[[], Awaitable[Desk]]) -> None:
    """Declare the tools.

    Args:
        server: Where.
        services: Gives the opened service; awaited at each call.
    """

    @server.declare("Health", read_only=True, idempotent=True, limited=False)
    async def health() -> HealthResult:
        """Say whether the server is live and ready, the state and latency of each store and model it uses, and what
        works all the same when one is down. Use it when another tool answers UNAVAILABLE.
        """
        return await (await services()).health()

    _declare_issues(server, services)
    _declare_skills(server, services)
    _declare_registers(server, services)


def _declare_issues(server: StackServer, services: Callable[[], Awaitable[Desk]]) -> None:
    @server.declare("Report an issue")
    async def report_issue(
        title: Annotated[str, Field(description="What is wrong, in one line")],
        severity: Annotated[
            Literal["P0", "P1", "P2"], Field(description="P0: nothing works; P1: something fails; P2: an annoyance")
        ],
        category: Annotated[str, Field(description="Such as bug, performance, documentation")],
        description: Annotated[str, Field(description="The error message, and what led to it")],
        context: Annotated[dict[str, Any], Field(description="Facts such as versions; secrets are masked")] = {},
    ) -> IssueReport:
        """File an error or a defect, so that it is not forgotten. The same error again, whatever its numbers, ids and
        paths, is counted as one more occurrence of the same issue. Look into list_issues and search_knowledge for a
        known fix first.
        """
        return await (await services()).report_issue(
            title=title, severity=severity, category=category, description=description, context=context
        )

    @server.declare("List issues", read_only=True, idempotent=True)
    async def list_issues(
        severity: Annotated[Literal["", "P0", "P1", "P2"], Field(description="Only these")] = "",
        status: Annotated[
            Literal["", "open", "in_progress", "resolved", "closed"], Field(description="Only these")
        ] = "",
        category: Annotated[str, Field(description="Only these")] = "",
        issue_id: Annotated[str, Field(description="This one alone, with its context and notes")] = "",
        limit: Limit = 20,
        offset: Annotated[int, Field(ge=0, le=1_000_000, description="Pass over so many")] = 0,
    ) -> IssueList:
        """List reported issues, the gravest first, with how often each occurred. Use it to see whether an error is
        known, and to choose what to work on; name one with issue_id to see all of it.
        """
        return await (await services()).list_issues(
            severity=severity, status=status, category=category, issue_id=issue_id, limit=limit, offset=offset
        )

    @server.declare("Update an issue")
    async def update_issue(
        id: Annotated[str, Field(description="Of list_issues or report_issue")],  # noqa: A002 - the contract's name
        status: Annotated[
            Literal["", "open", "in_progress", "resolved", "closed"],
            Field(description="closed: will not be fixed; empty leaves it as it is"),
        ] = "",
        note: Annotated[str, Field(description="What was found or done; with resolved, the fix")] = "",
    ) -> IssueUpdate:
        """Change an issue's status, add a note, or both. Resolve it with a note that says how it was fixed: the fix is
        then found by search_knowledge when the same error comes up. A resolved issue that occurs again is reopened.
        """
        return await (await services()).update_issue(issue_id=id, status=status, note=note)


def _declare_skills(server: StackServer, services: Callable[[], Awaitable[Desk]]) -> None:
    @server.declare("Search skills", read_only=True, idempotent=True)
    async def search_skills(query: Query, limit: Limit = 10) -> SkillSearchResult:
        """Find skills: instructions, approved by a person, for doing a kind of work well. Use it before a task that
        somebody may have written down how to do; then read the one that fits with get_skill and follow it.
        """
        return await (await services()).search_skills(query=query, limit=limit)

    @server.declare("Get a skill", read_only=True, idempotent=True)
    async def get_skill(
        slug: Annotated[str, Field(description="Of search_skills")],
        file: Annotated[str, Field(description="Show this file of the skill instead of the instructions")] = "",
    ) -> SkillResult:
        """Read a skill's instructions, or one of the files that come with it. Use it with a slug of search_skills."""
        return await (await services()).get_skill(slug=slug, file=file)


def _declare_registers(server: StackServer, services: Callable[[], Awaitable[Desk]]) -> None:
    @server.declare("List systems", read_only=True, idempotent=True)
    async def list_systems(
        kind: Annotated[
            Literal["", "server", "worker", "store", "model", "software", "machine"], Field(description="Only these")
        ] = "",
    ) -> SystemList:
        """List what runs here and in which version: servers, stores, models, packages, the machine. Use it to learn
        about the environment, or which version an error came from; for what works right now use health.
        """
        return await (await services()).list_systems(kind=kind)

    @server.declare("List points of interest", read_only=True, idempotent=True)
    async def list_points_of_interest(
        category: Annotated[str, Field(description="Only these")] = "",
        query: Annotated[str, Field(description="Only those with all of these words")] = "",
        limit: Limit = 50,
        offset: Annotated[int, Field(ge=0, le=1_000_000, description="Pass over so many")] = 0,
    ) -> PointList:
        """List addresses worth knowing: dashboards, manuals, repositories, trackers. Use it when you need to know where
        something is.
        """
        return await (await services()).list_points_of_interest(
            category=category, query=query, limit=limit, offset=offset
        )

    @server.declare("Add a point of interest", idempotent=True)
    async def add_point_of_interest(
        title: Annotated[str, Field(description="What is there, in a few words")],
        url: Annotated[str, Field(description="http:// or https://, without user name, password or key")],
        category: Annotated[str, Field(description="Such as dashboard, documentation, repository")] = "general",
        description: Annotated[str, Field(description="What it is good for")] = "",
    ) -> PointSaved:
        """Keep an address worth knowing, for later and for others. The same address again changes its title, category
        and description.
        """
        return await (await services()).add_point_of_interest(
            title=title, url=url, category=category, description=description
        )
