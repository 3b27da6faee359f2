"""Events as JSON lines, one file a server."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..trace import current_id
from .rotation import month_of, rotate

if TYPE_CHECKING:
    from ..ports.events import Field

logger = logging.getLogger(__name__)

# Longest line: readers can then bound their buffers, and a pasted book does not fill the disk.
MAX_EVENT_BYTES = 64 * 1024
MAX_TEXT_CHARACTERS = 4096


class JsonlEvents:
    """Appends events to a file, safe with any number of processes.

    A line is one `write` on a descriptor opened with O_APPEND: POSIX makes the positioning and the write one step, so
    that lines of several processes never mix. A file that was renamed by rotation is noticed and opened anew.

    Args:
        path: The file; its folder is made if missing.
        server: The server's name, in every event.
        enabled: False records nothing.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, path: Path, server: str, *, enabled: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._server = server
        self._enabled = enabled
        self._lock = threading.Lock()
        self._clock = clock
        self._month = ""
        self._descriptor = -1
        self._complained = False

    def record(self, event_type: str, trace_id: str = "", **fields: Field) -> None:
        """Append one event; a failure is logged once and never raised.

        Args:
            event_type: One of the types of docs/telemetry.md.
            trace_id: What it belongs to; if empty the request that is handled here, else a new one.
            fields: The event's own fields; long texts are cut.
        """
        if not self._enabled:
            return
        event: dict[str, Field] = {
            "event_id": str(uuid.uuid4()),
            "event_type": event_type,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "server": self._server,
            "trace_id": trace_id or current_id() or uuid.uuid4().hex,
            **{name: _cut(value) for name, value in fields.items()},
        }
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
        if len(line) > MAX_EVENT_BYTES:
            event = {name: event[name] for name in ("event_id", "event_type", "timestamp", "server", "trace_id")}
            line = json.dumps({**event, "dropped_bytes": len(line)}).encode() + b"\n"
        try:
            with self._lock:
                os.write(self._opened(), line)
        except OSError as error:
            if not self._complained:
                self._complained = True
                logger.warning("events are not recorded, %s: %s", self._path, error.strerror or error)

    def close(self) -> None:
        """Close the file; idempotent, a later event opens it again."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _opened(self) -> int:
        """The descriptor, opened again if the month is over or the path now names another file."""
        month = month_of(self._clock())
        if self._descriptor >= 0 and month == self._month:
            with suppress(FileNotFoundError):
                now, ours = self._path.stat(), os.fstat(self._descriptor)
                if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                    return self._descriptor
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._path.parent.mkdir(parents=True, exist_ok=True)
        rotate(self._path, self._clock())
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._month = month
        return self._descriptor


def _cut(value: Field) -> Field:
    if isinstance(value, str):
        return value[:MAX_TEXT_CHARACTERS]
    if isinstance(value, list):
        return [_cut(item) for item in value[:100]]
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in list(value.items())[:100]}
    return value
