"""Folders: which files are imported, how far an import is, and who waits for it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from mcp_stack.aidb.knowledge.entries import Labels
from mcp_stack.aidb.knowledge.folders import FolderImports, fingerprint_of
from mcp_stack.aidb.knowledge.import_job import MOST_ATTEMPTS
from mcp_stack.aidb.knowledge.models import ImportResult
from mcp_stack.aidb.knowledge.walking import Folder, walk
from mcp_stack.composition import Stack
from mcp_stack.composition.jobs import IMPORT_FOLDER
from mcp_stack.errors import UsageError
from mcp_stack.ports.imports import NewImport, Step
from tests.support.ralph import git
from tests.support.stack import add, open_stack
from tests.support.word_vectors import by_words

__all__ = ["by_words"]

TREE = {
    ".gitignore": (
        "*.log\n/private/\n!important.log\nbuildout\n# a comment\n\\#odd\nsub/*.tmp\n**/deep/secret.md\n[broken\n"
    ),
    "readme.md": "# Readme\n\nroot",
    "debug.log": "noise",
    "important.log": "kept",
    "#odd": "odd",
    "private/key.md": "hidden by a rule",
    "buildout": "a file of that name",
    "sub/.gitignore": "!debug.log\nlocal.md\n/only_here.md\nnested/\n",
    "sub/debug.log": "kept again by the deeper file",
    "sub/local.md": "ignored",
    "sub/a.tmp": "ignored",
    "sub/only_here.md": "ignored",
    "sub/more/only_here.md": "kept: the rule is anchored",
    "sub/more/local.md": "ignored at any depth",
    "sub/nested/x.md": "ignored folder",
    "x/deep/secret.md": "ignored",
    "x/deep/open.md": "kept",
    "private.md": "kept",
}


def make(folder: Path, tree: dict[str, str]) -> Path:
    for name, text in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_ignore_files_mean_what_they_mean_to_git(tmp_path: Path) -> None:
    folder = make(tmp_path / "project", TREE)
    git(folder, "init", "--quiet")
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=folder, capture_output=True, text=True, check=True
    )
    wanted = sorted(name for name in listed.stdout.splitlines() if not Path(name).name.startswith("."))
    assert sorted(walk(folder, [tmp_path]).files) == wanted
    # A folder of the repository obeys the rules of the folders above it too.
    assert sorted(walk(folder / "sub", [tmp_path]).files) == sorted(
        name.removeprefix("sub/") for name in wanted if name.startswith("sub/")
    )


def test_files_are_listed_in_one_order_whatever_their_names(tmp_path: Path) -> None:
    names = ["a.md", "a/b.md", "a-b.md", "a/b/c.md", "a b.md", "Z.md", "é.md"]
    folder = make(tmp_path, dict.fromkeys(names, "words"))
    found = walk(folder, [tmp_path]).files
    assert set(found) == set(names)
    assert found == walk(folder, [tmp_path]).files


def test_what_is_passed_over_is_told_with_its_reason(tmp_path: Path) -> None:
    folder = make(
        tmp_path, {"app.min.js": "x", "yarn.lock": "x", "id.pem": "x", "empty.md": "", "node_modules/a.js": "x"}
    )
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (folder / "link.md").symlink_to("/etc/passwd")
    (folder / "links").symlink_to("/etc")
    found = walk(folder, [tmp_path])
    assert found.files == []
    assert sorted(found.passed_over) == [
        "app.min.js: generated",
        "empty.md: empty",
        "id.pem: may hold a secret",
        "link.md: a link",
        "links: a link",
        "logo.png: binary",
        "yarn.lock: generated",
    ]


def test_a_file_is_a_folder_of_itself(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text("{}")
    found = walk(tmp_path / "options.json", [tmp_path])
    assert isinstance(found, Folder)
    assert (found.files, found.is_file) == (["options.json"], True)


async def sources(stack: Stack) -> dict[str, str]:
    """Collection by source of every document."""
    nothing = {"collection": "", "source": "", "query": "", "cursor": ""}
    listed = await (await stack.aidb()).knowledge.list_documents(**nothing, tags=[], limit=100)
    return {document.source: document.collection for document in listed.documents}


async def test_code_and_documents_of_one_folder_go_where_they_belong(conninfo: str, tmp_path: Path) -> None:
    tree = {
        "README.md": "# Shop\n\nSells things.",
        "src/shop/till.py": "def pay(): ...",
        "docs/guide.html": "<h1>Guide</h1><p>Read me.",
        "ci.yaml": "on: push",
        "Makefile": "all:\n\ttrue\n",
    }
    folder = make(tmp_path / "shop", tree)
    async with open_stack(conninfo, tmp_path) as stack:
        result = await add(stack, path=str(folder), tags=["shop"])
        assert (result.documents, result.state, result.skipped) == (5, "done", [])
        assert {Path(source).name: collection for source, collection in (await sources(stack)).items()} == {
            "README.md": "imported",
            "till.py": "codebase-context",
            "guide.html": "imported",
            "ci.yaml": "imported",
            "Makefile": "codebase-context",
        }
        knowledge = (await stack.aidb()).knowledge
        (hit,) = (
            await knowledge.search_knowledge(query="pay", collection="", tags=["shop"], limit=5, mode="lexical")
        ).hits
        assert hit.title == "src/shop/till.py"


async def test_a_folder_again_changes_nothing_and_changed_files_replace_theirs(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "notes", {f"note{number}.md": f"Number {number}." for number in range(40)})
    async with open_stack(conninfo, tmp_path) as stack:
        first = await add(stack, path=str(folder))
        assert (first.documents, first.duplicates) == (40, 0)
        again = await add(stack, path=str(folder))
        assert (again.documents, again.duplicates, again.chunks) == (0, 40, 0)
        assert again.import_id != first.import_id
        (folder / "note7.md").write_text("Another text.")
        (folder / "new.md").write_text("New here.")
        changed = await add(stack, path=str(folder))
        assert (changed.documents, changed.replaced, changed.duplicates) == (2, 1, 39)
        assert len(await sources(stack)) == 41


async def test_a_folder_again_with_other_labels_says_that_they_were_not_used(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    folder = make(tmp_path / "notes", {f"note{number}.md": f"Number {number}." for number in range(40)})
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        assert not (await add(stack, path=str(folder), tags=["coffee"])).notes
        assert not (await add(stack, path=str(folder))).notes
        (folder / "new.md").write_text("New here.")
        again = await add(stack, path=str(folder), tags=["coffee", "tea"])
        assert (again.documents, again.duplicates) == (1, 40)
        (note,) = again.notes
        assert "stays as it was" in note
        assert note.partition(": ")[2].startswith("tags;")


async def test_what_was_imported_from_files_that_are_gone_is_told_and_kept(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "notes", {"kept.md": "Kept.", "gone.md": "Gone.", "odd#name.md": "Odd."})
    make(tmp_path / "notes2", {"other.md": "Another folder of a like name."})
    async with open_stack(conninfo, tmp_path) as stack:
        first = await add(stack, path=str(folder))
        await add(stack, path=str(tmp_path / "notes2"))
        assert not [note for note in first.notes if "gone" in note]
        (folder / "gone.md").rename(folder / "renamed.md")
        (tmp_path / "notes2" / "other.md").unlink()
        again = await add(stack, path=str(folder))
        (note,) = [note for note in again.notes if "gone" in note]
        assert note.startswith(f"1 documents are of files that are gone, such as {folder / 'gone.md'} (document ")
        document = note.split("(document ")[1].split(")")[0]
        assert (await (await stack.aidb()).knowledge.get_document(document_id=document, offset=0, limit=10)).content


async def test_the_source_that_is_given_stands_before_the_names_of_the_files(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "wiki", {"a/b.md": "words"})
    async with open_stack(conninfo, tmp_path) as stack:
        result = await add(stack, path=str(folder), source="https://wiki.example.org/", title="Ignored")
        assert set(await sources(stack)) == {"https://wiki.example.org/a/b.md"}
        assert any("title is not used" in note for note in result.notes)


async def test_files_that_cannot_be_read_are_skipped_with_the_reason(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "mixed", {"good.md": "words", "bad.pdf": "%PDF-1.4 nothing", "blank.md": " \n"})
    (folder / "data.xyz").write_bytes(bytes(range(256)))
    (folder / "latin.md").write_bytes("Grüße".encode("latin-1"))
    async with open_stack(conninfo, tmp_path) as stack:
        result = await add(stack, path=str(folder))
        assert result.documents == 1
        reasons = dict(entry.split(": ", 1) for entry in result.skipped)
        assert reasons.keys() == {"bad.pdf", "blank.md", "data.xyz", "latin.md"}
        assert "damaged" in reasons["bad.pdf"]
        assert "binary" in reasons["data.xyz"]
        assert "UTF-8" in reasons["latin.md"]


async def test_many_skipped_files_are_counted_rather_than_named(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "many", {f"broken{number:03}.ipynb": "{}" for number in range(130)} | {"good.md": "words"})
    async with open_stack(conninfo, tmp_path) as stack:
        result = await add(stack, path=str(folder))
        assert (result.documents, len(result.skipped)) == (1, 100)
        assert "30 more files were skipped" in result.notes


@pytest.mark.parametrize("tree", [{}, {"logo.png": "x"}])
async def test_a_folder_without_anything_to_import_says_so_at_once(
    conninfo: str, tmp_path: Path, tree: dict[str, str]
) -> None:
    folder = make(tmp_path / "nothing", tree)
    folder.mkdir(exist_ok=True)
    async with open_stack(conninfo, tmp_path) as stack:
        with pytest.raises(UsageError, match="no text files"):
            await add(stack, path=str(folder))


def impatient(stack: Stack, seconds: float) -> None:
    """Answer the callers that soon."""
    ingest = stack._knowledge.service.importing
    parts = ingest._folders
    ingest._folders = FolderImports(parts._imports, parts._jobs, parts._files, seconds)


async def test_the_same_call_again_waits_for_the_import_that_runs(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "docs", {f"{number}.md": f"Text {number}." for number in range(300)})
    async with open_stack(conninfo, tmp_path) as stack:
        impatient(stack, 0.0)
        early: ImportResult = await add(stack, path=str(folder))
        assert early.state == "running"
        assert any("the same call again waits" in note for note in early.notes)
        impatient(stack, 60.0)
        results = await asyncio.gather(add(stack, path=str(folder)), add(stack, path=str(folder)))
        assert {result.import_id for result in results} == {early.import_id}
        assert [(result.state, result.documents) for result in results] == [("done", 300)] * 2
        other = await add(stack, path=str(folder), tags=["other"])
        assert other.import_id != early.import_id
        assert other.duplicates == 300


async def test_a_result_that_nobody_saw_is_told_once_unless_the_folder_changed(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "docs", {"a.md": "Text."})
    async with open_stack(conninfo, tmp_path) as stack:
        impatient(stack, 0.0)
        early = await add(stack, path=str(folder))
        assert early.state == "running"
        await stack._jobs.close()
        assert await stack._jobs.wait_for_worker_to_end(20)
        impatient(stack, 60.0)
        told = await add(stack, path=str(folder))
        assert (told.import_id, told.state, told.documents) == (early.import_id, "done", 1)
        again = await add(stack, path=str(folder))
        assert (again.documents, again.duplicates) == (0, 1)
        assert again.import_id != early.import_id


async def test_a_folder_that_changed_since_a_result_that_nobody_saw_is_imported_again(
    conninfo: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "docs", {"a.md": "Text."})
    async with open_stack(conninfo, tmp_path) as stack:
        new = asked_for(folder)
        started = await stack._jobs.imports.start(new)
        await stack._jobs.imports.finish(started.asked.id, "done")
        assert await stack._jobs.imports.finished(new.fingerprint, 60) is not None
        (folder / "b.md").write_text("Another.")
        result = await add(stack, path=str(folder))
        assert (result.documents, result.import_id == started.asked.id) == (2, False)


async def test_progress_grows_to_the_number_of_files(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "docs", {f"{number:03}.md": f"Text {number}." for number in range(200)})
    seen: list[tuple[int, int]] = []

    async def progress(done: int, total: int, name: str) -> None:
        seen.append((done, total))
        assert not done or name == f"{done - 1:03}.md"

    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, path=str(folder), progress=progress)
    assert seen == sorted(set(seen))
    assert seen[-1] == (200, 200)


def asked_for(folder: Path) -> NewImport:
    """As a call with nothing but the path asks."""
    fingerprint = fingerprint_of(folder, Labels("", "", (), ""))
    return NewImport(str(uuid.uuid4()), fingerprint, str(folder), "", (), "")


async def test_an_import_whose_folder_is_gone_fails_and_says_so(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        started = await stack._jobs.imports.start(asked_for(tmp_path / "gone"))
        await stack._knowledge.handlers[IMPORT_FOLDER](import_id=started.asked.id)
        ended = await stack._jobs.imports.get(started.asked.id)
        assert ended is not None
        assert ended.state == "failed"
        assert "is gone" in ended.notes[0]


async def test_an_import_that_ends_its_worker_again_and_again_is_given_up(conninfo: str, tmp_path: Path) -> None:
    folder = make(tmp_path / "docs", {"a.md": "Text."})
    async with open_stack(conninfo, tmp_path) as stack:
        imports = stack._jobs.imports
        started = await imports.start(asked_for(folder))
        for _ in range(MOST_ATTEMPTS):
            await imports.begin(started.asked.id, 1, [], 0)
        await stack._knowledge.handlers[IMPORT_FOLDER](import_id=started.asked.id)
        ended = await imports.get(started.asked.id)
        assert ended is not None
        assert (ended.state, ended.added) == ("failed", 0)
        assert f"given up after {MOST_ATTEMPTS} attempts" in ended.notes[0]


async def test_a_step_counts_only_where_the_import_is(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        imports = stack._jobs.imports
        import_id = (await imports.start(asked_for(tmp_path))).asked.id
        step = Step("b/ü\udcff.md", 2, added=2)
        assert await imports.advance(import_id, "", step)
        assert not await imports.advance(import_id, "", step)
        assert await imports.advance(import_id, "b/ü\udcff.md", Step("c.md", 1, duplicates=1))
        now = await imports.get(import_id)
        assert now is not None
        assert (now.position, now.done, now.added, now.duplicates) == ("c.md", 3, 2, 1)
        await imports.finish(import_id, "done")
        assert not await imports.advance(import_id, "c.md", Step("d.md", 1))
        assert (await imports.start(asked_for(tmp_path))).asked.id != import_id


async def test_a_folder_that_was_swapped_for_a_link_is_not_followed(conninfo: str, tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", {"secret.md": "The secret words."})
    folder = make(tmp_path / "root" / "docs", {"a.md": "Text."})
    async with open_stack(conninfo, tmp_path / "root", MCP_STACK_DATA=str(tmp_path / "data")) as stack:
        ingest = stack._knowledge.service.importing
        shutil.rmtree(folder)
        folder.symlink_to(outside)
        assert not ingest._files.still_allowed(folder)
        assert not ingest._files.still_allowed(folder / "secret.md")
