"""The issue tracker: the same error is one issue, over processes and restarts, and bugs file themselves."""

from __future__ import annotations

import asyncio
import multiprocessing
import uuid
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.desk.bugs import Bugs
from mcp_stack.aidb.desk.issues import IssueTracker
from mcp_stack.cli.servers import build_server
from mcp_stack.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from mcp_stack.ports.issues import Issue, Report
from mcp_stack.storage.postgres.issues import MOST_INCIDENTS, PostgresIssues
from mcp_stack.storage.postgres.pool import Database
from tests.support.postgres import open_database
from tests.support.stack import open_stack
from tests.support.waiting import until

ALL: dict[str, Any] = {"severity": "", "status": "", "category": "", "issue_id": "", "limit": 20, "offset": 0}


class Shelf:
    """A feeder that keeps what it is fed."""

    def __init__(self) -> None:
        self.fed: dict[tuple[str, str], str] = {}
        self.is_down = False

    async def feed(
        self, *, collection: str, key: str, title: str, text: str, tags: object, lasting: bool = True
    ) -> str:
        if self.is_down:
            raise UnavailableError("the shelf is down", "wait")
        self.fed[collection, key] = text
        return f"document of {key}"


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def tracker(database: Database, shelf: Shelf) -> IssueTracker:
    return IssueTracker(PostgresIssues(database), lambda: shelf)


def failure(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A report whose numbers, ids and paths are others each time."""
    report = {
        "title": f"Import of /data/{uuid.uuid4()}/a{number}.pdf failed",
        "severity": "P1",
        "category": "import",
        "description": f"page {number} at 0x{number:08x} is 'broken {number}'",
        "context": {},
    }
    return report | changes


async def test_the_same_error_again_is_an_occurrence_and_another_error_is_not(tracker: IssueTracker) -> None:
    first = await tracker.report(**failure(1))
    again = await tracker.report(**failure(22))
    other = await tracker.report(**failure(3, description="the disk is full"))
    assert (first.occurrences, first.status, first.reopened) == (1, "open", False)
    assert (again.issue_id, again.occurrences) == (first.issue_id, 2)
    assert (other.issue_id != first.issue_id, other.occurrences) == (True, 1)
    listed = await tracker.listed(**ALL)
    assert (listed.total, {each.id for each in listed.issues}) == (2, {first.issue_id, other.issue_id})


async def test_a_graver_report_makes_the_issue_graver_and_a_lighter_one_does_not(tracker: IssueTracker) -> None:
    assert (await tracker.report(**failure(severity="P2"))).severity == "P2"
    assert (await tracker.report(**failure(severity="P0"))).severity == "P0"
    assert (await tracker.report(**failure(severity="P1"))).severity == "P0"


async def test_a_resolved_issue_that_occurs_again_is_reopened_once(tracker: IssueTracker) -> None:
    issue = (await tracker.report(**failure())).issue_id
    await tracker.update(issue_id=issue, status="resolved", note="")
    again = await tracker.report(**failure())
    assert (again.issue_id, again.status, again.reopened, again.occurrences) == (issue, "open", True, 2)
    assert not (await tracker.report(**failure())).reopened
    (shown,) = (await tracker.listed(**{**ALL, "issue_id": issue})).issues
    assert "occurred again" in shown.notes[-1].note


async def test_work_in_progress_stays_in_progress_when_it_occurs_again(tracker: IssueTracker) -> None:
    issue = (await tracker.report(**failure())).issue_id
    await tracker.update(issue_id=issue, status="in_progress", note="looking into it")
    assert (await tracker.report(**failure())).status == "in_progress"


async def test_a_closed_issue_stays_closed_and_the_error_is_filed_anew(tracker: IssueTracker) -> None:
    closed = (await tracker.report(**failure())).issue_id
    await tracker.update(issue_id=closed, status="closed", note="will not be fixed")
    newer = await tracker.report(**failure())
    assert (newer.issue_id != closed, newer.occurrences) == (True, 1)
    with pytest.raises(ConflictError, match="a newer one counts the same error"):
        await tracker.update(issue_id=closed, status="open", note="")


async def test_reports_at_the_same_instant_are_counted_exactly(database: Database, tracker: IssueTracker) -> None:
    filed = await asyncio.gather(*(tracker.report(**failure(number)) for number in range(30)))
    assert len({each.issue_id for each in filed}) == 1
    assert sorted(each.occurrences for each in filed) == list(range(1, 31))


def _report_often(conninfo: str, times: int) -> None:
    async def report() -> None:
        database = open_database(conninfo)
        for number in range(times):
            await IssueTracker(PostgresIssues(database), Shelf).report(**failure(number))
        await database.close()

    asyncio.run(report())


async def test_occurrences_of_several_processes_are_counted_together_and_survive_them(
    conninfo: str, tracker: IssueTracker
) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_report_often, args=(conninfo, 20)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join, 60)
    (issue,) = (await tracker.listed(**ALL)).issues
    assert issue.occurrences == 60


async def test_lists_are_filtered_ordered_and_paged(tracker: IssueTracker) -> None:
    for letter in "abcdef":
        await tracker.report(**failure(title=f"Failure {letter}", severity="P0" if letter in "bd" else "P2"))
    await tracker.report(**failure(title="Failure x", category="UI", severity="P1"))
    everything = (await tracker.listed(**ALL)).issues
    assert [each.title[-1] for each in everything] == list("dbxfeca")
    page = await tracker.listed(**{**ALL, "limit": 2, "offset": 1})
    assert ([each.title[-1] for each in page.issues], page.total) == (["b", "x"], 7)
    beyond = await tracker.listed(**{**ALL, "offset": 100})
    assert (beyond.issues, beyond.total) == ([], 7)
    assert (await tracker.listed(**{**ALL, "severity": "P0"})).total == 2
    assert [each.category for each in (await tracker.listed(**{**ALL, "category": "ui"})).issues] == ["ui"]
    await tracker.update(issue_id=everything[0].id, status="resolved", note="")
    assert (await tracker.listed(**{**ALL, "status": "resolved"})).total == 1


async def test_a_list_is_brief_and_one_issue_is_whole(tracker: IssueTracker) -> None:
    long = "word " * 500
    issue = (await tracker.report(**failure(description=long, context={"version": "1.2"}))).issue_id
    (brief,) = (await tracker.listed(**ALL)).issues
    (whole,) = (await tracker.listed(**{**ALL, "issue_id": issue})).issues
    assert (len(brief.description), brief.context) == (300, {})
    assert (whole.description, whole.context) == (long.strip(), {"version": "1.2"})


async def test_secrets_are_masked_before_anything_is_stored(database: Database, tracker: IssueTracker) -> None:
    secret = "hunter2hunter2"
    await tracker.report(
        title=f"Login to postgresql://ada:{secret}@db/x failed",
        severity="P1",
        category="bug",
        description=f"Authorization: Bearer {secret}\npassword={secret}\n{{'api_key': '{secret}'}}",
        context={
            "url": f"https://ada:{secret}@example.org/",
            "headers": {"Authorization": secret, "Accept": "text/html"},
            "apiKey": secret,
            "nested": [{"db_password": secret, "tokens_in": 5}],
            "said": f"the key is sk-ant-{secret}x",
        },
    )
    (issue,) = (await PostgresIssues(database).list()).issues
    assert secret not in repr(issue)
    assert issue.context["headers"]["Accept"] == "text/html"
    assert issue.context["nested"] == [{"db_password": "********", "tokens_in": 5}]


async def test_the_fix_of_a_resolved_issue_becomes_knowledge_once(tracker: IssueTracker, shelf: Shelf) -> None:
    issue = (await tracker.report(**failure())).issue_id
    await tracker.update(issue_id=issue, status="", note="looked at it")
    assert shelf.fed == {}
    resolved = await tracker.update(issue_id=issue, status="resolved", note="Update the PDF library to 4.2.")
    assert resolved.document_id == f"document of issue:{issue}"
    text = shelf.fed["error-solutions", f"issue:{issue}"]
    assert "is 'broken 1'" in text
    assert "Update the PDF library" in text
    assert "looked at it" not in text


async def test_an_issue_is_resolved_even_if_its_fix_cannot_be_stored(tracker: IssueTracker, shelf: Shelf) -> None:
    issue = (await tracker.report(**failure())).issue_id
    shelf.is_down = True
    resolved = await tracker.update(issue_id=issue, status="resolved", note="Restart it.")
    assert resolved.status == "resolved"
    assert "the shelf is down" in resolved.notes[0]
    shelf.is_down = False
    assert (await tracker.update(issue_id=issue, status="resolved", note="Restart it.")).document_id


async def test_an_issue_that_does_not_exist_is_not_found(tracker: IssueTracker) -> None:
    for missing in (str(uuid.uuid4()), "7", "x" * 150):
        with pytest.raises(NotFoundError):
            await tracker.update(issue_id=missing, status="closed", note="")
        with pytest.raises(NotFoundError):
            await tracker.listed(**{**ALL, "issue_id": missing})


async def test_an_update_without_anything_to_change_is_refused(tracker: IssueTracker) -> None:
    issue = (await tracker.report(**failure())).issue_id
    with pytest.raises(UsageError, match="neither status nor note"):
        await tracker.update(issue_id=issue, status="", note="")


# --- bugs -----------------------------------------------------------------------------------------------------------


async def test_a_bug_of_any_server_files_itself_and_the_same_bug_is_counted(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        for name, tool in (("aidb", "health"), ("hybrid-coordinator", "routing_stats"), ("embeddings", "embed_texts")):
            server = build_server(name, stack)
            for number in range(2):
                _break(server, tool, f"password=hunter2 for row {number} of /srv/{number}/x.db is 'gone'")
                result = await server.call_tool(tool, {"texts": ["a"]} if tool == "embed_texts" else {})
                assert result.content[0].text.startswith("INTERNAL: "), result
        issues = (await stack._stores.issues.list()).issues
    assert [each.occurrences for each in issues] == [2, 2, 2]
    bug = next(each for each in issues if "aidb.health" in each.title)
    assert (bug.severity, bug.category, bug.context["where"]) == ("P1", "bug", "aidb.health")
    assert bug.description.startswith("ZeroDivisionError: password=")
    assert "in StrictTool._run" in bug.description
    assert "hunter2" not in repr(bug)
    assert len(set(bug.incidents)) == 2


def _break(server: Any, tool: str, message: str) -> None:
    async def broken(*args: object, **options: object) -> None:
        raise ZeroDivisionError(message)

    server._tool_manager.get_tool(tool).fn = broken


async def test_the_latest_incidents_are_kept(database: Database) -> None:
    bugs, numbers = Bugs(PostgresIssues(database)), range(MOST_INCIDENTS + 5)
    for number in numbers:
        await bugs.report("aidb.query", f"incident{number}", KeyError("x"))
    (issue,) = (await PostgresIssues(database).list()).issues
    assert issue.incidents == tuple(f"incident{number}" for number in numbers)[-MOST_INCIDENTS:]
    assert issue.occurrences == len(numbers)


async def test_a_bug_while_the_database_is_down_or_the_tracker_broken_is_in_the_log_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = open_database("host=/nonexistent dbname=none connect_timeout=1")
    database._size = type(database._size)(0, 1, timeout_seconds=1)
    await Bugs(PostgresIssues(database)).report("aidb.query", "abc123", KeyError("x"))
    await database.close()
    assert "incident abc123 is in this log only" in caplog.text

    class Broken(PostgresIssues):
        async def file(self, report: Report) -> Any:
            raise RuntimeError("tracker")

    await Bugs(Broken(database)).report("aidb.query", "def456", KeyError("x"))
    assert "incident def456 could not be filed" in caplog.text


async def test_a_job_that_fails_by_a_bug_files_itself_and_one_that_lacks_a_store_does_not(
    conninfo: str, tmp_path: Path
) -> None:
    async def buggy() -> None:
        raise LookupError("nothing at 17")

    async def waiting() -> None:
        raise UnavailableError("the model is down", "wait")

    async with open_stack(conninfo, tmp_path) as stack:
        (tmp_path / "data").mkdir(exist_ok=True)
        worker = stack._jobs.worker(
            {"buggy": buggy, "waiting": waiting}, [], stack.report, on_demand=True, close=stack._jobs.close
        )
        async with stack._stores.database.write() as connection:
            from mcp_stack.jobs.app import JobAdder

            for job in ("waiting", "buggy"):
                await JobAdder().add(connection, job, {}, queue=stack._jobs.chores)
        running = asyncio.create_task(worker.run())

        async def issues() -> tuple[Issue, ...]:
            return (await stack._stores.issues.list()).issues

        async def filed() -> bool:
            return bool(await issues())

        await until(filed)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        (issue,) = await issues()
        assert issue.title == "LookupError in buggy: nothing at <number>"


async def test_a_bug_is_told_in_its_own_words_whatever_they_are_made_of(database: Database) -> None:
    issues = PostgresIssues(database)
    await Bugs(issues).report("aidb.query", "0a1b2c", ValueError("'LexicalHits' has no\0 'weights'\udc80"))
    (bug,) = (await issues.list(severity="", status="", category="bug", limit=5, offset=0)).issues
    assert bug.description.startswith("ValueError: 'LexicalHits' has no\ufffd 'weights'\ufffd")
