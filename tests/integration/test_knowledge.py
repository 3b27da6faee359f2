"""Documents go in once and are found by their words and by their meaning."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.knowledge.models import SearchResult
from mcp_stack.cli.servers import SERVERS, build_server
from mcp_stack.composition import Stack
from mcp_stack.errors import DeniedError, NotFoundError, RateLimitedError, UnavailableError, UsageError
from tests.support.stack import add, open_stack


async def find(stack: Stack, query: str, **details: Any) -> SearchResult:
    arguments: dict[str, Any] = {"collection": "", "tags": [], "limit": 10, "mode": "hybrid"}
    return await (await stack.aidb()).knowledge.search_knowledge(query=query, **{**arguments, **details})


async def test_importing_the_same_text_twice_changes_nothing(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        first = await add(stack, text="# Firewall\n\nOpen port 22 for SSH.", source="notes")
        again = await add(stack, text="# Firewall\n\nOpen port 22 for SSH.", source="elsewhere")
        assert (first.documents, first.duplicates, first.duplicate_of) == (1, 0, "")
        assert (again.documents, again.duplicates, again.duplicate_of) == (0, 1, first.document_id)
        assert len((await find(stack, "firewall port")).hits) == 1


async def test_many_writers_of_the_same_text_store_it_once(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        results = await asyncio.gather(*(add(stack, text="The same words.") for _ in range(12)))
        assert sum(result.documents for result in results) == 1
        assert len({result.document_id for result in results}) == 1


async def test_the_document_that_says_it_best_comes_first_with_its_passage(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text="# Cooking\n\nBoil the pasta in salted water. Networks of pasta are tasty.", source="a")
        await add(
            stack,
            text="# Networking\n\nintro\n\n## Firewall\n\nThe firewall opens a port.\n\n## DNS\n\nNames.",
            source="b",
        )
        await add(stack, text="# Release notes\n\nNothing of interest.", source="c")
        hits = (await find(stack, "How do I open a port in the firewall?")).hits
        assert hits[0].source == "b"
        assert hits[0].excerpt == "The firewall opens a port."
        assert hits[0].lexical_rank == 1
        assert "c" not in {hit.source for hit in hits}


async def test_code_and_quotes_in_a_question_are_just_words(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text="Call pool.getconn(timeout=5) and then putconn.")
        for query in (
            "what's `pool.getconn(timeout=5)`?",
            "'; drop table issues; --",
            "a & b | !c <-> (d",
            "%s %(x)s {}",
        ):
            await find(stack, query)
        assert (await find(stack, "what's `pool.getconn(timeout=5)`?")).hits


async def test_collections_and_tags_narrow_a_search(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, text="Backups run daily.", collection="ops", tags=["backup", "cron"])
        await add(stack, text="Backups are stored off site.", collection="policy", tags=["backup"])
        assert len((await find(stack, "backups")).hits) == 2
        assert [hit.collection for hit in (await find(stack, "backups", collection="ops")).hits] == ["ops"]
        assert [hit.collection for hit in (await find(stack, "backups", tags=["cron", "backup"])).hits] == ["ops"]
        assert (await find(stack, "backups", collection="none")).hits == []


async def test_without_an_embedder_a_search_goes_by_words_and_says_so(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        imported = await add(stack, text="Words are enough.")
        assert any("by words only" in note for note in imported.notes)
        found = await find(stack, "words")
        assert len(found.hits) == 1
        assert any("by words only" in note for note in found.notes)
        with pytest.raises(UnavailableError):
            await find(stack, "words", mode="vector")


async def test_a_folder_is_imported_with_progress_and_hidden_files_stay_out(conninfo: str, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "sub" / ".hidden").mkdir(parents=True)
    (docs / "node_modules").mkdir()
    (docs / "one.md").write_text("# One\n\nalpha")
    (docs / "sub" / "two.txt").write_text("beta")
    (docs / "broken.md").write_bytes(b"\xff\xfe\x00\xd8")
    (docs / "image.png").write_bytes(b"\x89PNG")
    (docs / ".env").write_text("SECRET=1")
    (docs / "sub" / ".hidden" / "three.md").write_text("gamma")
    (docs / "node_modules" / "readme.md").write_text("delta")
    seen: list[tuple[int, int, str]] = []

    async def progress(done: int, total: int, name: str) -> None:
        seen.append((done, total, name))

    async with open_stack(conninfo, tmp_path) as stack:
        result = await add(stack, path=str(docs), progress=progress)
        assert result.documents == 2
        assert [entry.split(":")[0] for entry in result.skipped] == ["broken.md", "image.png"]
        assert seen[-1] == (3, 3, "sub/two.txt")
        assert (await find(stack, "gamma delta")).hits == []


async def test_paths_outside_the_allowed_roots_are_denied_before_it_is_said_whether_they_exist(
    conninfo: str, tmp_path: Path
) -> None:
    (tmp_path / "link.md").symlink_to("/etc/passwd")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id.txt").write_text("secret")
    async with open_stack(conninfo, tmp_path) as stack:
        outside = ("/etc/passwd", "/nowhere/at/all", str(tmp_path / ".." / "x"), str(tmp_path / "link.md"), "~nobody/x")
        for path in outside:
            with pytest.raises((DeniedError, UsageError)):
                await add(stack, path=path)
        with pytest.raises(DeniedError, match="hidden"):
            await add(stack, path=str(tmp_path / ".ssh" / "id.txt"))
        with pytest.raises(NotFoundError):
            await add(stack, path=str(tmp_path / "missing.md"))


async def test_files_that_are_no_text_are_refused(conninfo: str, tmp_path: Path) -> None:
    (tmp_path / "binary.md").write_bytes(bytes(range(256)))
    (tmp_path / "nul.md").write_bytes(b"text\0text")
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "large.md").write_text("x" * 2000)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder").mkdir()
    async with open_stack(conninfo, tmp_path, MCP_STACK_SECURITY__MAX_DOCUMENT_BYTES="1000") as stack:
        for name, message in {
            "binary.md": "binary",
            "nul.md": "binary",
            "empty.md": "empty",
            "large.md": "2000 bytes",
            "pipe.md": "no regular file",
            "folder": "no text files",
        }.items():
            with pytest.raises(UsageError, match=message):
                await add(stack, path=str(tmp_path / name))
        with pytest.raises(UsageError, match="exactly one"):
            await add(stack, text="a", path="b")
        listed = await (await stack.aidb()).knowledge.list_documents(
            collection="", tags=[], source="", query="", limit=10, cursor=""
        )
        assert listed.total == 0


async def test_texts_in_other_encodings_and_scripts_are_read(conninfo: str, tmp_path: Path) -> None:
    (tmp_path / "utf16.md").write_text("# Überschrift\n\nGrüße aus Köln", encoding="utf-16")
    (tmp_path / "mark.md").write_text("한국어 문서입니다", encoding="utf-8-sig")
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, path=str(tmp_path / "utf16.md"))
        await add(stack, path=str(tmp_path / "mark.md"))
        assert (await find(stack, "Grüße")).hits[0].title == "Überschrift"
        assert (await find(stack, "한국어")).hits


async def test_a_disk_that_is_nearly_full_refuses_writes_and_still_reads(tmp_path: Path) -> None:
    async with open_stack("", tmp_path) as stack:
        await add(stack, text="Kept words.")
    async with open_stack("", tmp_path, MCP_STACK_DATABASE__EMBEDDED__MIN_FREE_MB="100000000") as stack:
        with pytest.raises(UnavailableError, match="MB free"):
            await add(stack, text="New words.")
        assert (await find(stack, "kept")).hits


async def test_a_client_that_asks_too_often_is_told_when_to_come_back(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path, MCP_STACK_SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE="3") as stack:
        for _ in range(3):
            await stack.admit("one")
        with pytest.raises(RateLimitedError, match="try again in") as caught:
            await stack.admit("one")
        assert 0 < caught.value.retry_after_seconds <= 20
        await stack.admit("another")


@pytest.mark.parametrize("name", SERVERS)
async def test_every_server_limits_its_clients_but_not_what_they_ask_again_and_again(
    conninfo: str, tmp_path: Path, name: str
) -> None:
    async with open_stack(conninfo, tmp_path, MCP_STACK_SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE="1") as stack:
        server = build_server(name, stack)
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "aidb": ("search_knowledge", {"query": "words"}),
            "hybrid-coordinator": ("routing_stats", {}),
            "ralph-wiggum": ("task_result", {"task_id": str(uuid.uuid4())}),
            "embeddings": ("embed_texts", {"texts": ["words"]}),
        }
        texts = [str((await server.call_tool(*calls[name])).content[0].text) for _ in range(2)]
        assert not texts[0].startswith("RATE_LIMITED")
        assert texts[1].startswith("RATE_LIMITED: 1 requests a minute are allowed; try again in")
        for tool, arguments in (("health", {}), ("task_status", calls["ralph-wiggum"][1])):
            if tool in {each.name for each in await server.list_tools()}:
                assert "RATE_LIMITED" not in str((await server.call_tool(tool, arguments)).content)


async def test_tools_are_found_by_a_sentence_with_their_schema_on_demand(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        aidb = await stack.aidb()

        async def discover(query: str, **details: Any) -> Any:
            arguments = {"server": "", "category": "", "limit": 5, "detail": "summary"}
            return await aidb.gateway.discover_tools(query=query, **{**arguments, **details})

        found = await discover("submit a coding task to an agent")
        assert found.tools[0].name == "ralph-wiggum.submit_task"
        assert all(tool.input_schema == {} for tool in found.tools)
        assert found.total >= 11
        assert found.tokens_saved > 0
        (detailed,) = (await discover("submit a coding task", limit=1, detail="schema")).tools
        assert "task" in detailed.input_schema["properties"]
        assert {tool.name.split(".")[0] for tool in (await discover("", server="embeddings")).tools} == {"embeddings"}
        assert (await discover("", category="knowledge", limit=100)).tools
        assert (await discover("anything", server="none")).tools == []


async def test_an_answer_names_tools_that_fit_and_leaves_its_event(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        aidb = await stack.aidb()
        arguments: dict[str, Any] = {"context": {}, "use_hybrid": True, "session_id": "", "limit": 3}
        answer = await aidb.knowledge.query(query="embed these texts as vectors", include_tools=True, **arguments)
        assert answer.tools[0].name == "embeddings.embed_texts"
        plain = await aidb.knowledge.query(query="embed these texts as vectors", include_tools=False, **arguments)
        assert plain.tools == []
        assert plain.cached
        knowledge = await aidb.knowledge.query(
            query="embed texts", include_tools=False, **{**arguments, "use_hybrid": False}
        )
        assert knowledge.route == "knowledge"
    lines = (tmp_path / "data" / "telemetry" / "aidb-events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event_type"] for line in lines] == ["query", "cache_hit", "query"]


async def test_health_says_what_is_missing_and_what_still_works(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path, REDIS_URL="redis://127.0.0.1:1") as stack:
        report = await (await stack.aidb()).desk.health()
        assert (report.live, report.ready, report.status) == (True, True, "degraded")
        states = {each.name: each.status for each in report.dependencies}
        assert states["postgresql"] == "ok"
        assert states["cache"] == "down"
        assert states["claude"] == "not_configured"
    async with open_stack("host=/nonexistent connect_timeout=1", tmp_path) as stack:
        report = await (await stack.aidb()).desk.health()
        assert (report.live, report.ready, report.status) == (True, False, "down")
