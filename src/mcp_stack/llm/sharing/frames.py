"""JSON objects on a stream, each with its length before it."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any

LONGEST_BYTES = 32 * 2**20
"""Many times a full context; a longer frame is a mistake, or the other end does not speak this."""

_LENGTH = struct.Struct(">I")


def encoded(frame: Mapping[str, Any]) -> bytes:
    """A frame: its length in four bytes, the most significant first, then the object as JSON in ASCII.

    Raises:
        ValueError: It is longer than `LONGEST_BYTES`.
    """
    body = json.dumps(frame, separators=(",", ":")).encode()
    if len(body) > LONGEST_BYTES:
        raise ValueError(f"a frame of {len(body)} bytes, where {LONGEST_BYTES} are allowed")
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next frame.

    Raises:
        EOFError: The other end is gone; also in the middle of a frame.
        ValueError: What comes is no frame.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > LONGEST_BYTES:
        raise ValueError(f"a frame of {length} bytes, where {LONGEST_BYTES} are allowed")
    try:
        frame = json.loads(await reader.readexactly(length))
    except RecursionError as error:
        raise ValueError("a frame that is nested too deep") from error
    if not isinstance(frame, dict):
        raise ValueError("a frame that is no JSON object")  # noqa: TRY004 - the data is wrong, not our call
    return frame
