"""One PostgreSQL server for all processes that share a data folder: the first starts it, the last stops it.

Two lock files in the data folder order everything. `postgres.users` is held shared by every attached process, and
the kernel drops it however a process ends. `postgres.lock` is held while somebody decides: to attach is to take it,
to take a share of `postgres.users`, and to bring the server up; to release is to drop the share, to take
`postgres.lock`, and to stop the server if `postgres.users` can then be had exclusively. So a share is only ever
taken by somebody who then looks whether the server runs, and the server only ever stopped while nobody can take one.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DeniedError, StackError, UnavailableError
from ...file_locks import exclusive, open_lock_file, try_lock, unlock
from .configuration import ROLE
from .postmaster import Postmaster

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE_SECONDS = 2.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A process's share in the running server.

    Args:
        conninfo: For `psycopg.connect` and its pools.
    """

    conninfo: str
    _share: _Share

    def release(self) -> None:
        """Give the share back; the last one out stops the server, waiting 2 s at most. Does nothing the second time."""
        self._share.release()


class EmbeddedPostgres:
    """The PostgreSQL server of a data folder.

    Its methods block: from asyncio call them in a thread.

    Args:
        data_folder: Made if absent; PGDATA is `postgres` in it.
        runtime_folder: Where the folder of the socket goes, instead of the user's runtime folder.
        start_timeout_seconds: How long a start may take, recovery after a crash included; and how long to wait
            before that for another process that starts or stops it.
    """

    def __init__(
        self, data_folder: Path, *, runtime_folder: Path | None = None, start_timeout_seconds: float = 60.0
    ) -> None:
        self._data_folder = data_folder.expanduser().resolve()
        self._decision_lock = self._data_folder / "postgres.lock"
        self._users_lock = self._data_folder / "postgres.users"
        self._timeout = start_timeout_seconds
        self._postmaster = Postmaster(self._data_folder, runtime_folder.resolve() if runtime_folder else None)

    def attach(self) -> Attachment:
        """Take a share in the server, started if it does not run.

        Returns:
            The share; release it when done.

        Raises:
            UnavailableError: The server does not come up; says why.
            DeniedError: The data folder, the server or the socket's folder belongs to another user.
        """
        with self._translated_errors():
            self._data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(self._decision_lock, self._timeout):
                share = open_lock_file(self._users_lock)
                try:
                    self._take_share(share)
                    socket_folder = self._postmaster.bring_up(self._timeout)
                except BaseException:
                    unlock(share)
                    raise
        return Attachment(_conninfo(socket_folder), _Share(self, share))

    def ensure_running(self) -> str:
        """Start the server again if it crashed, for a process that is attached.

        Returns:
            The conninfo, which is the attachment's unless the socket's folder had to move.

        Raises:
            UnavailableError: The server does not come up; says why.
            DeniedError: The data folder, the server or the socket's folder belongs to another user.
        """
        with self._translated_errors(), exclusive(self._decision_lock, self._timeout):
            return _conninfo(self._postmaster.bring_up(self._timeout))

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """Stop the server in fast mode, whoever is attached.

        Args:
            timeout_seconds: How long to wait for its end.

        Raises:
            UnavailableError: It has not ended by then.
            DeniedError: It belongs to another user.
        """
        with self._translated_errors():
            if not self._data_folder.exists():
                return
            with exclusive(self._decision_lock, timeout_seconds):
                if not self._postmaster.shut_down(timeout_seconds):
                    raise UnavailableError(
                        f"PostgreSQL has not stopped within {timeout_seconds:.0f} s", "wait, and look into its log"
                    )

    def free_bytes(self) -> int:
        """Space that the server can still write to.

        Returns:
            Bytes free on the disk of PGDATA.

        Raises:
            DeniedError: The folder is out of this user's reach.
        """
        with self._translated_errors():
            folder = self._postmaster.pgdata
            while not folder.exists():
                folder = folder.parent
            return shutil.disk_usage(folder).free

    def _take_share(self, users: int) -> None:
        if not try_lock(users, shared=True):  # we hold it exclusively only under the lock that this caller holds
            raise UnavailableError(f"another program has locked {self._users_lock}", "end that program")

    def stop_if_unused(self) -> None:
        """Stop the server unless somebody is attached; never raises, as a release at exit has nobody to tell."""
        deadline = time.monotonic() + RELEASE_SECONDS
        try:
            with exclusive(self._decision_lock, RELEASE_SECONDS):
                users = open_lock_file(self._users_lock)
                try:
                    if try_lock(users):
                        self._postmaster.shut_down(deadline - time.monotonic())
                finally:
                    unlock(users)
        except (OSError, StackError) as error:
            _log.debug("left PostgreSQL running: %s", error)

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise DeniedError(
                f"the data folder {self._data_folder} is not usable by this user: {error}",
                "run as its owner, or choose another one (MCP_STACK_DATA)",
            ) from error
        except OSError as error:
            raise UnavailableError(
                f"PostgreSQL cannot use the data folder {self._data_folder}: {error}",
                "free disk space or choose another one (MCP_STACK_DATA), or set DATABASE_URL",
            ) from error


class _Share:
    """A shared lock on `postgres.users`, given back once."""

    def __init__(self, server: EmbeddedPostgres, descriptor: int) -> None:
        self._server = server
        self._descriptor: int | None = descriptor
        self._owner = os.getpid()
        self._mutex = threading.Lock()

    def release(self) -> None:
        with self._mutex:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if os.getpid() != self._owner:  # a forked child has a copy of the share, and no say
            os.close(descriptor)
            return
        unlock(descriptor)
        self._server.stop_if_unused()


def _conninfo(socket_folder: Path) -> str:
    escaped = str(socket_folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"host='{escaped}' port=5432 user={ROLE} dbname={ROLE}"
