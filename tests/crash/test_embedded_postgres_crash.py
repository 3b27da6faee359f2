"""The embedded PostgreSQL when processes are killed, and with what they leave behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.file_locks import exclusive
from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from mcp_stack.storage.postgres.processes import read_pid_file, server_processes
from mcp_stack.storage.postgres.service_user import server_account
from tests.support.postgres_user import PostgresUser

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.crash


@pytest.fixture
def data_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    EmbeddedPostgres(folder).stop()
    assert not (folder / "postgres").exists() or server_processes(folder / "postgres") == set()
    shutil.rmtree(folder, ignore_errors=True)  # 46 MB a test


def postmaster_pid(data_folder: Path) -> int:
    recorded = read_pid_file(data_folder / "postgres")
    assert recorded is not None
    return recorded.pid


def kill_postmaster(data_folder: Path) -> int:
    pid = postmaster_pid(data_folder)
    process = psutil.Process(pid)
    process.kill()
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        os.sched_yield()
    return pid


def scalar(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_after_a_kill_of_the_postmaster_any_attached_process_brings_it_back_with_all_rows(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    attachment = server.attach()
    with psycopg.connect(attachment.conninfo) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as number")
    with PostgresUser(data_folder) as other:
        other.attached()
        for bring_back in (server.ensure_running, lambda: other.restart()["conninfo"]):
            killed = kill_postmaster(data_folder)
            assert bring_back() == attachment.conninfo
            assert postmaster_pid(data_folder) != killed
            assert scalar(attachment.conninfo, "select count(*) from kept") == 1000


def test_a_new_process_attaches_after_a_kill_of_the_postmaster(data_folder: Path) -> None:
    EmbeddedPostgres(data_folder).attach()
    kill_postmaster(data_folder)
    with PostgresUser(data_folder) as other:
        assert "conninfo" in other.attached()


def test_a_backend_that_outlived_its_postmaster_is_ended_before_the_next_start(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    conninfo = server.attach().conninfo
    connection = psycopg.connect(conninfo)
    backend = psutil.Process(connection.info.backend_pid)
    backend.suspend()  # a stopped process does not notice the end of its postmaster
    kill_postmaster(data_folder)
    assert scalar(server.attach().conninfo, "select 1") == 1
    assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    connection.close()


def test_a_stale_pid_file_with_the_number_of_another_process_does_not_hinder_or_harm(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach()
    account = server_account()
    pid_file = data_folder / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    switch = {} if account.is_caller else {"user": account.uid}
    sleeper = subprocess.Popen(["/bin/sleep", "600"], **switch)  # type: ignore[call-overload]  # keywords by dict
    try:
        pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")
        assert scalar(server.attach().conninfo, "select 1") == 1
        assert sleeper.poll() is None
        server.stop()
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_killed_process_no_longer_counts_as_a_user(data_folder: Path) -> None:
    attachment = EmbeddedPostgres(data_folder).attach()
    with PostgresUser(data_folder) as other:
        other.attached()
        other.kill()
    attachment.release()
    assert server_processes(data_folder / "postgres") == set()


def test_signals_to_the_callers_group_do_not_reach_the_server(data_folder: Path) -> None:
    with PostgresUser(data_folder) as other:
        conninfo = other.attached()["conninfo"]
        before = postmaster_pid(data_folder)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.killpg(other.process.pid, number)
        other.process.wait(30)
    assert scalar(conninfo, "select 1") == 1
    assert postmaster_pid(data_folder) == before


def test_a_process_killed_during_its_first_start_leaves_nothing_that_hinders_the_next(data_folder: Path) -> None:
    for _ in range(3):
        with PostgresUser(data_folder) as first:
            while not list(data_folder.glob("postgres.new-*/base")):
                assert first.process.poll() is None
                os.sched_yield()
            first.kill()
        assert not (data_folder / "postgres").exists()
    assert scalar(EmbeddedPostgres(data_folder).attach().conninfo, "select 1") == 1
    assert len(list(data_folder.glob("postgres.new-*"))) <= 1  # an initdb without its caller may still be writing


def test_a_process_killed_right_after_the_launch_leaves_a_server_that_the_next_one_uses(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    for _ in range(3):
        with PostgresUser(data_folder) as first:
            while not server_processes(data_folder / "postgres"):
                os.sched_yield()
            first.kill()
        attachment = server.attach()
        assert scalar(attachment.conninfo, "select 1") == 1
        attachment.release()
        assert server_processes(data_folder / "postgres") == set()


def test_a_server_whose_socket_folder_was_removed_is_restarted(data_folder: Path, tmp_path: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    attachment = server.attach()
    before = postmaster_pid(data_folder)
    shutil.rmtree(str(psycopg.conninfo.conninfo_to_dict(attachment.conninfo)["host"]))
    assert scalar(server.ensure_running(), "select 1") == 1
    assert postmaster_pid(data_folder) != before


def test_a_new_folder_in_the_place_of_a_moved_one_does_not_take_its_socket(data_folder: Path, tmp_path: Path) -> None:
    before = EmbeddedPostgres(data_folder).attach()
    moved = EmbeddedPostgres(data_folder.rename(tmp_path / "moved"))
    with pytest.raises(UnavailableError, match="moved away"):
        EmbeddedPostgres(data_folder).attach()
    assert scalar(before.conninfo, "select 1") == 1
    moved.stop()
    assert scalar(EmbeddedPostgres(data_folder).attach().conninfo, "select 1") == 1


def test_a_server_that_runs_in_another_container_is_not_started_twice(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    with exclusive(data_folder / "postgres.running", timeout_seconds=0):  # what such a server holds
        with pytest.raises(UnavailableError, match="another container"):
            server.attach()
        assert server_processes(data_folder / "postgres") == set()


def test_a_moved_folder_whose_server_still_runs_is_found(data_folder: Path, tmp_path: Path) -> None:
    before = EmbeddedPostgres(data_folder).attach()
    moved = data_folder.rename(tmp_path / "moved")
    server = EmbeddedPostgres(moved)
    assert server.attach().conninfo == before.conninfo
    server.stop()
    assert server_processes(moved / "postgres") == set()
    shutil.rmtree(moved)
