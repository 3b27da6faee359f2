"""What the database knows of garbage: documents that nobody uses, and rows that nothing needs any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

Leftover: TypeAlias = Literal[
    "orphan_postings", "expired_cache", "expired_rate_limits", "removed_tools", "finished_imports", "finished_jobs"
]
"""Rows that nothing needs any more: words of documents that are gone; cache entries and rate limits past their end;
tools that their server stopped offering; imports and jobs that ended. The last three go by age."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document, as far as garbage goes.

    Attributes:
        number: Grows with each document that is added.
        origin: `user`, or `fed` by a feeder.
        chunks: How many passages it has.
        bytes: What it takes on disk, estimated: text, passages, words and vectors.
    """

    id: str
    number: int
    title: str
    origin: str
    pinned: bool
    chunks: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A document to remove because another one says the same.

    Attributes:
        id: The one to remove.
        kept: The other one.
    """

    id: str
    kept: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was kept."""

    finished_at: datetime
    content: Mapping[str, Any]


class Garbage(Protocol):
    """Finds and removes; each removal is a transaction of its own. Every method raises UnavailableError if the store
    is down, the removing ones also if it is full.
    """

    def alone(self) -> AbstractAsyncContextManager[bool]:
        """Exclude other collections, of all processes, for as long as the context lasts.

        Returns:
            The context; its value is False if another collection is under way, and nothing is excluded then.
        """
        ...

    async def unused(self, since: datetime, origin: str, *, after: int, limit: int) -> list[Stored]:
        """Documents of an origin, unpinned, that were neither brought, changed nor found since a time.

        Args:
            since: The time.
            origin: `user` or `fed`.
            after: Only those with a greater number.
            limit: Most to return, by number.
        """
        ...

    async def embedded(self, model: str, *, after: int, limit: int) -> list[tuple[int, str]]:
        """Number and id of the documents that have vectors of a model.

        Args:
            model: The model.
            after: Only those with a greater number.
            limit: Most to return, by number.
        """
        ...

    async def described(self, document_ids: Sequence[str]) -> list[Stored]:
        """Some documents; those that are gone are left out."""
        ...

    async def models(self, document_ids: Sequence[str]) -> dict[str, str]:
        """The model whose vectors each document has, empty for none; those that are gone are left out."""
        ...

    async def remove_unused(self, document_ids: Sequence[str], since: datetime, origin: str) -> list[str]:
        """Remove documents that are still unused, unpinned and of the origin; the ids of those that were removed."""
        ...

    async def remove_duplicates(self, duplicates: Sequence[Duplicate], origin: str) -> list[str]:
        """Remove documents that are still unpinned, of the origin, and whose other is still there; their ids."""
        ...

    async def count(self, kind: Leftover, since: datetime) -> int:
        """How many rows of a kind there are; where they go by age, since when."""
        ...

    async def sweep(self, kind: Leftover, since: datetime, *, limit: int) -> int:
        """Remove rows of a kind.

        Args:
            kind: Which.
            since: Where they go by age, since when.
            limit: Most to remove.

        Returns:
            How many were removed; fewer than the limit when none are left.
        """
        ...

    async def keep_report(self, content: Mapping[str, Any]) -> None:
        """Keep the report of a collection, and the last ones before it."""
        ...

    async def last_report(self) -> Report | None:
        """The report that was kept last."""
        ...
