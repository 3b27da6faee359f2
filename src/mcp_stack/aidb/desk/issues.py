"""The issue tracker: the same error again is counted, and a fix that was found becomes knowledge."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

from ...errors import NotFoundError, StackError, UsageError
from ...masking import masked, without_secrets
from ...normalising import signature
from ...ports.feeding import Feeder
from ...ports.issues import SEVERITIES, STATUSES, Issue, Issues, Report, Severity, Status
from ...validation import checked_choice, checked_context, checked_number, checked_text
from ..arguments import MAX_NAME, checked_limit
from .models import IssueList, IssueNote, IssueReport, IssueSummary, IssueUpdate

logger = logging.getLogger(__name__)

COLLECTION: Final = "error-solutions"
MAX_TITLE: Final = 300
MAX_DESCRIPTION: Final = 10_000
MAX_NOTE: Final = 4_000
MAX_CONTEXT: Final = 20_000
MAX_OFFSET: Final = 1_000_000
# Of each issue in a list: whole descriptions would fill a client's window.
SUMMARY_CHARACTERS: Final = 300
NOTES_SHOWN: Final = 20


class IssueTracker:
    """Reports, lists and changes issues.

    Args:
        issues: Where they are.
        feeder: Gives what takes the fix of a resolved issue into the knowledge base; asked when one is resolved.
    """

    def __init__(self, issues: Issues, feeder: Callable[[], Feeder]) -> None:
        self._issues = issues
        self._feeder = feeder

    async def report(
        self, *, title: str, severity: str, category: str, description: str, context: Mapping[str, Any]
    ) -> IssueReport:
        """File an issue, or count it as an occurrence of the one that it is.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The store is down or full.
        """
        checked_choice("severity", severity, SEVERITIES)
        checked_context(context, MAX_CONTEXT)
        title = checked_text("title", title, MAX_TITLE)
        category = checked_text("category", category, MAX_NAME).lower()
        description = checked_text("description", description, MAX_DESCRIPTION)
        filed = await self._issues.file(
            Report(
                title=without_secrets(title),
                severity=cast("Severity", severity),
                category=category,
                description=without_secrets(description),
                context=masked(context),
                # Of what was said, not of what is left of it: a mask would make two messages the same.
                signature=signature(category, title, description),
            )
        )
        return IssueReport(
            issue_id=filed.issue_id,
            status=filed.status,
            severity=filed.severity,
            occurrences=filed.occurrences,
            reopened=filed.reopened,
        )

    async def listed(
        self, *, severity: str, status: str, category: str, issue_id: str, limit: int, offset: int
    ) -> IssueList:
        """Issues, the gravest first, or one of them in full.

        Raises:
            UsageError: An argument is not acceptable.
            NotFoundError: There is no issue of that id.
            UnavailableError: The store is down.
        """
        checked_choice("severity", severity, ("", *SEVERITIES))
        checked_choice("status", status, ("", *STATUSES))
        category = checked_text("category", category, MAX_NAME, required=False).lower()
        issue_id = checked_text("issue_id", issue_id, MAX_NAME, required=False)
        checked_limit(limit)
        checked_number("offset", offset, 0, MAX_OFFSET)
        if issue_id:
            return IssueList(issues=[_in_full(await self.one(issue_id))], total=1)
        page = await self._issues.list(
            severity=cast("Severity | Literal['']", severity),
            status=cast("Status | Literal['']", status),
            category=category,
            limit=limit,
            offset=offset,
        )
        return IssueList(issues=[_in_brief(issue) for issue in page.issues], total=page.total)

    async def one(self, issue_id: str) -> Issue:
        """One issue.

        Raises:
            NotFoundError: There is no issue of that id.
            UnavailableError: The store is down.
        """
        issue = await self._issues.get(issue_id)
        if issue is None:
            raise NotFoundError(f"there is no issue {issue_id[:80]!r}", "see `list_issues` for the ids")
        return issue

    async def update(self, *, issue_id: str, status: str, note: str) -> IssueUpdate:
        """Change an issue's status, or add a note; the note of a resolved one is its fix, and becomes knowledge.

        Raises:
            UsageError: An argument is not acceptable, or nothing is to be changed.
            NotFoundError: There is no such issue.
            ConflictError: A closed one cannot be opened again, for a newer one counts the same error.
            UnavailableError: The store is down or full.
        """
        issue_id = checked_text("id", issue_id, MAX_NAME)
        checked_choice("status", status, ("", *STATUSES))
        note = without_secrets(checked_text("note", note, MAX_NOTE, required=False))
        if not status and not note:
            raise UsageError("neither status nor note is given", "give the new status, or say what was done")
        issue = await self._issues.update(issue_id, cast("Status | Literal['']", status), note)
        document, problem = await self._learned(issue) if issue.status == "resolved" and note else ("", "")
        return IssueUpdate(
            issue_id=issue.id,
            status=issue.status,
            severity=issue.severity,
            occurrences=issue.occurrences,
            document_id=document,
            notes=[problem] if problem else [],
        )

    async def _learned(self, issue: Issue) -> tuple[str, str]:
        """Take the fix into the knowledge base; id of the document, or what went wrong, for the issue is resolved."""
        fixes = [each.note for each in issue.notes if each.status == "resolved" and each.note]
        text = f"# {issue.title}\n\n{issue.description}\n\n## Solution\n\n" + "\n\n".join(fixes)
        try:
            document = await self._feeder().feed(
                collection=COLLECTION,
                key=f"issue:{issue.id}",
                title=issue.title,
                text=text,
                tags=[issue.category, issue.severity],
            )
        except StackError as error:
            logger.warning("the fix of issue %s is not in %s: %s", issue.id, COLLECTION, error)
            return "", f"the fix is not in {COLLECTION} yet: {error.problem}; update it again with the note"
        return document, ""


def _in_brief(issue: Issue) -> IssueSummary:
    shown = _in_full(issue)
    if len(shown.description) > SUMMARY_CHARACTERS:
        shown.description = shown.description[: SUMMARY_CHARACTERS - 1].rstrip() + "…"
    shown.context, shown.notes = {}, []
    return shown


def _in_full(issue: Issue) -> IssueSummary:
    return IssueSummary(
        id=issue.id,
        title=issue.title,
        severity=issue.severity,
        category=issue.category,
        status=issue.status,
        occurrences=issue.occurrences,
        description=issue.description,
        context={**issue.context, "incidents": list(issue.incidents)} if issue.incidents else issue.context,
        notes=[
            IssueNote(at=each.at.isoformat(), status=each.status, note=each.note) for each in issue.notes[-NOTES_SHOWN:]
        ],
        created_at=issue.created_at.isoformat(),
        last_seen=issue.last_seen.isoformat(),
    )
