"""Collecting garbage: knowledge that nobody uses, that is there twice, or that nothing leads to any more."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar, get_args

from ...errors import ConflictError, UnavailableError
from ...ports.events import Events
from ...ports.garbage import Duplicate, Garbage, Leftover, Stored
from ...ports.vectors import Vectors
from ...settings.tree import GarbageCollection
from .duplicates import NearDuplicates
from .models import GarbageKind, GarbageReport

logger = logging.getLogger(__name__)

Piece = TypeVar("Piece")

EXAMPLES = 5
READ_AT_ONCE = 500
REMOVED_AT_ONCE = 50
SWEPT_AT_ONCE = 5000
# Estimates with indexes: of a vector, and of a row of each kind.
VECTOR_BYTES = 2000
ROW_BYTES: dict[Leftover, int] = {
    "orphan_postings": 110,
    "expired_cache": 2000,
    "expired_rate_limits": 200,
    "removed_tools": 3000,
    "finished_imports": 500,
    "finished_jobs": 500,
}

KINDS = {
    "old_documents": "fed documents that were neither changed nor found for long",
    "near_duplicates": "fed documents that say what another one says",
    "old_user_documents": "documents of users that were neither changed nor found for long",
    "user_near_duplicates": "documents of users that say what another one says",
    "orphan_vectors": "vectors of documents that are gone",
    "outdated_vectors": "vectors of a model that the document is no longer searched with",
    "orphan_postings": "words of documents that are gone",
    "expired_cache": "cached values past their end",
    "expired_rate_limits": "rate limits past their end",
    "removed_tools": "tools that their server stopped offering, or whose server left the configuration, long ago",
    "finished_imports": "imports that ended long ago",
    "finished_jobs": "jobs that ended long ago",
}


@dataclass(slots=True)
class _Heap:
    """Garbage of one kind.

    Attributes:
        found: How many pieces.
        remove: Removes them and adds to `removed` and `freed`; None where they are only reported.
    """

    kind: str
    found: int = 0
    bytes: int = 0
    examples: list[str] = field(default_factory=list)
    remove: Callable[[], Awaitable[None]] | None = None
    removed: int = 0
    freed: int = 0

    def add(self, document: Stored) -> None:
        """Count a document."""
        self.found += 1
        self.bytes += document.bytes
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{document.title or 'untitled'} ({document.id})")


@dataclass(slots=True)
class _Run:
    """One collection.

    Attributes:
        since: What was used after it stays.
        include_user_documents: See `GarbageCollector.collect`.
        in_time: Whether there is time left.
        complete: Nothing was left out for want of time or of a store.
    """

    since: datetime
    include_user_documents: bool
    in_time: Callable[[], bool]
    heaps: list[_Heap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True

    def heap(self, kind: str) -> _Heap:
        """A new heap."""
        self.heaps.append(_Heap(kind))
        return self.heaps[-1]

    def leave_rest(self, note: str) -> None:
        """Note that something is left to the next collection."""
        self.complete = False
        if note not in self.notes:
            self.notes.append(note)


class GarbageCollector:
    """Finds garbage, and removes it unless it is only asked for.

    A removal is many small transactions: whenever it is broken off, what is left is consistent, and the next one goes
    on.

    Args:
        garbage: Lists and removes.
        vectors: Those of the documents.
        model: The embedder's; empty without one.
        events: Telemetry.
        settings: Age and likeness.
        clock: The time.
    """

    def __init__(
        self,
        *,
        garbage: Garbage,
        vectors: Vectors,
        model: str,
        events: Events,
        settings: GarbageCollection,
        clock: Callable[[], datetime],
    ) -> None:
        self._garbage = garbage
        self._vectors = vectors
        self._model = model
        self._events = events
        self._settings = settings
        self._clock = clock

    async def collect(
        self, *, dry_run: bool, include_user_documents: bool = False, seconds: float = float("inf")
    ) -> GarbageReport:
        """Find garbage, and remove it.

        Args:
            dry_run: Only find it.
            include_user_documents: Remove what users brought by the same rules; otherwise it is only reported.
            seconds: After this time the rest is left to the next collection.

        Raises:
            ConflictError: Another collection is under way.
            UnavailableError: The database is down or full.
        """
        started = time.monotonic()
        run = _Run(
            since=self._clock() - timedelta(days=self._settings.max_age_days),
            include_user_documents=include_user_documents,
            in_time=lambda: time.monotonic() - started < seconds,
        )
        last = await self._garbage.last_report()
        if dry_run:
            await self._find(run)
        else:
            async with self._garbage.alone() as alone:
                if not alone:
                    raise ConflictError("another collection of garbage is under way", "wait until it is done")
                await self._find(run)
                await self._remove(run)
        report = _report(run, dry_run=dry_run)
        if not dry_run:
            await self._garbage.keep_report(report.model_dump(mode="json"))
        self._events.record(
            "garbage_collected",
            dry_run=dry_run,
            removed={each.kind: each.removed for each in report.kinds if each.removed},
            freed_bytes=report.freed_bytes,
            complete=report.complete,
            latency_ms=round((time.monotonic() - started) * 1000, 3),
        )
        if last is not None:
            report.last_run_at = last.finished_at.astimezone(UTC).isoformat(timespec="seconds")
            report.last_run_removed = int(last.content.get("removed", 0))
        return report

    async def collect_by_the_clock(self) -> None:
        """Collect garbage as the schedule asks for it.

        Raises:
            UnavailableError: The database is down or full.
        """
        try:
            report = await self.collect(dry_run=False)
        except ConflictError as error:
            logger.info("no garbage is collected: %s", error)
        else:
            logger.info("%d pieces of garbage are gone, about %d bytes", report.removed, report.freed_bytes)

    # --- finding ------------------------------------------------------------------------------------------------

    async def _find(self, run: _Run) -> None:
        ignored = await self._find_unused(run, "old_documents", "fed", goes=True)
        old = await self._find_unused(run, "old_user_documents", "user", goes=run.include_user_documents)
        if run.include_user_documents:
            ignored |= old
        try:
            await self._find_duplicates(run, ignored)
            await self._find_lost_vectors(run)
        except UnavailableError as error:
            run.leave_rest(f"vectors were not looked at: {error.problem}; {error.remedy}")
        for kind in get_args(Leftover):
            heap = run.heap(kind)
            heap.found = await self._garbage.count(kind, run.since)
            heap.bytes = heap.found * ROW_BYTES[kind]
            heap.remove = self._sweep(run, heap, kind)

    async def _find_unused(self, run: _Run, kind: str, origin: str, *, goes: bool) -> set[str]:
        heap = run.heap(kind)
        sizes: dict[str, int] = {}
        after = 0
        while page := await self._garbage.unused(run.since, origin, after=after, limit=READ_AT_ONCE):
            after = page[-1].number
            for document in page:
                heap.add(document)
                sizes[document.id] = document.bytes
            if not run.in_time():
                run.leave_rest(_OUT_OF_TIME)
                break

        async def remove(ids: Sequence[str]) -> list[str]:
            return await self._garbage.remove_unused(ids, run.since, origin)

        if goes:
            heap.remove = self._remove_documents(run, heap, sizes, remove)
        return set(sizes)

    async def _find_duplicates(self, run: _Run, ignored: set[str]) -> None:
        heaps = {"fed": run.heap("near_duplicates"), "user": run.heap("user_near_duplicates")}
        if not self._model:
            run.notes.append("near-duplicates were not looked for: there is no embedder")
            return
        found = await NearDuplicates(self._garbage, self._vectors, self._model).find(
            self._settings.dedup_threshold,
            ignored=ignored,
            user_documents_go=run.include_user_documents,
            in_time=run.in_time,
        )
        if not found.complete:
            run.leave_rest(_OUT_OF_TIME)
        for origin, heap in heaps.items():
            doubled = [each for each in found.doubled if each.document.origin == origin]
            for each in doubled:
                heap.add(each.document)
            if origin == "user" and not run.include_user_documents:
                continue
            pairs = {each.document.id: Duplicate(each.document.id, each.kept) for each in doubled}
            sizes = {each.document.id: each.document.bytes for each in doubled}
            heap.remove = self._remove_documents(run, heap, sizes, self._duplicates_remover(pairs, origin))

    def _duplicates_remover(
        self, pairs: dict[str, Duplicate], origin: str
    ) -> Callable[[Sequence[str]], Awaitable[list[str]]]:
        async def remove(ids: Sequence[str]) -> list[str]:
            return await self._garbage.remove_duplicates([pairs[document_id] for document_id in ids], origin)

        return remove

    async def _find_lost_vectors(self, run: _Run) -> None:
        orphans, outdated = run.heap("orphan_vectors"), run.heap("outdated_vectors")
        lost: dict[str, list[tuple[str, str, int]]] = {orphans.kind: [], outdated.kind: []}
        async for batch in self._vectors.stored():
            models = await self._garbage.models([each.document_id for each in batch])
            for each in batch:
                heap = orphans if each.document_id not in models else outdated
                # The vectors of the present model may have been written a moment ago, and the document not yet marked.
                if heap is outdated and each.model in (models[each.document_id], self._model):
                    continue
                heap.found += each.points
                heap.bytes += each.points * VECTOR_BYTES
                if len(heap.examples) < EXAMPLES:
                    heap.examples.append(f"document {each.document_id}, model {each.model}")
                lost[heap.kind].append((each.model, each.document_id, each.points))
        for heap in (orphans, outdated):
            heap.remove = self._remove_vectors(run, heap, lost[heap.kind])

    # --- removing -----------------------------------------------------------------------------------------------

    async def _remove(self, run: _Run) -> None:
        for heap in run.heaps:
            if heap.remove is None or not heap.found:
                continue
            try:
                await heap.remove()
            except UnavailableError as error:
                run.leave_rest(f"{heap.kind} were not all removed: {error.problem}; {error.remedy}")

    def _remove_documents(
        self, run: _Run, heap: _Heap, sizes: dict[str, int], remove: Callable[[Sequence[str]], Awaitable[list[str]]]
    ) -> Callable[[], Awaitable[None]]:
        async def run_removal() -> None:
            for batch in _batches(sizes, REMOVED_AT_ONCE):
                if not run.in_time():
                    run.leave_rest(_OUT_OF_TIME)
                    return
                gone = await remove(batch)
                heap.removed += len(gone)
                heap.freed += sum(sizes[document_id] for document_id in gone)
                # They are no longer shown; if this fails, the next collection finds them as orphans.
                await self._vectors.delete_documents(gone)

        return run_removal

    def _remove_vectors(
        self, run: _Run, heap: _Heap, lost: list[tuple[str, str, int]]
    ) -> Callable[[], Awaitable[None]]:
        async def run_removal() -> None:
            for batch in _batches(sorted(lost), REMOVED_AT_ONCE):
                if not run.in_time():
                    run.leave_rest(_OUT_OF_TIME)
                    return
                for model in sorted({model for model, _, _ in batch}):
                    await self._vectors.delete_documents([each[1] for each in batch if each[0] == model], model)
                points = sum(each[2] for each in batch)
                heap.removed += points
                heap.freed += points * VECTOR_BYTES

        return run_removal

    def _sweep(self, run: _Run, heap: _Heap, kind: Leftover) -> Callable[[], Awaitable[None]]:
        async def run_removal() -> None:
            swept = SWEPT_AT_ONCE
            while swept == SWEPT_AT_ONCE:
                if not run.in_time():
                    run.leave_rest(_OUT_OF_TIME)
                    return
                swept = await self._garbage.sweep(kind, run.since, limit=SWEPT_AT_ONCE)
                heap.removed += swept
                heap.freed += swept * ROW_BYTES[kind]

        return run_removal


_OUT_OF_TIME = "there was no time for all of it: collect again for the rest"


def _batches(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    every = list(pieces)
    for start in range(0, len(every), size):
        yield every[start : start + size]


def _report(run: _Run, *, dry_run: bool) -> GarbageReport:
    kinds = []
    for heap in run.heaps:
        would_go = dry_run and heap.remove is not None
        kinds.append(
            GarbageKind(
                kind=heap.kind,
                what=KINDS[heap.kind],
                found=heap.found,
                removed=heap.found if would_go else heap.removed,
                freed_bytes=heap.bytes if would_go else heap.freed,
                examples=heap.examples,
            )
        )
    return GarbageReport(
        dry_run=dry_run,
        kinds=kinds,
        removed=sum(each.removed for each in kinds),
        freed_bytes=sum(each.freed_bytes for each in kinds),
        complete=run.complete,
        notes=run.notes,
        last_run_at="",
        last_run_removed=0,
    )
