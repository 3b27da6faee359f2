"""What every reader of a format gives."""

from __future__ import annotations

from dataclasses import dataclass

from ....ports.documents import Chunk


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as a reader found it.

    Attributes:
        title: Empty if the format names none.
        content: The whole text.
        chunks: Its passages; none if there is nothing to find.
        fragment: Names the part, where one file gives several documents; else empty.
        note: What was left out, for people; else empty.
    """

    title: str
    content: str
    chunks: tuple[Chunk, ...]
    fragment: str = ""
    note: str = ""
