"""`mcp-stack issues`: what went wrong, and what became of it."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ..composition import Stack
from ..settings import load_settings

if TYPE_CHECKING:
    from ..aidb.desk.service import Desk

T = TypeVar("T")


def run_issues(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack issues ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status.

    Raises:
        UsageError, NotFoundError, ConflictError, UnavailableError: As the actions.
    """
    match chosen.action:
        case "list":
            return list_issues(
                severity=chosen.severity, status=chosen.status, category=chosen.category, limit=chosen.limit
            )
        case "show":
            return show_issue(chosen.id)
        case _:
            return update_issue(chosen.id, status=chosen.status, note=chosen.note)


def list_issues(*, severity: str, status: str, category: str, limit: int) -> int:
    """Print issues, the gravest first.

    Args:
        severity: Only these; empty for all.
        status: Only these; empty for all.
        category: Only these; empty for all.
        limit: Most to print.

    Raises:
        UsageError: An argument is not acceptable.
        UnavailableError: The database is down.
    """
    found = _with(
        lambda desk: desk.list_issues(
            severity=severity, status=status, category=category, issue_id="", limit=limit, offset=0
        )
    )
    for each in found.issues:
        print(f"{each.severity}  {each.status:<11}  {each.occurrences:>5}x  {each.id}  {each.category}: {each.title}")
    print(f"{len(found.issues)} of {found.total} issues")
    return 0


def show_issue(issue_id: str) -> int:
    """Print all that is known of an issue.

    Raises:
        NotFoundError: There is no such issue.
        UnavailableError: The database is down.
    """
    found = _with(
        lambda desk: desk.list_issues(severity="", status="", category="", issue_id=issue_id, limit=1, offset=0)
    )
    (issue,) = found.issues
    print(f"{issue.title}\n")
    print(f"{issue.severity}, {issue.category}, {issue.status}, {issue.occurrences} times")
    print(f"from {issue.created_at} to {issue.last_seen}\n")
    print(issue.description)
    if issue.context:
        print(f"\n{json.dumps(issue.context, indent=2, ensure_ascii=False)}")
    for note in issue.notes:
        print(f"\n{note.at}  {note.status}: {note.note}")
    return 0


def update_issue(issue_id: str, *, status: str, note: str) -> int:
    """Change an issue's status, add a note, or both.

    Raises:
        UsageError: There is nothing to change.
        NotFoundError: There is no such issue.
        ConflictError: It is closed, and a newer one counts the same error.
        UnavailableError: The database is down.
    """
    changed = _with(lambda desk: desk.update_issue(issue_id=issue_id, status=status, note=note))
    print(f"{changed.issue_id} is {changed.status}")
    if changed.document_id:
        print(f"its fix is document {changed.document_id}")
    for problem in changed.notes:
        print(problem)
    return 0


def _with(act: Callable[[Desk], Awaitable[T]]) -> T:
    async def run() -> T:
        stack = Stack(load_settings())
        try:
            return await act(await stack.desk())
        finally:
            await stack.close()

    return asyncio.run(run())
