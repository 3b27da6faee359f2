"""The job that imports a folder: file by file, in batches, each of which is committed before the next."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import StackError, UnavailableError, UsageError
from ...ports.events import Events
from ...ports.imports import Import, Imports, Provenance, Step
from .entries import Labels, distinct, entry_of, file_key, unused_labels
from .files import Files, name_of
from .folders import problem_of
from .formats.isolation import IsolatedReader
from .formats.kinds import ISOLATED, kind_of, may_hold_secret
from .formats.nixos import COLLECTION as NIXOS_DOCS
from .formats.nixos import MAX_OPTIONS_BYTES, is_options
from .formats.reading import HEAD_BYTES, Source, read
from .storing import Entry, Storing
from .walking import MAX_FILES, Folder, sort_key

logger = logging.getLogger(__name__)

# A batch is committed as a whole: large enough for the embedder's batches, small enough for a progress bar.
FILES_AT_ONCE = 32
PASSAGES_AT_ONCE = 128
# A book takes minutes to embed. The files behind it do not wait: the job that embeds what lacks vectors does it.
PASSAGES_IN_LINE = 1000
SOURCES_AT_ONCE = 1000
GONE_SHOWN = 5
# Starts without a single file done: whatever ends the worker each time will do so again.
MOST_ATTEMPTS = 50


@dataclass
class _Batch:
    """Files that were read and not yet stored."""

    position: str
    files: int = 0
    passages: int = 0
    entries: list[Entry] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class ImportJob:
    """Imports a folder, and goes on where it was broken off.

    A document's id follows from the import and its file, so that what was stored by a step that was never committed
    is known again; the position moves with the counts, in one transaction.
    """

    def __init__(
        self,
        *,
        imports: Imports,
        storing: Storing,
        provenance: Provenance,
        files: Files,
        events: Events,
        max_bytes: int,
    ) -> None:
        self._imports = imports
        self._storing = storing
        self._provenance = provenance
        self._files = files
        self._events = events
        self._max_bytes = max_bytes

    async def run(self, import_id: str) -> None:
        """Import what is left.

        Args:
            import_id: Which import.

        Raises:
            UnavailableError: The database is down or full; the job is to be done again.
        """
        current = await self._imports.get(import_id)
        if current is None or current.state != "running":
            return
        if current.attempts >= MOST_ATTEMPTS:
            await self._imports.finish(
                import_id, "failed", f"given up after {current.attempts} attempts: the worker ends whenever it goes on"
            )
            return
        try:
            async with IsolatedReader() as reader:
                await self._import(current, reader)
        except UnavailableError:
            raise
        except StackError as error:
            await self._imports.finish(import_id, "failed", problem_of(error))

    async def _import(self, current: Import, reader: IsolatedReader) -> None:
        import_id, path = current.asked.id, Path(current.asked.path)
        folder = await self._listed(path, reader)
        done_until = sort_key(current.position)
        left = [name for name in folder.files if not current.position or sort_key(name) > done_until]
        total = current.done + len(left)
        await self._imports.begin(import_id, total, folder.passed_over, folder.passed_over_count)
        position = current.position
        gone = "" if position or folder.is_file else await self._gone(path)
        async for batch in self._batches(current, path.parent if folder.is_file else path, left, reader):
            if gone:
                batch.notes.append(gone)
                gone = ""
            step = await self._stored(
                batch, Labels("", current.asked.collection, current.asked.tags, current.asked.source)
            )
            if not await self._imports.advance(import_id, position, step):
                logger.warning("import %s is done by somebody else", import_id)
                return
            position = batch.position
        await self._imports.finish(import_id, "done")

    async def _gone(self, folder: Path) -> str:
        """What was imported from files that are no longer there: told, for a person may want to keep it."""
        found: list[tuple[str, str]] = []
        last = ""
        while page := await self._provenance.made_below(name_of(folder), after=last, limit=SOURCES_AT_ONCE):
            last = page[-1][0]
            found += await asyncio.to_thread(_without_file, page)
        if not found:
            return ""
        shown = ", ".join(f"{source} (document {document_id})" for source, document_id in found[:GONE_SHOWN])
        return f"{len(found)} documents are of files that are gone, such as {shown}; delete_document removes them"

    async def _listed(self, path: Path, reader: IsolatedReader) -> Folder:
        if not self._files.still_allowed(path):
            raise UsageError(f"{name_of(path)} is gone", "import it again when it is back")
        folder = await reader.walk(path, self._files.roots)
        if folder.too_many:
            raise UsageError(f"{name_of(path)} has more than {MAX_FILES} files", "import its subfolders")
        return folder

    async def _batches(
        self, current: Import, parent: Path, names: list[str], reader: IsolatedReader
    ) -> AsyncIterator[_Batch]:
        """The files in order; a file that gives many documents makes a batch of any size."""
        batch = _Batch(current.position)
        for name in names:
            try:
                entries, notes = await self._read(current, parent, name, reader)
            except UnavailableError:
                raise
            except StackError as error:
                batch.skipped.append(f"{name}: {error.problem.removeprefix(f'{name}: ').removeprefix(f'{name} ')}")
            except Exception as error:  # a bug in one reader must not cost the other files
                logger.exception("%s of import %s cannot be read", name, current.asked.id)
                batch.skipped.append(f"{name}: it cannot be read ({type(error).__name__}: see the worker's log)")
            else:
                batch.entries += entries
                batch.notes += notes
                batch.passages += sum(len(entry.document.chunks) for entry in entries)
            batch.files += 1
            batch.position = name
            if batch.files >= FILES_AT_ONCE or batch.passages >= PASSAGES_AT_ONCE:
                yield batch
                batch = _Batch(name)
        if batch.files:
            yield batch

    async def _read(
        self, current: Import, parent: Path, name: str, reader: IsolatedReader
    ) -> tuple[list[Entry], list[str]]:
        asked, file = current.asked, parent / name
        if not self._files.still_allowed(file):
            raise UsageError(f"{name} is a link or gone", "import it again when it is back")
        is_bundle = asked.collection == NIXOS_DOCS and is_options(name, self._files.head(file, HEAD_BYTES))
        data = await asyncio.to_thread(self._files.read, file, MAX_OPTIONS_BYTES if is_bundle else 0)
        if may_hold_secret(file.name, data[:HEAD_BYTES]):
            raise UsageError(f"{name} may hold a secret", "give what is none as text")
        kind = kind_of(name, data[:HEAD_BYTES])
        source = Source(name, asked.collection)
        if kind in ISOLATED or is_bundle:
            found = await reader.read(source, data)
        else:
            found = await asyncio.to_thread(read, source, data)
        where = f"{asked.source.rstrip('/')}/{name_of(Path(name))}" if asked.source else name_of(file)
        labels = Labels("", asked.collection, asked.tags, where)
        entries = [
            entry_of(
                parsed,
                labels,
                kind=kind,
                key=file_key(str(file), parsed),
                seed=f"{asked.id}/{name}#{parsed.fragment}",
                max_bytes=self._max_bytes,
            )
            for parsed in found
        ]
        return entries, [f"{name}: {parsed.note}" for parsed in found if parsed.note]

    async def _stored(self, batch: _Batch, labels: Labels) -> Step:
        entries = distinct(batch.entries)
        stored = await self._storing.store(entries)
        pairs = list(zip(entries, stored, strict=True))
        small = [pair for pair in pairs if len(pair[0].document.chunks) <= PASSAGES_IN_LINE]
        embedded = await self._storing.embed([entry for entry, _ in small], [each for _, each in small])
        large = [
            f"{entry.document.source} has {len(entry.document.chunks)} passages: it is found by its words until they "
            "are embedded"
            for entry, each in pairs
            if each.lacks_vectors and len(entry.document.chunks) > PASSAGES_IN_LINE
        ]
        unused = {note for entry, each in pairs if (note := unused_labels(labels, entry, each))}
        added = [(entry, each) for entry, each in pairs if each.is_new]
        for entry, each in added:
            self._events.record(
                "import",
                document_id=each.id,
                source=entry.document.source,
                collection=entry.document.collection,
                chunks=len(entry.document.chunks),
            )
        return Step(
            position=batch.position,
            done=batch.files,
            added=len(added),
            replaced=sum(each.replaces for _, each in added),
            duplicates=len(stored) - len(added),
            chunks=sum(len(entry.document.chunks) for entry, _ in added),
            skipped=tuple(batch.skipped),
            near_duplicates=embedded.near_duplicates,
            notes=(*batch.notes, *large, *sorted(unused), *([embedded.note] if embedded.note else [])),
        )


def _without_file(documents: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those whose source is a file that is no longer there; a part of a file is named behind a `#`."""
    return [each for each in documents if not Path(each[0]).exists() and not Path(each[0].rpartition("#")[0]).is_file()]
