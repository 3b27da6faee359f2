"""Every server started at the same instant on an empty data folder: one PostgreSQL, one schema, no error."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from mcp_stack.cli.servers import SERVERS
from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from mcp_stack.storage.postgres.migrate import migration_names
from tests.support.stdio import StdioServer, database_processes, environment, postmaster_of

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "aidb": ("health", {}),
    "hybrid-coordinator": ("routing_stats", {}),
    "ralph-wiggum": ("task_status", {"task_id": "none"}),
    "embeddings": ("embed_texts", {"texts": ["one"]}),
}
"""By server, a tool that asks the database; that of `embeddings` looks into the cache there."""

ROUNDS = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_servers_started_together_share_one_database(number: int, tmp_path: Path) -> None:
    _start_together(tmp_path / "home")


@pytest.mark.parametrize(
    "name",
    ["Müllers Dokumente und Straßen", 'it\'s "quoted", 100% & $HOME', "日本語 データ", "x" * 150, "y/" * 75 + "z"],
    ids=["umlauts", "quotes", "not latin", "150 characters", "75 folders"],
)
def test_any_path_will_do(name: str, tmp_path: Path) -> None:
    _start_together(tmp_path / name)


def test_a_first_start_next_to_one_that_was_killed_in_its_first_second(tmp_path: Path) -> None:
    home = tmp_path / "home"
    victim = StdioServer("aidb", environment(home))
    victim.shake_hands()
    victim.begin_call("health", {})
    # Somewhere in the middle of making the cluster.
    while not (home / "data" / "postgres.lock").exists():
        assert victim.process.poll() is None
    victim.process.kill()
    victim.kill()
    _start_together(home)


@pytest.mark.crash
def test_after_a_kill_of_postgresql_the_next_call_works_or_says_so_and_nothing_is_lost(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with _started(home) as servers:
        for number in range(5):
            text = f"# Number {number}\n\nThe animal of this round is porcupine{number}."
            servers["aidb"].must("import_document", {"text": text})
            os.kill(postmaster_of(home), signal.SIGKILL)
            numbers = {name: server.begin_call(*CALLS[name]) for name, server in servers.items()}
            for name, server in servers.items():
                reply = server.answer(numbers[name], 60)
                assert not reply.is_error or reply.text.startswith(("UNAVAILABLE: ", "NOT_FOUND: ")), reply.text
            for name, server in servers.items():
                _check_works(server, name)
            _check_one_database(home)
            for earlier in range(number + 1):
                assert servers["aidb"].must("search_knowledge", {"query": f"porcupine{earlier}"})["hits"]
    assert database_processes(home) == set()


@pytest.mark.crash
def test_after_a_kill_of_every_process_of_postgresql_the_servers_start_it_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with _started(home) as servers:
        servers["aidb"].must("import_document", {"text": "# Kept\n\nThe porcupine was imported before."})
        for pid in database_processes(home):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for name, server in servers.items():
            reply = server.call(*CALLS[name], 60)
            assert not reply.is_error or reply.text.startswith(("UNAVAILABLE: ", "NOT_FOUND: ")), reply.text
            _check_works(server, name)
        _check_one_database(home)
        assert servers["aidb"].must("search_knowledge", {"query": "porcupine"})["hits"]
    assert database_processes(home) == set()


def _start_together(home: Path) -> None:
    with _started(home) as servers:
        _check_one_database(home)
        for name, server in servers.items():
            assert "rror" not in server.stderr(), f"{name}:\n{server.stderr()[-3000:]}"
    assert database_processes(home) == set(), "the last one out stops the server"
    shutil.rmtree(home)


@contextmanager
def _started(home: Path) -> Iterator[dict[str, StdioServer]]:
    """Every server, started and called at the same instant."""
    providers = {"embeddings": "llama_cpp"}
    environs = {name: environment(home, EMBEDDINGS__PROVIDER=providers.get(name, "none")) for name in SERVERS}
    with ExitStack() as stack:
        servers = {}
        for name in SERVERS:
            servers[name] = StdioServer(name, environs[name])
            stack.callback(servers[name].kill)
        first = {name: server.begin("initialize", _HANDSHAKE) for name, server in servers.items()}
        numbers = {}
        for name, server in servers.items():
            assert "result" in server.reply_to(first[name], 60)
            server.tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
            numbers[name] = server.begin_call(*CALLS[name])
        for name, server in servers.items():
            reply = server.answer(numbers[name], 60)
            _check_reply(name, reply.is_error, reply.text)
        yield servers
        for server in servers.values():
            server.close_stdin()
        for server in servers.values():
            assert server.end() == 0, server.stderr()[-3000:]


_HANDSHAKE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


def _check_works(server: StdioServer, name: str) -> None:
    reply = server.call(*CALLS[name], 60)
    _check_reply(name, reply.is_error, reply.text)


def _check_reply(name: str, is_error: bool, text: str) -> None:
    if name == "ralph-wiggum":
        assert text.startswith("NOT_FOUND: there is no task"), text
    elif name == "aidb":
        assert json.loads(text)["ready"], text
    else:
        assert not is_error, text


def _check_one_database(home: Path) -> None:
    data = home / "data"
    attachment = EmbeddedPostgres(data).attach()
    try:
        with psycopg.connect(attachment.conninfo) as connection:
            applied = connection.execute("select name from app.schema_migrations order by name").fetchall()
            assert [name for (name,) in applied] == migration_names()
        postmaster = postmaster_of(home)
        others = database_processes(home) - {postmaster}
        assert others
        assert [pid for pid in others if _parent_of(pid) not in (postmaster, 0)] == [], "there is a second postmaster"
    finally:
        attachment.release()


def _parent_of(pid: int) -> int:
    """The parent of a process, or 0 if it ended meanwhile."""
    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return 0
