"""Folders as their importer sees them: an import that the worker does, waited for as long as a client waits."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from ...errors import StackError, UnavailableError, UsageError
from ...ports.imports import Import, Imports, NewImport
from ...ports.jobs import WorkerLauncher
from .entries import Labels
from .files import Files, name_of
from .formats.isolation import IsolatedReader
from .models import ImportResult
from .walking import MAX_FILES, Folder

# Clients give up on a call after a minute.
SECONDS_TO_WAIT = 45.0
SECONDS_BETWEEN_LOOKS = 0.1
# A worker that was killed is replaced by whoever waits for it.
SECONDS_BETWEEN_WORKER_CHECKS = 3.0
# So long the same call again asks for the result of an import rather than for another one.
SECONDS_TO_ASK_AGAIN = 600.0
GOES_ON = "the import goes on in the background: the same call again waits for it"

Progress = Callable[[int, int, str], Awaitable[None]]
"""Told how many files are done, how many there are, and the name of the one that was done last."""


class FolderImports:
    """Starts imports of folders, or joins those that run, and waits for them.

    Args:
        imports: Where they are.
        jobs: Starts the worker.
        files: The allowed roots.
        seconds_to_wait: Longest time until the caller is answered.
    """

    def __init__(
        self, imports: Imports, jobs: WorkerLauncher, files: Files, seconds_to_wait: float = SECONDS_TO_WAIT
    ) -> None:
        self._imports = imports
        self._jobs = jobs
        self._files = files
        self._seconds_to_wait = seconds_to_wait

    async def run(self, path: Path, labels: Labels, progress: Progress | None) -> ImportResult:
        """Import a folder, or a file that gives many documents.

        Args:
            path: Resolved.
            labels: What the importer says of its documents.
            progress: Awaited as files are done.

        Returns:
            The result, or how far it is after most of a minute; the same call again goes on waiting.

        Raises:
            UsageError: There is nothing to import, or too much.
            UnavailableError: The database is down or full, or the worker cannot be started.
        """
        until = time.monotonic() + self._seconds_to_wait
        folder = await self._listed(path)
        new = NewImport(
            id=str(uuid.uuid4()),
            fingerprint=fingerprint_of(path, labels),
            path=str(path),
            collection=labels.collection,
            tags=labels.tags,
            source=labels.source,
        )
        notes = ("title is not used for a folder: each document has its own",) if labels.title else ()
        found = await self._imports.finished(new.fingerprint, SECONDS_TO_ASK_AGAIN)
        if found is None or folder.changed_at >= found.created_at.timestamp():
            # The job comes into being with the import, so there must be somebody who does it.
            await self._jobs.ensure_worker()
            found = await self._imports.start(new)
        return _result(await self._followed(found, until, progress), notes)

    async def _listed(self, path: Path) -> Folder:
        """What is in the folder: told at once rather than by a job where there is nothing, or too much."""
        async with IsolatedReader() as reader:
            folder = await reader.walk(path, self._files.roots)
        if folder.too_many:
            raise UsageError(f"{name_of(path)} has more than {MAX_FILES} files", "import its subfolders")
        if not folder.files:
            seen = f" ({'; '.join(folder.passed_over[:3])})" if folder.passed_over else ""
            raise UsageError(f"{name_of(path)} has no text files{seen}", "name a folder of documents or source code")
        return folder

    async def _followed(self, current: Import, until: float, progress: Progress | None) -> Import:
        """Wait for the end of an import, or for the time that is left."""
        shown = -1
        checked = time.monotonic()
        while True:
            if progress and current.total and current.done != shown:
                shown = current.done
                await progress(current.done, current.total, current.position)
            if current.state != "running":
                await self._imports.tell(current.asked.id)
                return current
            if time.monotonic() >= until:
                return current
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            try:
                if time.monotonic() - checked >= SECONDS_BETWEEN_WORKER_CHECKS:
                    checked = time.monotonic()
                    await self._jobs.ensure_worker()
                current = await self._imports.get(current.asked.id) or current
            except UnavailableError as error:
                # The database is restarting, or the worker: the import is not lost.
                if time.monotonic() >= until:
                    raise UnavailableError(error.problem, f"{error.remedy}; then {GOES_ON}") from error


def fingerprint_of(path: Path, labels: Labels) -> bytes:
    """The same for the same call.

    Args:
        path: Resolved.
        labels: What the importer says of its documents.
    """
    asked = [str(path), labels.collection, list(labels.tags), labels.source]
    return hashlib.sha256(json.dumps(asked).encode()).digest()


def _result(found: Import, notes: tuple[str, ...]) -> ImportResult:
    said = [*notes, *found.notes]
    if found.state == "running":
        said.append(GOES_ON)
    if (unnamed := found.skipped_count - len(found.skipped)) > 0:
        said.append(f"{unnamed} more files were skipped")
    return ImportResult(
        document_id="",
        chunks=found.chunks,
        duplicate_of="",
        documents=found.added,
        replaced=found.replaced,
        duplicates=found.duplicates,
        near_duplicates=list(found.near_duplicates),
        skipped=list(found.skipped),
        notes=said,
        state=found.state,
        import_id=found.asked.id,
    )


def problem_of(error: StackError) -> str:
    """What a failed import says.

    Args:
        error: Why it failed.
    """
    return f"{error.problem}; {error.remedy}" if error.remedy else error.problem
