"""The port `Feeder`: what other parts of the stack know becomes documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...validation import checked_text
from ..arguments import MAX_NAME, checked_tags
from .entries import Labels, entry_of
from .formats.markup import read_text
from .presets import INTERACTION_HISTORY
from .storing import Entry, Storing, key_of

MAX_KEY = 1000
MAX_TITLE = 300


class Feeding:
    """Stores entries under keys.

    Args:
        storing: Stores and embeds.
        max_bytes: Largest entry.
    """

    def __init__(self, storing: Storing, max_bytes: int) -> None:
        self._storing = storing
        self._max_bytes = max_bytes

    async def feed(
        self, *, collection: str, key: str, title: str, text: str, tags: Sequence[str], lasting: bool = True
    ) -> str:
        """See `Feeder.feed`."""
        collection = checked_text("collection", collection, MAX_NAME)
        key = checked_text("key", key, MAX_KEY)
        title = checked_text("title", title, MAX_TITLE)
        text = checked_text("text", text, self._max_bytes)
        # The title is part of the content: another title is another version.
        heading = f"# {' '.join(title.split())}"
        content = text if text.split("\n", 1)[0].strip() == heading else f"{heading}\n\n{text}"
        parsed = replace(read_text(content), title=title)
        labels = Labels(title, collection, checked_tags(tags), key)
        made = entry_of(parsed, labels, kind=None, key=key_of("fed", key), seed="", max_bytes=self._max_bytes)
        # An answer that is kept says nothing that cached answers had not known.
        is_news = collection != INTERACTION_HISTORY
        origin = "user" if lasting else "fed"
        entry = Entry(replace(made.document, origin=origin, is_news=is_news), made.key)
        (stored,) = await self._storing.store([entry])
        await self._storing.embed([entry], [stored])
        return stored.id
