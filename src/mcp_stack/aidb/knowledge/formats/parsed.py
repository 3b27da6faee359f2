"""What every reader of a format gives."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ....ports.documents import Chunk

# C0 and C1 control characters but tab and newlines, and surrogates: fonts without a mapping, logs and old sources.
CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


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
