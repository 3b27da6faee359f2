"""What is missing, broken, full or stopped is named, nothing is lost, and the server goes on."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from mcp_stack.storage.postgres.embedded import Attachment, EmbeddedPostgres
from tests.support.stdio import StdioServer, database_processes, environment, served
from tests.support.tiny_gguf import write_knowing_gguf

SECONDS_TO_HEAR_OF_IT = 10.0

pytestmark = pytest.mark.timeout(300)


# --- models ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"GGUF", b"GGUF" + bytes(100), b"no model at all" * 1000, b"GGUF\x03\0\0\0" + b"\xff" * 4096, None],
    ids=["empty", "only the magic", "zeros", "text", "absurd header", "cut in half"],
)
@pytest.mark.parametrize(("name", "tool"), [("aidb", "query"), ("hybrid-coordinator", "route_query")])
def test_with_a_corrupt_model_file_questions_are_answered_offline_with_the_reason(
    name: str, tool: str, content: bytes | None, home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed (the extra `local`)")
    model = tmp_path / "corrupt.gguf"
    if content is None:
        whole = write_knowing_gguf(model).read_bytes()
        content = whole[: len(whole) // 2]
    model.write_bytes(content)
    with served(name, environment(home, LLM__LOCAL__PATH=str(model))) as server:
        for attempt in range(2):
            result = server.must(tool, {"query": f"What is this, {tmp_path.name} {attempt}?"})
            assert result["route"] == "offline"
            assert str(model) in " ".join(result["reasons"]), result["reasons"]


def test_a_missing_model_file_is_named_by_health_and_in_the_answer(home: Path, tmp_path: Path) -> None:
    model = str(tmp_path / "absent.gguf")
    with served("aidb", environment(home, LLM__LOCAL__PATH=model)) as server:
        health = {each["name"]: each for each in server.must("health", {})["dependencies"]}
        assert health["local-model"]["status"] == "down"
        assert model in health["local-model"]["detail"]
        result = server.must("query", {"query": f"What is this, {tmp_path.name}?"})
        assert result["route"] == "offline"
        assert model in " ".join(result["reasons"])


def test_a_remote_model_that_is_down_is_named_and_the_passages_are_the_answer(home: Path, tmp_path: Path) -> None:
    settings = {
        "ANTHROPIC_API_KEY": "secret-key",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "LLM__CLAUDE__MAX_RETRIES": "0",
    }
    with served("aidb", environment(home, **settings)) as server:
        server.must("import_document", {"text": f"# Lamps\n\nThe lamp {tmp_path.name} is green."})
        result = server.must("query", {"query": f"Which colour has the lamp {tmp_path.name}?"})
        assert result["route"] == "offline"
        assert "green" in result["response"]
        assert "remote" in " ".join(result["reasons"])
        assert "secret-key" not in str(result)


def test_without_an_embedder_texts_are_not_embedded_and_search_goes_by_words(home: Path) -> None:
    environ = environment(
        home, EMBEDDINGS__PROVIDER="remote", EMBEDDINGS__URL="http://127.0.0.1:9", EMBEDDINGS__MODEL="m"
    )
    with served("embeddings", environ) as server:
        reply = server.call("embed_texts", {"texts": ["one"]})
        assert reply.is_error
        assert reply.text.startswith("UNAVAILABLE: "), reply.text
        assert "127.0.0.1:9" in reply.text
        assert "; " in reply.text
    with served("aidb", environ) as server:
        imported = server.must("import_document", {"text": "# Ferns\n\nThe maidenhair fern likes shade."})
        assert imported["duplicate_of"] or "words only" in imported["notes"][0]
        found = server.must("search_knowledge", {"query": "maidenhair"})
        assert found["hits"]
        assert found["notes"]


# --- disk -----------------------------------------------------------------------------------------------------------


def test_on_a_nearly_full_disk_nothing_is_written_and_reading_works(own_home: Path) -> None:
    with served("aidb", environment(own_home)) as server:
        server.must("import_document", {"text": "# Kept\n\nThe porcupine was imported before."})
    with served("aidb", environment(own_home, DATABASE__EMBEDDED__MIN_FREE_MB="100000000")) as server:
        reply = server.call("import_document", {"text": "# Lost\n\nThe hedgehog comes too late."})
        assert reply.is_error
        assert reply.text.startswith("UNAVAILABLE: the disk of "), reply.text
        assert str(own_home / "data") in reply.text
        assert "; free some space; reading still works" in reply.text
        assert server.must("search_knowledge", {"query": "porcupine"})["hits"]
        assert server.must("search_knowledge", {"query": "hedgehog"})["hits"] == []
        assert server.must("query", {"query": "What about the porcupine?"})["sources"]
    with served("aidb", environment(own_home)) as server:
        server.must("import_document", {"text": "# Lost\n\nThe hedgehog comes too late."})
        assert server.must("search_knowledge", {"query": "hedgehog"})["hits"]


def test_on_a_nearly_full_disk_tasks_are_refused_and_old_ones_are_told_of(own_home: Path) -> None:
    task = {"task": "Nothing.", "verify": ["true"], "max_iterations": 1, "require_changes": False}
    with served("ralph-wiggum", environment(own_home)) as server:
        task_id = server.must("submit_task", task)["task_id"]
        assert server.must("task_status", {"task_id": task_id, "wait_seconds": 30})
    with served("ralph-wiggum", environment(own_home, DATABASE__EMBEDDED__MIN_FREE_MB="100000000")) as server:
        reply = server.call("submit_task", task)
        assert reply.text.startswith("UNAVAILABLE: the disk of "), reply.text
        assert server.must("task_result", {"task_id": task_id})["task_id"] == task_id


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 MB in memory; mounted, so only where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_loses_nothing_and_works_again_when_there_is_space(small_disk: Path) -> None:
    home = small_disk / "home"
    with served("aidb", environment(home, DATABASE__EMBEDDED__MIN_FREE_MB="0")) as server:
        kept = 0
        while not (reply := server.call("import_document", {"text": _unlike_any_other(kept)}, 60)).is_error:
            kept += 1
            assert kept < 500, "the disk does not fill up"
        assert kept > 3
        assert reply.text.startswith("UNAVAILABLE: "), reply.text
        for _ in range(3):
            reply = server.call("import_document", {"text": _unlike_any_other(10_000)}, 60)
            assert reply.is_error
            assert reply.text.startswith("UNAVAILABLE: "), reply.text
        health = server.call("health", {}, 60)
        assert not health.is_error, health.text
        subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
        _eventually_found(server, "document0")
        for number in range(kept):
            hits = server.must("search_knowledge", {"query": f"document{number}", "limit": 1})["hits"]
            assert hits, f"document {number} of {kept} was lost"
        server.must("import_document", {"text": _unlike_any_other(10_000)}, 60)


# --- database -------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, Attachment, str]]:
    """A PostgreSQL of its own, its share, and its address as DATABASE_URL."""
    server = EmbeddedPostgres(tmp_path / "elsewhere")
    attachment = server.attach()
    parts = conninfo_to_dict(attachment.conninfo)
    host = quote(str(parts["host"]), safe="")
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={host}&port={parts['port']}"
    yield server, attachment, url
    attachment.release()


def test_a_database_that_stops_is_named_soon_and_works_again_when_it_is_back(
    elsewhere: tuple[EmbeddedPostgres, Attachment, str], own_home: Path
) -> None:
    postgres, _, url = elsewhere
    with served("aidb", environment(own_home, DATABASE_URL=url)) as server:
        server.must("import_document", {"text": "# Kept\n\nThe porcupine was imported before."})
        postgres.stop()
        for tool, arguments in (
            ("search_knowledge", {"query": "porcupine"}),
            ("import_document", {"text": "# Lost\n\nThe hedgehog comes too late."}),
            ("query", {"query": "Where is the porcupine?"}),
            ("discover_tools", {"query": "search"}),
        ):
            start = time.monotonic()
            reply = server.call(tool, arguments, 60)
            seconds = time.monotonic() - start
            assert reply.is_error, (tool, reply.text)
            assert reply.text.startswith("UNAVAILABLE: PostgreSQL "), (tool, reply.text)
            assert "; " in reply.text, (tool, reply.text)
            assert seconds < SECONDS_TO_HEAR_OF_IT, f"{tool} took {seconds:.1f} s"
        health = server.must("health", {}, 60)
        assert (health["live"], health["ready"], health["status"]) == (True, False, "down")
        postgres.ensure_running()
        _eventually_found(server, "porcupine")
        server.must("import_document", {"text": "# Again\n\nThe hedgehog is in time."})
        assert server.must("search_knowledge", {"query": "hedgehog"})["hits"]
        assert server.must("health", {})["ready"]
    assert not (own_home / "data" / "postgres").exists(), "an embedded server was made all the same"


@pytest.mark.parametrize(
    ("name", "tool", "arguments"),
    [
        ("hybrid-coordinator", "route_query", {"query": "x"}),
        ("hybrid-coordinator", "routing_stats", {}),
        ("ralph-wiggum", "submit_task", {"task": "x", "verify": ["true"]}),
        ("ralph-wiggum", "task_status", {"task_id": "x"}),
        ("aidb", "search_knowledge", {"query": "x"}),
    ],
)
def test_a_database_that_was_never_there_is_named_soon(
    name: str, tool: str, arguments: dict[str, object], own_home: Path
) -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:9/nothing"
    with served(name, environment(own_home, DATABASE_URL=url)) as server:
        for _ in range(2):
            start = time.monotonic()
            reply = server.call(tool, arguments, 60)
            assert time.monotonic() - start < SECONDS_TO_HEAR_OF_IT
            assert reply.is_error
            assert reply.text.startswith("UNAVAILABLE: PostgreSQL "), reply.text
            assert "; " in reply.text
            assert "hunter2" not in reply.text + server.stderr()


def test_an_embedded_database_that_is_stopped_is_started_again_by_the_next_call(own_home: Path) -> None:
    with served("aidb", environment(own_home)) as server:
        server.must("import_document", {"text": "# Kept\n\nThe porcupine was imported before."})
        EmbeddedPostgres(own_home / "data").stop()
        assert database_processes(own_home) == set()
        reply = server.call("search_knowledge", {"query": "porcupine"}, 60)
        assert not reply.is_error or reply.text.startswith("UNAVAILABLE: "), reply.text
        assert server.must("search_knowledge", {"query": "porcupine"})["hits"]


def test_a_connection_that_the_database_cuts_does_not_reach_the_caller_twice(
    elsewhere: tuple[EmbeddedPostgres, Attachment, str], own_home: Path
) -> None:
    _, attachment, url = elsewhere
    with served("hybrid-coordinator", environment(own_home, DATABASE_URL=url)) as server:
        server.must("routing_stats", {})
        with psycopg.connect(attachment.conninfo, autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
        server.call("routing_stats", {})
        server.must("routing_stats", {})


def _eventually_found(server: StdioServer, word: str, timeout_seconds: float = 30) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        reply = server.call("search_knowledge", {"query": word}, 60)
        if not reply.is_error:
            assert reply.structured["hits"], f"{word} was lost"
            return
        assert reply.text.startswith("UNAVAILABLE: "), reply.text
        assert time.monotonic() < deadline, reply.text


def _unlike_any_other(number: int) -> str:
    """About a megabyte that does not compress, with one word to find it by."""
    return f"# document{number}\n\n" + "\n\n".join(os.urandom(400).hex() for _ in range(1200))
