"""Single documents of every format, their versions and their duplicates."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.knowledge import ingest
from mcp_stack.composition import Stack
from mcp_stack.errors import DeniedError, UsageError
from tests.support.pdf import pdf_of
from tests.support.stack import add, open_stack
from tests.support.waiting import until
from tests.support.word_vectors import by_words

__all__ = ["by_words"]


async def found(stack: Stack, query: str, **details: Any) -> list[Any]:
    arguments: dict[str, Any] = {"collection": "", "tags": [], "limit": 10, "mode": "hybrid"}
    return (await (await stack.aidb()).knowledge.search_knowledge(query=query, **{**arguments, **details})).hits


async def total(stack: Stack) -> int:
    nothing = {"collection": "", "source": "", "query": "", "cursor": ""}
    return (await (await stack.aidb()).knowledge.list_documents(**nothing, tags=[], limit=1)).total


async def test_files_of_every_format_are_found_by_their_words(conninfo: str, tmp_path: Path) -> None:
    (tmp_path / "manual.pdf").write_bytes(pdf_of(["About the turbine.", "Oil the bearing yearly."], title="Turbine"))
    (tmp_path / "page.html").write_text("<title>Pumps</title><nav>skip me</nav><h1>Pumps</h1><p>Prime the pump first.")
    (tmp_path / "pay.py").write_text(
        "class Till:\n    def refund(self, amount):\n        return -amount\n" + "#\n" * 400
    )
    (tmp_path / "guide.rst").write_text("Ships\n=====\n\nAnchors away.\n")
    (tmp_path / "ports.csv").write_text("port,use\n22,shell\n443,web\n")
    async with open_stack(conninfo, tmp_path) as stack:
        for name in ("manual.pdf", "page.html", "pay.py", "guide.rst", "ports.csv"):
            result = await add(stack, path=str(tmp_path / name))
            assert (result.documents, result.state, result.import_id) == (1, "done", "")
        assert (await found(stack, "bearing oil"))[0].title == "Turbine"
        assert (await found(stack, "prime pump"))[0].excerpt == "Prime the pump first."
        assert await found(stack, "skip") == []
        assert (await found(stack, "refund amount"))[0].collection == "codebase-context"
        assert (await found(stack, "anchors"))[0].collection == "imported"
        assert "22,shell" in (await found(stack, "shell port"))[0].excerpt


async def test_a_text_that_is_html_is_read_as_html(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text="<!DOCTYPE html><title>Kites</title><script>wind()</script><p>Kites fly.", source="web")
        (hit,) = await found(stack, "kites")
        assert (hit.title, hit.excerpt, hit.source) == ("Kites", "Kites fly.", "web")


async def test_the_same_again_with_other_labels_changes_nothing_and_says_which_were_not_used(
    conninfo: str, tmp_path: Path, by_words: dict[str, str]
) -> None:
    async with open_stack(conninfo, tmp_path, **by_words) as stack:
        first = await add(stack, text="One text.", title="First", tags=["a", "b"], source="here")
        for same in ({}, {"title": "First"}, {"tags": ["b"]}, {"source": "here"}):
            again = await add(stack, text="One text.", **same)
            assert (again.duplicate_of, again.notes) == (first.document_id, [])
        (note,) = (await add(stack, text="One text.", title="Second", tags=["b", "c"], source="there")).notes
        assert ": title, tags, source; to change them," in note
        knowledge = (await stack.aidb()).knowledge
        kept = await knowledge.get_document(document_id=first.document_id, offset=0, limit=100)
        assert (kept.title, kept.tags, kept.source) == ("First", ["a", "b"], "here")
        (tmp_path / "note.md").write_text("# Its own title\n\nAnother text.")
        assert not (await add(stack, path=str(tmp_path / "note.md"))).notes
        assert not (await add(stack, path=str(tmp_path / "note.md"))).notes
        (note,) = (await add(stack, path=str(tmp_path / "note.md"), title="Mine")).notes
        assert ": title; to change them," in note


async def test_a_changed_file_replaces_its_older_version(conninfo: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    async with open_stack(conninfo, tmp_path) as stack:
        file.write_text("The password policy is lax.")
        first = await add(stack, path=str(file))
        file.write_text("The password policy is strict.")
        second = await add(stack, path=str(file))
        assert (second.documents, second.replaced, second.duplicates) == (1, 1, 0)
        assert second.document_id != first.document_id
        assert [hit.excerpt for hit in await found(stack, "password policy")] == ["The password policy is strict."]
        assert await found(stack, "lax") == []
        again = await add(stack, path=str(file))
        assert (again.documents, again.replaced, again.duplicate_of) == (0, 0, second.document_id)
        file.write_text("The password policy is lax.")
        assert (await add(stack, path=str(file))).replaced == 1
        assert await total(stack) == 1


async def test_an_older_version_stays_while_another_file_or_text_has_it(conninfo: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one.md", tmp_path / "two.md"
    async with open_stack(conninfo, tmp_path) as stack:
        one.write_text("Shared words.")
        two.write_text("Shared words.")
        await add(stack, path=str(one))
        assert (await add(stack, path=str(two))).duplicates == 1
        await add(stack, text="Shared words.", source="a person")
        one.write_text("Words of its own.")
        assert (await add(stack, path=str(one))).documents == 1
        assert len(await found(stack, "shared")) == 1
        two.write_text("Other words.")
        await add(stack, path=str(two))
        assert len(await found(stack, "shared")) == 1  # somebody imported it as a text
        assert await total(stack) == 3


async def test_a_pinned_document_is_pinned_in_its_new_version(conninfo: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("Version one.")
    async with open_stack(conninfo, tmp_path) as stack:
        first = await add(stack, path=str(file))
        knowledge = (await stack.aidb()).knowledge
        async with stack._stores.database.write() as connection:
            await connection.execute("update imported_documents set pinned = true")
        file.write_text("Version two.")
        second = await add(stack, path=str(file))
        document = await knowledge.get_document(document_id=second.document_id, offset=0, limit=100)
        assert (document.pinned, document.content) == (True, "Version two.")
        assert first.document_id != second.document_id


async def test_many_writers_of_versions_of_one_file_leave_exactly_one(conninfo: str, tmp_path: Path) -> None:
    files = [tmp_path / f"file{number}.md" for number in range(3)]
    async with open_stack(conninfo, tmp_path, MCP_STACK_DATABASE__POSTGRES__POOL__SIZE="8") as stack:

        async def write(number: int) -> None:
            file = files[number % 3]
            draft = tmp_path / f"draft{number}"
            draft.write_text(f"Content {number % 4}.")
            draft.replace(file)
            await add(stack, path=str(file))

        for _ in range(4):
            await asyncio.gather(*(write(number) for number in range(24)))
            for file in files:
                await add(stack, path=str(file))
            contents = {file.read_text() for file in files}
            assert await total(stack) == len(contents)


async def test_the_same_file_in_two_collections_is_two_documents(conninfo: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("First.")
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, path=str(file), collection="one")
        await add(stack, path=str(file), collection="two")
        file.write_text("Second.")
        await add(stack, path=str(file), collection="two")
        assert {hit.collection for hit in await found(stack, "first")} == {"one"}
        assert {hit.collection for hit in await found(stack, "second")} == {"two"}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("locked.pdf", pdf_of(["x"], password="pw"), "encrypted"),
        ("broken.pdf", b"%PDF-1.4 nothing", "damaged"),
        ("empty.pdf", pdf_of([""]), "no text"),
        ("empty.html", b"<html><script>x</script></html>", "no text"),
        ("tool.exe", b"MZ\x00\x01", "binary"),
        ("data.bin2", bytes(range(256)), "binary"),
        ("empty.py", b" \n", "empty"),
        ("bad.ipynb", b"{}", "no Jupyter notebook"),
    ],
)
async def test_a_file_that_cannot_be_read_says_why_and_leaves_nothing(
    conninfo: str, tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    async with open_stack(conninfo, tmp_path) as stack:
        with pytest.raises(UsageError, match=message):
            await add(stack, path=str(tmp_path / name))
        assert await total(stack) == 0


async def test_near_duplicates_are_linked_and_told(conninfo: str, tmp_path: Path) -> None:
    text = "# Backups\n\nBackups run every night at two. They are kept for thirty days on the second machine."
    async with open_stack(conninfo, tmp_path, MCP_STACK_EMBEDDINGS__PROVIDER="llama_cpp") as stack:
        first = await add(stack, text=text)
        assert first.near_duplicates == []
        other = await add(stack, text="# Kites\n\nA kite needs wind, a line and a little patience.")
        assert other.near_duplicates == []
        second = await add(stack, text=text.replace("thirty days", "30 days"))
        assert second.near_duplicates == [first.document_id]
        knowledge = (await stack.aidb()).knowledge
        for one, two in ((first, second), (second, first)):
            document = await knowledge.get_document(document_id=one.document_id, offset=0, limit=10)
            (near,) = document.near_duplicates
            assert near.id == two.document_id
            assert 0.95 < near.similarity < 1


@pytest.mark.parametrize(("bound", "value"), [("PASSAGES_WHILE_THE_CALLER_WAITS", 20), ("SECONDS_TO_EMBED", 0)])
async def test_a_document_that_takes_long_to_embed_is_embedded_in_the_background(
    conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(ingest, bound, value)
    paragraphs = [f"## Part {number}\n\nSection {number} is about subject {number}." for number in range(40)]
    async with open_stack(conninfo, tmp_path, MCP_STACK_EMBEDDINGS__PROVIDER="llama_cpp") as stack:
        result = await add(stack, text="# Long\n\n" + "\n\n".join(paragraphs))
        assert result.chunks == 40
        assert any("in the background" in note for note in result.notes)
        assert (await found(stack, "subject 27"))[0].excerpt == "Section 27 is about subject 27."

        async def embedded() -> bool:
            return await stack._stores.vectors.count() == 41

        await until(embedded, seconds=60)
        assert len(await found(stack, "subject 27", mode="vector")) == 1


async def test_keys_and_passwords_are_not_imported_by_themselves_nor_with_their_folder(
    conninfo: str, tmp_path: Path
) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nsquirrel\n-----END OPENSSH PRIVATE KEY-----\n"
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in {
        "id_rsa": key,
        "backup.txt": key,
        "server.pem": key,
        "credentials.json": '{"squirrel": 1}',
        "client-secret-2.yaml": "squirrel: 1",
        "about-keys.md": f"# Keys\n\nA squirrel's key looks like this:\n\n```\n{key}```\n",
    }.items():
        (folder / name).write_text(text)
    async with open_stack(conninfo, tmp_path) as stack:
        for name in ("id_rsa", "backup.txt", "server.pem", "credentials.json", "client-secret-2.yaml"):
            with pytest.raises(DeniedError, match="may hold a secret"):
                await add(stack, path=str(folder / name))
        result = await add(stack, path=str(folder))
        assert (result.documents, len(result.skipped)) == (1, 5)
        assert all("may hold a secret" in each for each in result.skipped)
        assert [Path(hit.source).name for hit in await found(stack, "squirrel")] == ["about-keys.md"]


async def test_a_book_does_not_hold_up_the_files_behind_it(
    conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shelf"
    folder.mkdir()
    chapters = "\n\n".join(f"# Chapter {number}\n\nThe whale swims on in chapter {number}." for number in range(1100))
    (folder / "book.md").write_text(chapters)
    (folder / "note.md").write_text("# Note\n\nThe harpoon is in the shed.")
    async with open_stack(conninfo, tmp_path, MCP_STACK_EMBEDDINGS__PROVIDER="llama_cpp") as stack:
        result = await add(stack, path=str(folder))
        assert (result.state, result.documents) == ("done", 2)
        assert any("book.md has 1100 passages" in note for note in result.notes)
        vectors = {hit.vector_rank > 0 for hit in await found(stack, "whale harpoon")}
        assert vectors == {True, False}, "the note has vectors, the book is found by its words"
