"""As whom the server runs: the caller, or, as PostgreSQL refuses root, a service user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UnavailableError
from ...file_locks import exclusive

if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE_USER = "mcp-stack"
_REMEDY = "run as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own"
# What the programs need to start, and no more: the environment of a server holds API keys.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "NIX_LD", "NIX_LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system.

    Args:
        name: As in the password database.
        uid: User id.
        gid: Primary group id.
    """

    name: str
    uid: int
    gid: int

    @property
    def is_caller(self) -> bool:
        """Whether this process runs as that user."""
        return self.uid == os.geteuid()

    def run(self, command: Sequence[str | Path], *, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this user.

        Args:
            command: Absolute path of the program, and its arguments.
            folder: Where to run; entered before the privileges are dropped.
            text: For its stdin.

        Returns:
            Its exit status, and in `stdout` all that it wrote.

        Raises:
            OSError: It cannot be started.
            subprocess.SubprocessError: It took more than two minutes, or the user cannot be switched to.
        """
        switch = {} if self.is_caller else {"user": self.uid, "group": self.gid, "extra_groups": ()}
        return subprocess.run(  # type: ignore[call-overload,no-any-return]  # noqa: S603 - keyword arguments by dict; no shell
            [str(part) for part in command],
            cwd=folder,
            env=environment(),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=120,
            start_new_session=True,
            check=False,
            **switch,
        )


def path_from_inside(folder: Path) -> str:
    """How a program of PostgreSQL that is started in `folder` names that folder.

    On Linux by the link to its working folder, which PostgreSQL keeps. That needs no permission on the folders
    above, through which the service user may not be able to walk; and it follows a folder that is moved, where a
    path would lead the server to write its pg_control into whatever has taken the old place.

    Args:
        folder: The data folder of PostgreSQL.

    Returns:
        The link, or the path on a system without it.
    """
    link = "/proc/self/cwd"
    return link if Path(link).exists() else str(folder)


def environment() -> dict[str, str]:
    """The environment of the programs of PostgreSQL."""
    return {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"LC_ALL": "C"}


def server_account() -> Account:
    """The user that the server runs as.

    Returns:
        The caller, or as root the service user, made if absent.

    Raises:
        UnavailableError: There is none, and none can be made.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            return _account(pwd.getpwuid(uid))
        except KeyError:
            raise UnavailableError(
                f"user id {uid} has no name on this machine, without which PostgreSQL does not start",
                "add it to /etc/passwd, or set DATABASE_URL to a PostgreSQL of your own",
            ) from None
    if not sys.platform.startswith("linux"):
        raise UnavailableError("PostgreSQL does not run as root", _REMEDY)
    return ensure_user(SERVICE_USER)


def ensure_user(name: str) -> Account:
    """The system user of that name, made if absent; any number of processes may ask at once.

    Args:
        name: The user.

    Returns:
        The account.

    Raises:
        UnavailableError: It is absent and cannot be made.
    """
    # useradd looks for the name before it locks the file, and so makes the user twice, with two ids
    with exclusive(Path("/etc"), timeout_seconds=30):
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            _add_user(name)
    return _account(pwd.getpwnam(name))


def _add_user(name: str) -> None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    complaint = "there is no program useradd"
    if useradd:
        made = subprocess.run(  # noqa: S603 - a program of the system, no shell
            [
                useradd,
                "--system",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                name,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if made.returncode == 0:
            return
        complaint = made.stdout.strip()
    raise UnavailableError(f"PostgreSQL does not run as root, and its user {name} cannot be made: {complaint}", _REMEDY)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
