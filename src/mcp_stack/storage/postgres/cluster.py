"""Make a data folder of PostgreSQL, or check that one is ours to use."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DeniedError, UnavailableError
from .binaries import installations
from .configuration import ROLE, write_configuration, write_first_configuration
from .service_user import path_from_inside

if TYPE_CHECKING:
    from .binaries import Installation
    from .service_user import Account


def create(pgdata: Path, installation: Installation, account: Account) -> None:
    """Make PGDATA with an empty database `mcp`; it appears complete, and on disk, or not at all.

    Args:
        pgdata: Where; absent or an empty folder.
        installation: The programs, which `account` can run.
        account: The user that it will belong to.

    Raises:
        UnavailableError: A program failed, with what it said.
        OSError: A folder cannot be made.
    """
    prefix = f"{pgdata.name}.new-"
    for left_by_a_crash in pgdata.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_by_a_crash, ignore_errors=True)
    # A new name each time: an initdb whose caller was killed may still be writing into the old one.
    fresh = Path(tempfile.mkdtemp(dir=pgdata.parent, prefix=prefix))
    try:
        if not account.is_caller:
            os.chown(fresh, account.uid, account.gid)
        here = path_from_inside(fresh)
        options = f"--username={ROLE} --auth=peer --no-instructions --encoding=UTF8 --locale=C"
        collation = "--locale-provider=builtin --builtin-locale=C.UTF-8"  # the same order on every system
        _run(account, [installation.program("initdb"), "-D", here, *options.split(), *collation.split()], fresh)
        write_first_configuration(fresh, account)
        write_configuration(fresh, account, ())
        server = installation.program("postgres")
        _run(account, [server, "--single", "-D", here, "postgres"], fresh, f"CREATE DATABASE {ROLE}\n")
        fresh.rename(pgdata)
        _sync_folder(pgdata.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _run(account: Account, command: list[str | Path], folder: Path, text: str = "") -> None:
    try:
        done = account.run(command, folder=folder, text=text)
    except (OSError, subprocess.SubprocessError) as error:
        raise _failed(command, str(error)) from error
    # In single-user mode an error does not change the exit status.
    if done.returncode != 0 or " ERROR:  " in done.stdout or "FATAL:  " in done.stdout:
        raise _failed(command, done.stdout)


def _failed(command: list[str | Path], said: str) -> UnavailableError:
    last_lines = " | ".join(said.strip().splitlines()[-5:])
    return UnavailableError(
        f"{Path(command[0]).name} could not make the database folder: {last_lines}",
        "free disk space or choose another data folder (MCP_STACK_DATA), or set DATABASE_URL",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_initialised(pgdata: Path) -> bool:
    """Whether PGDATA holds a database cluster.

    Args:
        pgdata: The folder.

    Returns:
        False if it is absent or empty.

    Raises:
        UnavailableError: It holds something else.
        OSError: It cannot be read.
    """
    if (pgdata / "PG_VERSION").exists():
        return True
    if pgdata.exists() and any(pgdata.iterdir()):
        raise UnavailableError(
            f"{pgdata} is not a data folder of PostgreSQL", "move it away, and an empty one will be made in its place"
        )
    return False


def check_version(pgdata: Path, installation: Installation) -> None:
    """Refuse a data folder that another major version wrote.

    Args:
        pgdata: The data folder of PostgreSQL.
        installation: The version that would open it.

    Raises:
        UnavailableError: With both versions, and how to move the data over.
    """
    written_by = (pgdata / "PG_VERSION").read_text(encoding="ascii").strip()
    if written_by == str(installation.major):
        return
    old = next((other for other in installations() if str(other.major) == written_by), None)
    how = (
        f"export it with {old.program('pg_dumpall')} from a server started with {old.program('postgres')}"
        if old
        else f"export it with pg_dumpall of PostgreSQL {written_by}"
    )
    raise UnavailableError(
        f"{pgdata} was written by PostgreSQL {written_by}, and this is PostgreSQL {installation.major}",
        f"{how}, move the folder away, start mcp-stack once, and import the export with psql",
    )


def adopt(pgdata: Path, account: Account) -> None:
    """Make PGDATA the account's and private, as a restored backup or a new container's user may need.

    Args:
        pgdata: The data folder of PostgreSQL; no server may be running on it.
        account: The user that the server runs as.

    Raises:
        DeniedError: It is another user's, and not ours to take.
        OSError: It cannot be changed.
    """
    status = pgdata.stat()
    if status.st_uid != account.uid:
        is_of_the_folders_user = status.st_uid not in {0, account.uid} and pgdata.parent.stat().st_uid == status.st_uid
        if os.geteuid() != 0 or is_of_the_folders_user:
            owner = _name_of(status.st_uid)
            raise DeniedError(f"{pgdata} belongs to {owner}", f"run as {owner}, or choose a data folder of your own")
        for where, folders, files in os.walk(pgdata, topdown=False):  # PGDATA itself last: then all is done
            for name in (*folders, *files):
                os.chown(Path(where, name), account.uid, account.gid, follow_symlinks=False)
        os.chown(pgdata, account.uid, account.gid)
    if stat.S_IMODE(status.st_mode) != 0o700:
        pgdata.chmod(0o700)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
