"""Tools of the desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ...mcp.app import StackServer
from ..arguments import Limit
from .models import HealthResult, IssueList, IssueReport, IssueUpdate

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
        """Say whether the server is live and ready, and the state and latency of each store and model it uses. Use it
        when another tool answers UNAVAILABLE.
        """
        return await (await services()).health()

    _declare_issues(server, services)


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

    @server.declare("Update an issue", idempotent=True)
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
