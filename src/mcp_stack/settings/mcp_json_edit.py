"""Adding a server to `mcp.json`."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ConflictError, UsageError


def add_server(file: Path, name: str, entry: Mapping[str, Any], *, replace: bool) -> bytes | None:
    """Write an entry, leaving everything else in the file as it is.

    Args:
        file: The file; made if it does not exist.
        name: The server's name.
        entry: Its entry.
        replace: Take the place of an entry of that name.

    Returns:
        What the file held before, for `restore`; None if it did not exist.

    Raises:
        ConflictError: There is an entry of that name.
        UsageError: The file cannot be read or written, or is not of the format.
    """
    try:
        before = file.read_bytes() if file.exists() else None
        content = json.loads(before.decode("utf-8-sig")) if before is not None else {"mcpServers": {}}
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {file}: {error}", "make it a readable JSON file") from error
    servers = content.setdefault("mcpServers", {}) if isinstance(content, dict) else None
    if not isinstance(servers, dict):
        raise UsageError(f'{file} must hold {{"mcpServers": {{name: {{...}}}}}}', "correct the file")
    if name in servers and not replace:
        raise ConflictError(f"{file} has a server {name!r} already", "choose another name, or say --replace")
    servers[name] = dict(entry)
    _write(file, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
    return before


def restore(file: Path, before: bytes | None) -> None:
    """Undo `add_server`.

    Args:
        file: The file.
        before: What it returned.

    Raises:
        UsageError: The file cannot be written.
    """
    if before is None:
        file.unlink(missing_ok=True)
    else:
        _write(file, before)


def _write(file: Path, content: bytes) -> None:
    """Replace the file in one step, so that nobody reads half of it; it may hold secrets, and a new one is private."""
    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as writing:
                writing.write(content)
            os.chmod(temporary, mode)  # noqa: PTH101 - by name, as mkstemp gives it
            os.replace(temporary, target)  # noqa: PTH105 - as above
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108 - as above
            raise
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}", "make its folder writable") from error
