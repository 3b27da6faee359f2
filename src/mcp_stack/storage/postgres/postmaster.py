"""Bring the server process of a data folder up, and shut it down.

Nothing here locks: the caller holds the data folder's `postgres.lock`, so that one process at a time decides.
"""

from __future__ import annotations

import logging
import os
import pwd
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DeniedError, UnavailableError
from ...file_locks import POLL_SECONDS, is_locked
from . import cluster, daemonize
from .binaries import installations, readable_by_everyone
from .configuration import ROLE, write_configuration
from .probe import SOCKET_NAME, Answer, probe
from .processes import cluster_name, read_pid_file, server_processes
from .service_user import environment, path_from_inside, server_account
from .socket_folder import make_socket_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .processes import PidFile
    from .service_user import Account

# Processes without a postmaster end by themselves unless they are busy; and a postmaster has no file in its first and
# last milliseconds. After this they are ended.
ORPHAN_GRACE_SECONDS = 1.0
LOG_LIMIT_BYTES = 8 * 2**20

_log = logging.getLogger(__name__)


class Postmaster:
    """The one server process of a data folder.

    Args:
        data_folder: Resolved; PGDATA is `postgres` in it.
        runtime_folder: Where the socket's folder goes, instead of the usual places.

    Attributes:
        pgdata: The data folder of PostgreSQL, any link resolved.
    """

    def __init__(self, data_folder: Path, runtime_folder: Path | None) -> None:
        self._data_folder = data_folder
        self._runtime_folder = runtime_folder
        self.pgdata = (data_folder / "postgres").resolve()  # may be a link to another disk
        self._log_file = data_folder / "postgres.log"
        self._life_lock = data_folder / "postgres.running"

    def bring_up(self, timeout_seconds: float) -> Path:
        """Make sure that a server accepts connections.

        Args:
            timeout_seconds: How long it may take, recovery after a crash included.

        Returns:
            The folder of its socket.

        Raises:
            UnavailableError: It does not come up, with the last lines of its log.
            DeniedError: It, or its files, belong to another user.
            OSError: A file cannot be read or written.
        """
        log_start = self._bound_log()
        deadline = time.monotonic() + timeout_seconds
        launched = lost = False
        alone = _Stopwatch()
        while True:
            recorded = read_pid_file(self.pgdata)
            answer = Answer.ABSENT
            if recorded and recorded.socket_folder and recorded.status == "ready":
                answer = probe(recorded.socket_folder, ROLE)
                if answer is Answer.READY:
                    return recorded.socket_folder
            processes = self._processes()
            if recorded and recorded.pid in processes:
                if answer is Answer.REFUSED:
                    raise DeniedError(
                        f"the PostgreSQL server of {self._data_folder} was started by another user",
                        "run as that user, or choose a data folder of your own",
                    )
                if answer is Answer.ABSENT and recorded.status == "ready" and not lost:
                    lost = True  # a logout removes what is under /run/user: nobody can reach it any more
                    _log.warning("PostgreSQL's socket is gone from %s: restarting it", recorded.socket_folder)
                    _signal([recorded.pid], signal.SIGINT)
            elif processes or is_locked(self._life_lock):
                if alone.seconds_of("seen" if processes else "unseen") > ORPHAN_GRACE_SECONDS:
                    self._end_orphans(processes)
            elif launched:
                raise UnavailableError(f"PostgreSQL did not start: {self._log_tail(log_start)}", _LOG_REMEDY)
            else:
                self._launch(recorded)
                launched = True
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"PostgreSQL did not accept connections within {timeout_seconds:.0f} s: "
                    f"{self._log_tail(log_start)}",
                    _LOG_REMEDY,
                )
            time.sleep(POLL_SECONDS)

    def shut_down(self, timeout_seconds: float) -> bool:
        """Stop the server in fast mode: running transactions are rolled back, all data is written.

        Args:
            timeout_seconds: How long to wait for its end; it goes on ending after that.

        Returns:
            Whether no process of it is left.

        Raises:
            DeniedError: It belongs to another user.
        """
        deadline = time.monotonic() + timeout_seconds
        recorded = read_pid_file(self.pgdata)
        processes = self._processes()
        if recorded and recorded.pid in processes:
            _signal([recorded.pid], signal.SIGINT)
        else:
            _signal(processes, signal.SIGKILL)
        while self._processes() or is_locked(self._life_lock):  # the lock goes last
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        if recorded and recorded.socket_folder:
            with suppress(OSError):  # gone, or a crash left a socket in it: of no harm
                recorded.socket_folder.rmdir()
        return True

    def _processes(self) -> set[int]:
        return server_processes(self.pgdata) if self.pgdata.exists() else set()

    def _end_orphans(self, processes: set[int]) -> None:
        if not processes:  # yet the lock of its life is held
            raise UnavailableError(
                f"a PostgreSQL server that cannot be seen from here uses {self._data_folder}: "
                "another container's or another machine's",
                "give each its own data folder, or set DATABASE_URL to one PostgreSQL for all",
            )
        _log.warning("ending %d processes that a crash of PostgreSQL left behind", len(processes))
        _signal(processes, signal.SIGKILL)

    def _launch(self, stale: PidFile | None) -> None:
        """Start the server; no process of it is alive."""
        account = server_account()
        newest = installations()[0]
        installation = newest if account.is_caller else readable_by_everyone(newest)
        if not cluster.is_initialised(self.pgdata):
            cluster.create(self.pgdata, installation, account)
        cluster.check_version(self.pgdata, installation)
        cluster.adopt(self.pgdata, account)
        write_configuration(self.pgdata, account, _permitted_users(account))
        socket_folder = make_socket_folder(self._data_folder, account, self._runtime_folder)
        self._clear_away(stale, socket_folder)
        quoted = str(socket_folder).replace('"', '""')
        options = {
            "cluster_name": cluster_name(self.pgdata),  # first: `processes` looks for it there
            "listen_addresses": "",
            "port": "5432",  # the socket's name
            "unix_socket_directories": f'"{quoted}"',
            "unix_socket_permissions": "0700",
        }
        command = [str(installation.program("postgres"))]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._detach(account, [*command, "-D", path_from_inside(self.pgdata)])

    def _clear_away(self, stale: PidFile | None, socket_folder: Path) -> None:
        """Remove what a crash left: PostgreSQL would take any process that got the same number for the old server."""
        if stale:
            (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        if probe(socket_folder, ROLE) is not Answer.ABSENT:
            raise UnavailableError(
                f"the PostgreSQL server of a folder that was moved away from {self._data_folder} still runs",
                "stop that one, or choose another data folder (MCP_STACK_DATA)",
            )
        for name in (SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (socket_folder / name).unlink(missing_ok=True)

    def _detach(self, account: Account, command: list[str]) -> None:
        switch = (-1, -1) if account.is_caller else (account.uid, account.gid)
        files = (self.pgdata, self._log_file, self._life_lock)
        script = [sys.executable, "-I", "-S", daemonize.__file__, *map(str, files), *map(str, switch), *command]
        try:
            done = subprocess.run(  # noqa: S603 - our own script, no shell
                script,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=30,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise UnavailableError(f"PostgreSQL cannot be started: {error}", _LOG_REMEDY) from error
        if done.stdout:
            raise UnavailableError(f"PostgreSQL cannot be started: {done.stdout.strip()}", _LOG_REMEDY)

    def _bound_log(self) -> int:
        """Empty the log if it is large, which its writer, who appends, does not mind; its size in bytes."""
        try:
            size = self._log_file.stat().st_size
            if size > LOG_LIMIT_BYTES:
                os.truncate(self._log_file, 0)
                return 0
        except FileNotFoundError:
            return 0
        return size

    def _log_tail(self, start: int) -> str:
        try:
            with self._log_file.open("rb") as file:
                file.seek(max(start, self._log_file.stat().st_size - 4096))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        return " | ".join(lines[-5:]) or f"its log {self._log_file} says nothing"


_LOG_REMEDY = "look into postgres.log in the data folder, free disk space, or set DATABASE_URL"


def _permitted_users(account: Account) -> tuple[str, ...]:
    return (pwd.getpwuid(os.geteuid()).pw_name, account.name)


class _Stopwatch:
    """How long the same has been seen without a break."""

    def __init__(self) -> None:
        self._seen = ""
        self._since = 0.0

    def seconds_of(self, seen: str) -> float:
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError as error:
            raise DeniedError(f"the PostgreSQL process {pid} belongs to another user", "run as that user") from error
