"""Does a PostgreSQL server answer on this socket: one startup packet, no client library.

A library would be imported by every process that only looks, and hides the SQLSTATE that tells a
server that is starting from one that refuses us. Packets: PostgreSQL manual, "Message Formats".
"""

from __future__ import annotations

import socket
import struct
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_NAME = ".s.PGSQL.5432"
_PROTOCOL = 3 << 16
_TERMINATE = b"X" + struct.pack("!i", 4)
_REFUSALS = (b"28000", b"28P01")  # invalid_authorization_specification, invalid_password
_FULL = b"53300"  # too_many_connections: it runs, only not for us now


class Answer(Enum):
    """What a probe found."""

    READY = "accepts connections"
    BUSY = "starts, recovers, stops, or is too slow to answer"
    ABSENT = "nothing listens there"
    REFUSED = "runs, but does not accept this user of the machine"


def probe(socket_folder: Path, role: str, timeout_seconds: float = 2.0) -> Answer:
    """Connect, see what the server says, and leave.

    Args:
        socket_folder: The folder of the server's socket.
        role: Role and database of that name.
        timeout_seconds: For each of connecting, sending and receiving.

    Returns:
        What was found.
    """
    fields = b"\0".join(part.encode() for part in ("user", role, "database", role)) + b"\0\0"
    packet = struct.pack("!ii", 8 + len(fields), _PROTOCOL) + fields
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_seconds)
        try:
            link.connect(str(socket_folder / SOCKET_NAME))
            link.sendall(packet)
            answer = _read_until_ready(link)
            if answer is Answer.READY:
                link.sendall(_TERMINATE)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return Answer.ABSENT
        except PermissionError:
            return Answer.REFUSED
        except OSError:  # timed out, or closed on us while the server goes down
            return Answer.BUSY
    return answer


def _read_until_ready(link: socket.socket) -> Answer:
    with link.makefile("rb") as stream:
        while len(header := stream.read(5)) == 5:
            kind, length = struct.unpack("!ci", header)
            body = stream.read(length - 4)
            if kind == b"Z":  # ReadyForQuery
                return Answer.READY
            if kind == b"R" and body[:4] != b"\0\0\0\0":  # asks for a password: not a server of ours
                return Answer.REFUSED
            if kind == b"E":
                return _meaning_of(body)
    return Answer.BUSY


def _meaning_of(error: bytes) -> Answer:
    codes = [field[1:] for field in error.split(b"\0") if field[:1] == b"C"]
    if _FULL in codes:
        return Answer.READY
    return Answer.REFUSED if any(code in _REFUSALS for code in codes) else Answer.BUSY
