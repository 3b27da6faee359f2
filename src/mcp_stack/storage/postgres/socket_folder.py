"""Where the server's socket is: a folder that only its user can enter, with a short path."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DeniedError, UnavailableError
from .probe import SOCKET_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .service_user import Account

# sockaddr_un holds 104 bytes on macOS and the BSDs and 108 on Linux, with the closing zero.
LONGEST_SOCKET_PATH = 99


def make_socket_folder(data_folder: Path, account: Account, runtime_folder: Path | None = None) -> Path:
    """The private folder for the socket of a data folder's server, made if absent.

    Args:
        data_folder: The resolved data folder; each has a socket folder of its own.
        account: The user that the server runs as.
        runtime_folder: Where to make it, instead of the usual places.

    Returns:
        A folder with mode 0700 that belongs to `account`.

    Raises:
        DeniedError: Something else is in its place: another user may have put it there.
        UnavailableError: No place can be written to, or its path is too long.
    """
    name = hashlib.sha256(os.fsencode(data_folder)).hexdigest()[:12]
    obstacles: list[str] = []
    for parent, mode in _places(account, runtime_folder):
        folder = parent / name
        path = os.fsencode(folder / SOCKET_NAME)
        if len(path) > LONGEST_SOCKET_PATH or b"," in path:  # libpq takes a comma for a list of hosts
            obstacles.append(f"{folder} is too long or has a comma for a socket")
            continue
        try:
            if mode is None:
                parent.mkdir(parents=True, exist_ok=True)
            else:
                _make_own(parent, mode, os.geteuid(), os.getegid())
            _make_own(folder, 0o700, account.uid, account.gid)
        except OSError as error:
            obstacles.append(str(error))
            continue
        return folder
    raise UnavailableError(
        f"no folder for PostgreSQL's socket can be made: {'; '.join(obstacles)}",
        "set XDG_RUNTIME_DIR to a writable folder of yours with a short path",
    )


def _places(account: Account, runtime_folder: Path | None) -> Iterator[tuple[Path, int | None]]:
    """Parent folders in the order of preference, with the mode that ours must have, None for the caller's own."""
    if runtime_folder is not None:
        yield runtime_folder, None
        return
    if account.is_caller:
        for given in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{account.uid}"):
            if given and _is_own_folder(Path(given), account.uid):
                yield Path(given, "mcp-stack"), 0o700
        mode = 0o700
    else:
        mode = 0o711  # the service user walks through
        if os.access("/run", os.W_OK):
            yield Path("/run/mcp-stack"), mode
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp")):  # noqa: S108 - _make_own refuses what is not ours
        yield Path(base, f"mcp-stack-{os.geteuid()}"), mode


def _is_own_folder(path: Path, uid: int) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return path.is_absolute() and stat.S_ISDIR(status.st_mode) and status.st_uid == uid and os.access(path, os.W_OK)


def _make_own(folder: Path, mode: int, uid: int, gid: int) -> None:
    """Make a folder, or check that it is the one that an earlier call made."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    bits = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {uid, os.geteuid()} or bits & ~mode:
        raise DeniedError(
            f"{folder} is not a folder of user id {uid} with mode {mode:04o}: somebody else may have put it there",
            "look whose it is and remove it, or set XDG_RUNTIME_DIR to a private folder of yours",
        )
    if status.st_uid != uid:
        os.chown(folder, uid, gid, follow_symlinks=False)
    if bits != mode:
        folder.chmod(mode)
