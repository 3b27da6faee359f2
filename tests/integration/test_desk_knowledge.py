"""Fixes and skills are knowledge: a question cites them, for as long as they hold."""

from __future__ import annotations

from pathlib import Path

from mcp_stack.composition import Stack
from tests.support.stack import open_stack


async def cited(stack: Stack, question: str) -> set[tuple[str, str]]:
    """Collection and title of every source of an answer."""
    answer = await (await stack.aidb()).knowledge.query(
        query=question, context={}, use_hybrid=False, include_tools=False, session_id="", limit=10
    )
    return {(source.collection, source.title) for source in answer.sources}


async def test_the_fix_of_a_resolved_issue_is_cited_in_its_latest_words(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        desk = await stack.desk()
        filed = await desk.report_issue(
            title="The kettle importer fails",
            severity="P1",
            category="import",
            description="KettleError: lid is missing",
            context={},
        )
        assert await cited(stack, "KettleError lid") == set()
        first = await desk.update_issue(issue_id=filed.issue_id, status="resolved", note="Put the samovar away.")
        again = await desk.update_issue(issue_id=filed.issue_id, status="resolved", note="Install libkettle.")
        assert ("error-solutions", "The kettle importer fails") in await cited(stack, "What about KettleError lid?")
        assert ("error-solutions", "The kettle importer fails") in await cited(stack, "When do I install libkettle?")
        assert first.document_id
        assert again.document_id


async def test_an_approved_skill_is_cited_until_it_is_rejected(conninfo: str, tmp_path: Path) -> None:
    folder = tmp_path / "skills" / "origami"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: origami\ndescription: Fold cranes\n---\nFold the paper twice.\n")
    async with open_stack(conninfo, tmp_path) as stack:
        library = (await stack.desk()).skills
        await library.import_folder(folder)
        assert await cited(stack, "How do I fold the paper of cranes?") == set()
        await library.approve(await library.review("origami"))
        assert await cited(stack, "How to fold paper into cranes?") == {("skills-patterns", "origami")}
        await library.reject((await library.review("origami")).skill)
        assert await cited(stack, "Folding paper into cranes, how?") == set()
