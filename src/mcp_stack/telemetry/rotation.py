"""A new event file each month; the old ones are compressed."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..file_locks import FileLock

# A writer looks whether its file was renamed before each line, so nobody appends to one that was renamed this long ago.
SECONDS_UNTIL_NOBODY_WRITES = 60.0


def month_of(timestamp: float) -> str:
    """The month of a time, such as `2026-11`, in UTC.

    Args:
        timestamp: Seconds since the epoch.
    """
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m")


def rotate(path: Path, now: float) -> None:
    """Put aside a file that was last written in an earlier month, and compress those put aside before.

    Safe with any number of processes: one does it, the others go on.

    Args:
        path: `NAME.jsonl`; put aside as `NAME-2026-10.jsonl`, compressed to `NAME-2026-10.jsonl.gz`.
        now: Seconds since the epoch.

    Raises:
        OSError: The folder cannot be written to.
    """
    lock = FileLock(path.with_suffix(".lock"))
    if not lock.try_take():
        return
    try:
        with suppress(FileNotFoundError):
            written = month_of(path.stat().st_mtime)
            if written < month_of(now):
                path.rename(_free(path.with_name(f"{path.stem}-{written}.jsonl")))
        pattern = re.compile(re.escape(path.stem) + r"-\d{4}-\d{2}(\.\d+)?\.jsonl")
        for old in sorted(path.parent.iterdir()):
            if pattern.fullmatch(old.name) and time.time() - old.stat().st_ctime > SECONDS_UNTIL_NOBODY_WRITES:
                _compress(old)
    finally:
        lock.release()


def _free(path: Path) -> Path:
    """The path, or the next one like it that is not taken: nothing is overwritten."""
    number = 0
    candidate = path
    while candidate.exists() or candidate.with_name(candidate.name + ".gz").exists():
        number += 1
        candidate = path.with_suffix(f".{number}.jsonl")
    return candidate


def _compress(path: Path) -> None:
    part = path.with_name(path.name + ".gz.part")
    with path.open("rb") as plain, part.open("wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", filename=path.name) as packed:
            shutil.copyfileobj(plain, packed)
        raw.flush()
        os.fsync(raw.fileno())
    part.rename(path.with_name(path.name + ".gz"))
    path.unlink()
