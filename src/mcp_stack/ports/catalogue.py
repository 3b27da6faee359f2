"""The list of the knowledge base's documents: what is there, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Listed:
    """A document without its content.

    Attributes:
        number: Grows with each document that is added.
        chunks: How many passages it was cut into.
        bytes: Size of its content in UTF-8.
        origin: `user`, or `fed` by a feeder.
        pinned: Never collected as garbage.
    """

    number: int
    id: str
    title: str
    source: str
    collection: str
    tags: tuple[str, ...]
    chunks: int
    bytes: int
    origin: str
    pinned: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents are listed; what is empty does not count.

    Attributes:
        collection: Of this collection.
        tags: With all of these.
        source: Whose source begins with this.
        title: Whose title has this in it, in any case of letters.
    """

    collection: str = ""
    tags: tuple[str, ...] = ()
    source: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list.

    Attributes:
        documents: Newest first.
        more: There are older ones.
        total: How many there are in all.
    """

    documents: tuple[Listed, ...]
    more: bool
    total: int


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A document that is nearly the same as another.

    Attributes:
        similarity: Cosine similarity of both.
    """

    id: str
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Part:
    """A document with some of its content.

    Attributes:
        characters: Length of the whole content.
        content: As many characters as were asked for.
        near_duplicates: Most alike first.
    """

    document: Listed
    characters: int
    content: str
    near_duplicates: tuple[NearDuplicate, ...]


class Catalogue(Protocol):
    """Lists documents, and removes them. Every method raises UnavailableError if the store is down."""

    async def page(self, selection: Selection, *, limit: int, before: int = 0) -> Page:
        """List documents, newest first.

        Args:
            selection: Which ones.
            limit: Most to return.
            before: Only those whose number is less; 0 for the newest.
        """
        ...

    async def part(self, document_id: str, *, offset: int, length: int) -> Part | None:
        """A document with a part of its content; None if there is no such document.

        Args:
            document_id: A UUID as text.
            offset: Characters to leave out.
            length: Most characters to return.
        """
        ...

    async def remove(self, document_id: str) -> Listed | None:
        """Remove a document with its words, and make every answer that was given so far out of date.

        Its vectors are not touched; no search shows them any more.

        Returns:
            What it was; None if there is no such document.
        """
        ...

    async def pin(self, document_id: str, *, pinned: bool) -> bool:
        """Spare a document from being collected as garbage, or no longer; False if there is no such document."""
        ...

    async def used(self, document_ids: Sequence[str]) -> None:
        """Remember that some documents were found by a search; those that are gone are left out."""
        ...

    async def collections(self) -> list[str]:
        """The collections that have documents, by name."""
        ...
