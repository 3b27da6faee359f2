"""Imports that outlive their caller, and what documents were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from .documents import Chunk
from .vectors import Alike

ImportState: TypeAlias = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class NewImport:
    """What is to be imported.

    Attributes:
        id: A UUID as text.
        fingerprint: SHA-256 of all that was asked for.
        path: A folder, or a file that gives many documents; absolute, in an allowed root.
        collection: Empty if it depends on the kind of each file.
        tags: For each document.
        source: Where it is from, put before the name of each file; empty for the path.
    """

    id: str
    fingerprint: bytes
    path: str
    collection: str
    tags: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it stands.

    Attributes:
        asked: What was asked for.
        position: The last file that is done, by its path below the folder; empty before the first. Files are done in
            the order of their paths.
        total: Number of files; 0 before they were listed.
        done: Of those.
        added: Documents that were stored.
        replaced: Of those, new versions of files that were imported before.
        duplicates: Documents that were there already.
        chunks: Of the documents that were stored.
        skipped: The first files that could not be imported or are of a kind that is not, each with the reason.
        skipped_count: How many there are of them.
        near_duplicates: Ids of documents that are nearly the same as some that were stored.
        notes: For people.
        attempts: Starts since the last file that was done.
        told: Its caller has seen the result.
    """

    asked: NewImport
    state: ImportState
    position: str
    total: int
    done: int
    added: int
    replaced: int
    duplicates: int
    chunks: int
    skipped: tuple[str, ...]
    skipped_count: int
    near_duplicates: tuple[str, ...]
    notes: tuple[str, ...]
    attempts: int
    told: bool
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """What an import did since its last step.

    Attributes:
        position: The file that is done now.
        done: Number of files.
    """

    position: str
    done: int
    added: int = 0
    replaced: int = 0
    duplicates: int = 0
    chunks: int = 0
    skipped: tuple[str, ...] = ()
    near_duplicates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Imports(Protocol):
    """Imports of folders. A job exists exactly as long as an import runs."""

    async def start(self, new: NewImport) -> Import:
        """Write an import and its job, both or neither; or join the one of the same fingerprint that runs.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def get(self, import_id: str) -> Import | None:
        """An import as it stands; None if there is none of this id.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def finished(self, fingerprint: bytes, within_seconds: float) -> Import | None:
        """The import that was finished last, if that was lately and nobody was told.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def begin(self, import_id: str, total: int, passed_over: Sequence[str], passed_over_count: int) -> None:
        """Note that the files were listed, once more or for the first time.

        Args:
            import_id: Which import.
            total: Number of files to import.
            passed_over: The first files that are not, each with the reason.
            passed_over_count: How many are not.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def advance(self, import_id: str, position: str, step: Step) -> bool:
        """Commit a step.

        Args:
            import_id: Which import.
            position: Where the step began.
            step: What was done.

        Returns:
            False if the import is not at that position: somebody else is at it, or it has ended.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def finish(self, import_id: str, state: Literal["done", "failed"], note: str = "") -> None:
        """End an import that runs.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def tell(self, import_id: str) -> None:
        """Note that the caller has seen the result.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...


@dataclass(frozen=True, slots=True)
class Keyed:
    """A document and what it was made from.

    Attributes:
        key: SHA-256 of what it was made from.
    """

    collection: str
    key: bytes
    document_id: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of keys.

    Attributes:
        replacing: Ids of the documents that took the place of another.
        removed: Ids of the documents that were removed because nothing is left that they were made from.
        lost: Ids of the documents that somebody removed in the meantime; their keys were not recorded.
    """

    replacing: frozenset[str] = frozenset()
    removed: tuple[str, ...] = ()
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A document whose vectors are missing or of another model.

    Attributes:
        model: The model of the vectors that it has; empty if it has none.
    """

    id: str
    title: str
    content: str
    collection: str
    tags: tuple[str, ...]
    chunks: tuple[Chunk, ...]
    model: str


class Provenance(Protocol):
    """What documents were made from, which ones are nearly alike, and which ones lack vectors."""

    async def record(self, keys: Sequence[Keyed]) -> Recorded:
        """Note what documents were made from, in one transaction; a document that no key names any more is removed.

        Args:
            keys: No two of the same collection and key.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def link(self, pairs: Sequence[Alike]) -> None:
        """Note that documents are nearly alike, in both directions; those that were removed are left out.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def mark_embedded(self, document_ids: Sequence[str], model: str, *, is_news: bool = True) -> None:
        """Record that the vectors of these documents are stored.

        Args:
            document_ids: The documents; they need not exist any more.
            model: Which model's.
            is_news: Answers that were given without them may be out of date.

        Raises:
            UnavailableError: The store is down or full.
        """
        ...

    async def made_below(self, folder: str, *, after: str, limit: int) -> list[tuple[str, str]]:
        """Source and id of documents that a person imported from below a folder, by source.

        Args:
            folder: Its path, as it begins the sources.
            after: The last source of the page before; empty for the first page.
            limit: Most to return.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def unembedded(self, model: str, limit: int) -> list[Unembedded]:
        """Documents that lack vectors of the model, oldest first.

        Raises:
            UnavailableError: The store is down.
        """
        ...

    async def has_unembedded(self, model: str) -> bool:
        """Whether any document lacks vectors of the model; costs next to nothing.

        Raises:
            UnavailableError: The store is down.
        """
        ...
