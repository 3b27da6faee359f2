"""Reading files in a process of its own, which is killed when it takes too long."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ....errors import UsageError
from ....ports.documents import Chunk
from ..walking import Folder
from .parsed import Parsed
from .reading import Source

SECONDS_FOR_A_FILE = 60.0
SECONDS_FOR_A_FOLDER = 40.0
# The process ends itself in time; one that cannot is killed a little later.
GRACE_SECONDS = 5.0
_COMMAND = (sys.executable, "-P", "-m", f"{__package__}.child")
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")


class IsolatedReader:
    """Reads files and lists folders in one process, started when it is first needed and again after it was killed.

    ::

        async with IsolatedReader() as reader:
            documents = await reader.read(Source("paper.pdf"), data)

    Args:
        seconds: Longest time for a file.
        folder_seconds: Longest time to list a folder.
    """

    def __init__(self, seconds: float = SECONDS_FOR_A_FILE, folder_seconds: float = SECONDS_FOR_A_FOLDER) -> None:
        self._seconds = seconds
        self._folder_seconds = folder_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Nothing is started yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        await self._end()

    async def read(self, source: Source, data: bytes) -> list[Parsed]:
        """The documents in a file.

        Args:
            source: Which file.
            data: Its bytes.

        Raises:
            UsageError: It cannot be read, or not within the bounds of time and memory.
        """
        request = {"what": "read", "name": source.name, "collection": source.collection, "seconds": self._seconds}
        reply = await self._ask(request, data, source.name)
        return [_parsed(document) for document in reply["documents"]]

    async def walk(self, folder: Path, roots: Sequence[Path]) -> Folder:
        """The files below a folder; see `walking.walk`. Patterns of .gitignore files may be hostile too.

        Args:
            folder: Resolved.
            roots: Folders above it whose .gitignore files may be read.

        Raises:
            UsageError: It takes too long.
        """
        request = {
            "what": "walk",
            "folder": str(folder),
            "roots": [str(root) for root in roots],
            "seconds": self._folder_seconds,
        }
        reply = await self._ask(request, b"", str(folder))
        return Folder(**reply["folder"])

    async def _ask(self, request: dict[str, Any], data: bytes, name: str) -> dict[str, Any]:
        async with self._turn:
            seconds = request["seconds"]
            try:
                async with asyncio.timeout(seconds + GRACE_SECONDS):
                    reply = await self._exchange(json.dumps(request).encode(), data)
            except (TimeoutError, EOFError, ConnectionError) as error:
                signal = await self._end()
                why = f"takes more than {seconds:g} s" if signal in {-14, -9, 0} else "makes its reader fail"
                raise UsageError(f"{name} {why}", "import a smaller part of it, or plain text") from error
            except BaseException:
                await self._end()  # a reply that nobody waits for would be taken for the next one
                raise
        if problem := reply.get("problem"):
            named = problem if name in problem else f"{name}: {problem}"
            raise UsageError(named, reply["remedy"])
        return reply

    async def _exchange(self, head: bytes, data: bytes) -> dict[str, Any]:
        if self._process is None:
            environ = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
            self._process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environ,
                cwd="/",
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        stdin.write(struct.pack(">Q", len(head)) + head + struct.pack(">Q", len(data)) + data)
        await stdin.drain()
        (length,) = struct.unpack(">Q", await stdout.readexactly(8))
        reply: dict[str, Any] = json.loads(await stdout.readexactly(length))
        return reply

    async def _end(self) -> int:
        """End the process; the code that it ended with."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            # One that was ended by its alarm is gone in a moment; its code says so.
            with suppress(TimeoutError):
                return await asyncio.wait_for(asyncio.shield(process.wait()), 0.2)
        with suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


def _parsed(document: dict[str, Any]) -> Parsed:
    chunks = tuple(Chunk(**chunk) for chunk in document["chunks"])
    return Parsed(document["title"], document["content"], chunks, document["fragment"], document["note"])
