"""Imports whose server, worker or database is killed: they go on, nothing is stored twice and nothing is missing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from tests.support.stdio import StdioServer, database_processes, environment

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

Kill = Callable[[Path, StdioServer], None]


def workers(home: Path) -> list[psutil.Process]:
    """The living worker of a home's data folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-3:] == ["mcp_stack", "worker", "--on-demand"]:
            with suppress(psutil.Error):
                if process.environ().get("MCP_STACK_DATA") == str(home / "data"):
                    found.append(process)
    return found


def kill_worker(home: Path, server: StdioServer) -> None:
    (worker,) = workers(home)
    worker.kill()


def kill_server(home: Path, server: StdioServer) -> None:
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


def kill_database(home: Path, server: StdioServer) -> None:
    running = database_processes(home)
    assert running
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_everything(home: Path, server: StdioServer) -> None:
    kill_database(home, server)
    kill_worker(home, server)
    kill_server(home, server)


def make_folder(folder: Path, count: int) -> None:
    """Small files of text and code, all different, in subfolders."""
    for number in range(count):
        name = f"note_{number:04}.md" if number % 4 else f"module_{number:04}.py"
        file = folder / f"part_{number % 7}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = f"number {number}: the lantern of street {number} is lit at {number % 24} o'clock"
        file.write_text(f"# Note {number}\n\n{text}\n" if number % 4 else f'def lit_{number}():\n    """{text}"""\n')


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    for worker in workers(folder):
        worker.kill()
    EmbeddedPostgres(folder / "data").stop()


def rows(home: Path, query: str) -> list[Any]:
    """What the database says, in one column."""
    attachment = EmbeddedPostgres(home / "data").attach()
    try:
        with psycopg.connect(attachment.conninfo, options="-c search_path=app,jobs,public") as connection:
            return [row[0] for row in connection.execute(query.encode()).fetchall()]
    finally:
        attachment.release()


def until_some_are_stored(server: StdioServer, least: int, most: int, seconds: float = 60) -> None:
    """Wait until an import is in full swing."""
    deadline = time.monotonic() + seconds
    stored = 0
    while stored < least:
        assert time.monotonic() < deadline, f"only {stored} documents after {seconds} s\n{server.stderr()[-2000:]}"
        stored = server.must("list_documents", {"limit": 1})["total"]
    assert stored < most, "the import was over before anything could be killed"


def result_of_asking_again(home: Path, environ: Mapping[str, str], call: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a new server says to the same call, until the import is over."""
    server = StdioServer("aidb", environ)
    try:
        server.shake_hands()
        for _ in range(4):
            result = server.must("import_document", call, 90)
            if result["state"] != "running":
                return result
        raise AssertionError(f"the import does not end: {result}")
    finally:
        server.end(30)


@pytest.mark.parametrize("kill", [kill_worker, kill_server, kill_database, kill_everything])
def test_an_import_of_a_thousand_files_survives_the_kill_of(home: Path, kill: Kill) -> None:
    environ = environment(home)
    make_folder(home / "documents", 1000)
    call = {"path": str(home / "documents")}
    server = StdioServer("aidb", environ)
    try:
        server.shake_hands()
        number = server.begin_call("import_document", call)
        until_some_are_stored(server, 150, 900)
        kill(home, server)
        if server.process.poll() is None:
            result = server.answer(number, 90).structured
            server.end(30)
        else:
            result = result_of_asking_again(home, environ, call)
    finally:
        server.kill()
    assert result["state"] == "done", result
    # Each file counts once, as what it was when it was stored first.
    assert (result["documents"], result["duplicates"], result["skipped"]) == (1000, 0, [])
    assert rows(home, "select count(*) from imported_documents") == [1000]
    assert rows(home, "select count(distinct source) from imported_documents") == [1000]
    assert rows(home, "select count(distinct document_id) from document_keys") == [1000]
    assert rows(home, "select count(*) from document_chunks") == [result["chunks"]]
    assert rows(home, "select count(distinct document) from document_postings") == [1000]
    assert rows(home, "select distinct collection from imported_documents order by 1") == [
        "codebase-context",
        "imported",
    ]
    assert rows(home, "select done from imports") == [1000]
    assert rows(home, "select count(*) from procrastinate_jobs where task_name = 'aidb.import_folder'") == [0]


@pytest.mark.slow
def test_what_was_killed_while_it_embedded_has_every_vector_once(home: Path) -> None:
    environ = environment(home, EMBEDDINGS__PROVIDER="llama_cpp")
    make_folder(home / "documents", 150)
    call = {"path": str(home / "documents")}
    server = StdioServer("aidb", environ)
    try:
        server.shake_hands()
        number = server.begin_call("import_document", call)
        until_some_are_stored(server, 20, 140)
        kill_worker(home, server)
        kill_database(home, server)
        result = server.answer(number, 90).structured
        assert result["state"] == "done", result
        assert (result["documents"], result["duplicates"], result["notes"]) == (150, 0, [])
        found = server.must("search_knowledge", {"query": "the lantern of street 257", "mode": "vector", "limit": 3})
        assert len(found["hits"]) == 3
        server.end(30)
    finally:
        server.kill()
    wanted = "select count(*) + (select count(*) from document_chunks) from imported_documents"
    assert rows(home, "select count(*) from document_embeddings") == rows(home, wanted)
    assert rows(home, "select count(*) from imported_documents where embedding_model = ''") == [0]
