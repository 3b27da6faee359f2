"""Where the processes of a user find the one that holds a model: its lock, its socket, and who is at the other end."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...errors import DeniedError, UnavailableError
from ...file_locks import FileLock

LONGEST_SOCKET_PATH = 99
"""sockaddr_un holds 104 bytes on macOS and the BSDs and 108 on Linux, with the closing zero."""

PROTOCOL = 2
"""Raised when frames change their meaning, so that two versions of this program do not meet."""

_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
"""Of sys/un.h on macOS and the BSDs; Python names none of them."""


class MeetingPoint:
    """The lock and the socket of one model.

    The lock is the truth: who has it holds the model, and the kernel drops it however that process ends. Where the
    socket is stands in a file beside it, because not every folder can hold one.

    Args:
        folder: Where the lock is; made if absent, for its user alone.
        identity: What the processes must agree on, such as the model's file and its settings.

    Attributes:
        lock: Held by the process that holds the model.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._name = hashlib.sha256(f"{PROTOCOL}\0{identity}".encode()).hexdigest()[:12]
        self.lock = FileLock(folder / f"model-{self._name}.lock")

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            DeniedError: Something of another user is in its place.
            UnavailableError: It cannot be made.
        """
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            _make_private(self._folder)
        except OSError as error:
            raise UnavailableError(
                f"{self._folder} cannot be made, where processes share the local model: {error.strerror}",
                "make the data folder writable",
            ) from error

    def listening_socket(self) -> socket.socket:
        """A listening socket at a fresh address, written down for the others. Only who has the lock may call this.

        Raises:
            UnavailableError: No folder can hold a socket.
        """
        obstacles = []
        for folder in self._folders():
            path = folder / f"{self._name}.sock"
            if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
                obstacles.append(f"{path} is too long for a socket")
                continue
            listener = socket.socket(socket.AF_UNIX)
            try:
                _make_private(folder)
                path.unlink(missing_ok=True)
                listener.bind(os.fspath(path))
                listener.listen(128)
                self._write_address(path)
            except (OSError, DeniedError) as error:
                listener.close()
                obstacles.append(str(error))
                continue
            listener.setblocking(False)
            return listener
        raise UnavailableError(
            f"no socket can be made for sharing the local model: {'; '.join(obstacles)}",
            "set XDG_RUNTIME_DIR to a writable folder of yours with a short path",
        )

    def address(self) -> Path:
        """Where the socket is.

        Raises:
            OSError: Nobody wrote it down yet.
        """
        return Path(os.fsdecode(self._address_file.read_bytes()))

    def forget_socket(self) -> None:
        """Remove the socket and its address. Only who has the lock may call this."""
        with suppress(OSError):
            self.address().unlink()
        with suppress(OSError):
            self._address_file.unlink()

    @property
    def speed_file(self) -> Path:
        """Where the measured speed of the model is written down, for those who only look."""
        return self._folder / f"model-{self._name}.speed"

    @property
    def _address_file(self) -> Path:
        return self._folder / f"model-{self._name}.address"

    def _folders(self) -> Iterator[Path]:
        """Folders for the socket, in the order of preference."""
        yield self._folder
        runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}")
        if runtime.is_absolute() and runtime.is_dir():
            yield runtime / "mcp-stack-models"
        yield Path("/tmp", f"mcp-stack-models-{os.geteuid()}")  # noqa: S108 - _make_private refuses what is not ours

    def _write_address(self, path: Path) -> None:
        draft = self._address_file.with_suffix(".draft")
        draft.write_bytes(os.fsencode(path))
        draft.replace(self._address_file)


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """User id and process id at the other end of a unix socket, as the kernel knows them; the process id may be 0.

    Raises:
        OSError: The kernel does not tell.
    """
    if sys.platform == "linux":
        record = struct.Struct("3i")
        pid, uid, _ = record.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, record.size))
        return uid, pid
    xucred = struct.Struct("=2I")  # cr_version, cr_uid; the groups that follow are cut off
    _, uid = xucred.unpack(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 128)[: xucred.size])
    pid = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID) if sys.platform == "darwin" else 0
    return uid, pid


def _make_private(folder: Path) -> None:
    """Make a folder with mode 0700, or check that it is ours and tighten it.

    Raises:
        DeniedError: It is another user's, or no folder.
        OSError: It cannot be made.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise DeniedError(f"{folder} is not a folder of user id {os.geteuid()}", "look whose it is and remove it")
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
