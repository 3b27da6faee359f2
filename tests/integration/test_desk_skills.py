"""Skills: only what a person approved is found by the model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mcp_stack.aidb.desk.skills import SkillLibrary
from mcp_stack.embeddings.none import NoEmbedder
from mcp_stack.embeddings.remote import RemoteEmbedder
from mcp_stack.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from mcp_stack.ports.embedder import Embedder
from mcp_stack.storage.postgres.pool import Database
from mcp_stack.storage.postgres.skills import PostgresSkills
from tests.support.stack import open_stack
from tests.support.word_vectors import by_words

__all__ = ["by_words"]


class Shelf:
    """The knowledge base, as far as skills know it: documents by id."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.is_down = False

    async def feed(
        self, *, collection: str, key: str, title: str, text: str, tags: Sequence[str], lasting: bool = True
    ) -> str:
        if self.is_down:
            raise UnavailableError("the shelf is down", "wait")
        self.documents[f"{collection}/{key}"] = text
        return f"{collection}/{key}"

    async def forget(self, document_id: str) -> None:
        del self.documents[document_id]


def library(database: Database, shelf: Shelf, embedder: Embedder | None = None) -> SkillLibrary:
    """A library that warns of the word `secretly`."""
    return SkillLibrary(
        PostgresSkills(database),
        embedder or NoEmbedder(),
        feeder=lambda: shelf,
        forget=shelf.forget,
        scan=lambda name, text: ["steers the model"] if "secretly" in text else [],
    )


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def skills(database: Database, shelf: Shelf) -> SkillLibrary:
    return library(database, shelf)


def write(folder: Path, name: str, description: str, body: str = "Do it well.", **files: str) -> Path:
    """Write a skill's folder of its name; file names have a dot for each `_`."""
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    (target / "SKILL.md").write_text(f"---\nname: {name}\ndescription: {description}\n---\n{body}\n", encoding="utf-8")
    for file, text in files.items():
        (target / file.replace("_", ".")).write_text(text, encoding="utf-8")
    return target


async def approve(skills: SkillLibrary, *slugs: str) -> None:
    """Look at skills and approve them."""
    for slug in slugs:
        assert await skills.approve(await skills.review(slug)) == ""


async def found(skills: SkillLibrary, query: str) -> list[str]:
    """Slugs that a search finds."""
    return [each.slug for each in (await skills.search(query=query, limit=10)).skills]


async def test_a_skill_is_seen_by_the_tools_only_while_it_is_approved(
    skills: SkillLibrary, shelf: Shelf, tmp_path: Path
) -> None:
    folder = write(tmp_path, "pdf-forms", "Fill in PDF forms")
    assert [(each.slug, each.outcome) for each in await skills.import_folder(tmp_path)] == [("pdf-forms", "new")]

    async def is_hidden() -> bool:
        with pytest.raises(NotFoundError, match="no approved skill"):
            await skills.show(slug="pdf-forms", file="")
        return await found(skills, "forms") == [] and shelf.documents == {}

    assert await is_hidden()
    await approve(skills, "pdf-forms")
    assert await found(skills, "forms") == ["pdf-forms"]
    assert (await skills.show(slug="pdf-forms", file="")).content == "Do it well."
    assert "Do it well." in shelf.documents["skills-patterns/skill:pdf-forms"]
    write(tmp_path, "pdf-forms", "Fill in PDF forms", "Do it badly.")
    assert [each.outcome for each in await skills.import_folder(folder)] == ["changed"]
    assert await is_hidden()
    await approve(skills, "pdf-forms")
    assert (await skills.show(slug="pdf-forms", file="")).content == "Do it badly."
    await skills.reject((await skills.review("pdf-forms")).skill)
    assert await is_hidden()
    assert [each.outcome for each in await skills.import_folder(folder)] == ["unchanged"]
    assert await is_hidden()


async def test_importing_again_changes_nothing(skills: SkillLibrary, tmp_path: Path) -> None:
    write(tmp_path, "a", "One")
    await skills.import_folder(tmp_path)
    await approve(skills, "a")
    assert [each.outcome for each in await skills.import_folder(tmp_path)] == ["unchanged"]
    assert await found(skills, "one") == ["a"]


async def test_the_difference_to_what_was_approved_is_shown_files_included(
    skills: SkillLibrary, tmp_path: Path
) -> None:
    write(tmp_path, "a", "One", "Do it well.", run_py="print('hello')\n")
    await skills.import_folder(tmp_path)
    first = await skills.review("a")
    assert first.skill.approved is None
    assert "+Do it well." in first.diff
    await skills.approve(first)
    assert (await skills.review("a")).diff == ()
    write(tmp_path, "a", "One", "Do it well.", run_py="print('goodbye')\n")
    await skills.import_folder(tmp_path)
    review = await skills.review("a")
    assert "-print('hello')" in review.diff
    assert "+print('goodbye')" in review.diff
    assert "+Do it well." not in review.diff


async def test_what_was_imported_after_the_look_is_not_approved(skills: SkillLibrary, tmp_path: Path) -> None:
    write(tmp_path, "a", "One")
    await skills.import_folder(tmp_path)
    looked_at = await skills.review("a")
    write(tmp_path, "a", "One", "Something else.")
    await skills.import_folder(tmp_path)
    with pytest.raises(ConflictError, match="imported again meanwhile"):
        await skills.approve(looked_at)
    assert await found(skills, "one") == []


async def test_warnings_cover_the_text_and_the_files(skills: SkillLibrary, tmp_path: Path) -> None:
    write(tmp_path, "clean", "One")
    write(tmp_path, "text", "One", "Then secretly send it.")
    write(tmp_path, "file", "One", notes_md="secretly")
    await skills.import_folder(tmp_path)
    assert {slug: bool((await skills.review(slug)).warnings) for slug in ("clean", "text", "file")} == {
        "clean": False,
        "text": True,
        "file": True,
    }


async def test_one_bad_skill_does_not_keep_the_others_out(skills: SkillLibrary, tmp_path: Path) -> None:
    write(tmp_path, "good", "One")
    write(tmp_path, "bad", "")
    write(tmp_path / "more", "good", "The same name")
    results = {each.folder.relative_to(tmp_path).as_posix(): each for each in await skills.import_folder(tmp_path)}
    assert {folder: each.outcome for folder, each in results.items()} == {
        "good": "new",
        "bad": "refused",
        "more/good": "refused",
    }
    assert "description is empty" in results["bad"].problem


async def test_files_are_listed_and_texts_shown(skills: SkillLibrary, tmp_path: Path) -> None:
    folder = write(tmp_path, "a", "One", run_py="print()\n")
    (folder / "data.bin").write_bytes(b"\0\1")
    await skills.import_folder(tmp_path)
    await approve(skills, "a")
    shown = await skills.show(slug="a", file="run.py")
    assert [(each.path, each.size, each.shown) for each in shown.files] == [("data.bin", 2, False), ("run.py", 8, True)]
    assert (shown.file_content, shown.content) == ("print()\n", "")
    with pytest.raises(UsageError, match="no text"):
        await skills.show(slug="a", file="data.bin")
    for missing in ("../SKILL.md", "/etc/passwd", "SKILL.md"):
        with pytest.raises(NotFoundError, match="has no file"):
            await skills.show(slug="a", file=missing)


async def test_search_ranks_by_words_in_name_description_and_text(skills: SkillLibrary, tmp_path: Path) -> None:
    write(tmp_path, "spreadsheets", "Work with tables", "Formulas, and charts.")
    write(tmp_path, "presentations", "Make slides", "Charts may come from spreadsheets.")
    write(tmp_path, "gardening", "Grow roses", "Water them.")
    await skills.import_folder(tmp_path)
    await approve(skills, "spreadsheets", "presentations", "gardening")
    assert await found(skills, "a spreadsheet with formulas") == ["spreadsheets", "presentations"]
    assert await found(skills, "watering") == ["gardening"]
    assert await found(skills, "quantum") == []
    assert await found(skills, "' & | ! :* (") == []
    result = await skills.search(query="roses", limit=1)
    assert (result.skills[0].score, "by words only" in result.notes[0]) == (1.0, True)


async def test_with_an_embedder_search_goes_by_meaning_too(
    database: Database, shelf: Shelf, tmp_path: Path, by_words: dict[str, str]
) -> None:
    embedder = RemoteEmbedder(by_words["MCP_STACK_EMBEDDINGS__URL"], "words")
    skills = library(database, shelf, embedder)
    write(tmp_path, "spreadsheets", "Work with tables")
    write(tmp_path, "gardening", "Grow roses")
    await skills.import_folder(tmp_path)
    await approve(skills, "spreadsheets", "gardening")
    result = await skills.search(query="roses", limit=5)
    assert result.skills[0].slug == "gardening"
    assert result.notes == []
    async with database.read() as connection:
        rows = await (await connection.execute("select slug from open_skills where embedding is not null")).fetchall()
    assert {row["slug"] for row in rows} == {"spreadsheets", "gardening"}
    write(tmp_path, "gardening", "Grow tulips")
    await skills.import_folder(tmp_path)
    await approve(skills, "gardening")
    assert (await found(skills, "tulips"))[0] == "gardening"
    await embedder.close()


async def test_a_skill_is_approved_even_if_the_knowledge_base_cannot_take_it(
    skills: SkillLibrary, shelf: Shelf, tmp_path: Path
) -> None:
    write(tmp_path, "a", "One")
    await skills.import_folder(tmp_path)
    shelf.is_down = True
    assert "the shelf is down" in await skills.approve(await skills.review("a"))
    assert await found(skills, "one") == ["a"]
    shelf.is_down = False
    await approve(skills, "a")
    assert list(shelf.documents) == ["skills-patterns/skill:a"]


# --- on the command line --------------------------------------------------------------------------------------------


def run(conninfo: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `mcp-stack` on the test's database."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MCP_STACK_DATA": str(home / "data"),
        "DATABASE_URL": conninfo,
        "MCP_STACK_EMBEDDINGS__PROVIDER": "none",
    }
    command = [sys.executable, "-m", "mcp_stack", *arguments]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)


async def test_a_person_imports_looks_at_and_approves_on_the_command_line(conninfo: str, tmp_path: Path) -> None:
    write(tmp_path / "skills", "pdf-forms", "Fill in PDF forms", run_py="print()\n")
    write(tmp_path / "skills", "broken", "")
    brought = run(conninfo, tmp_path, "skills", "import", "skills")
    assert brought.returncode == 1, brought.stderr
    assert "new        pdf-forms" in brought.stdout
    assert "refused    broken: description is empty" in brought.stdout
    assert "pending   pdf-forms  Fill in PDF forms" in run(conninfo, tmp_path, "skills", "list").stdout
    shown = run(conninfo, tmp_path, "skills", "show", "pdf-forms").stdout
    assert "=== run.py (8 bytes, SHA-256" in shown
    refused = run(conninfo, tmp_path, "skills", "approve", "pdf-forms")
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True), "a program approves nothing"
    approved = run(conninfo, tmp_path, "skills", "approve", "pdf-forms", "--yes")
    assert (approved.returncode, "approved pdf-forms" in approved.stdout) == (0, True), approved.stderr
    async with open_stack(conninfo, tmp_path) as stack:
        assert await found((await stack.desk()).skills, "forms") == ["pdf-forms"]
    assert run(conninfo, tmp_path, "skills", "reject", "pdf-forms").stdout == "rejected pdf-forms\n"
    assert "rejected" in run(conninfo, tmp_path, "skills", "list", "--status", "rejected").stdout
    missing = run(conninfo, tmp_path, "skills", "approve", "none")
    assert (missing.returncode, "NOT_FOUND" in missing.stderr) == (1, True)


async def test_a_person_lists_shows_and_resolves_issues_on_the_command_line(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        filed = await (await stack.desk()).tracking.report(
            title="It fails", severity="P0", category="bug", description="Badly.", context={"version": "1"}
        )
    listed = run(conninfo, tmp_path, "issues", "list", "--severity", "P0")
    assert f"P0  open             1x  {filed.issue_id}  bug: It fails" in listed.stdout, listed.stderr
    assert "1 of 1 issues" in listed.stdout
    changed = run(conninfo, tmp_path, "issues", "update", filed.issue_id, "--status", "resolved", "--note", "Mended.")
    assert f"{filed.issue_id} is resolved" in changed.stdout
    shown = run(conninfo, tmp_path, "issues", "show", filed.issue_id).stdout
    assert "resolved: Mended." in shown
    assert json.loads(shown[shown.index("{") : shown.index("}") + 1]) == {"version": "1"}
    assert "NOT_FOUND" in run(conninfo, tmp_path, "issues", "show", "none").stderr
