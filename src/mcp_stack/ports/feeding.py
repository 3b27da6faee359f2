"""Knowledge that the system itself writes: resolved issues, approved skills, answered questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Feeder(Protocol):
    """Keeps an entry of another part of the system in the knowledge base."""

    async def feed(
        self, *, collection: str, key: str, title: str, text: str, tags: Sequence[str], lasting: bool = True
    ) -> str:
        """Store an entry; the same collection and key again replace its text, and the same text changes nothing.

        Args:
            collection: Where it goes, such as `error-solutions`.
            key: Names the entry in its collection for good, such as `issue:` and the issue's id.
            title: Its heading.
            text: Markdown or plain text.
            tags: Labels to filter by.
            lasting: A person decided that it is good, as with a fix or a skill; otherwise it becomes garbage when
                nobody has found it for long.

        Returns:
            Id of the document.

        Raises:
            UsageError: The text is blank or too long.
            UnavailableError: The store is down or full. Without an embedder it is stored all the same, and found by
                its words.
        """
        ...
