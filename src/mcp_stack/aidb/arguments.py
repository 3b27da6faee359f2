"""Checks of arguments that the tools of all areas share, and their descriptions in the schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from ..settings import Settings
from ..validation import checked_number, checked_text

MAX_LIMIT = 100
MAX_TAGS = 32
MAX_NAME = 200

Query = Annotated[str, Field(min_length=1, description="At most 4096 characters")]
Collection = Annotated[str, Field(description="Only this collection; empty for all")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT)]


def checked_query(settings: Settings, query: str, name: str = "query") -> str:
    """Check a question, unless `security.query_validation` is off.

    Args:
        settings: Of everything.
        query: The question.
        name: The argument's name, for the message.

    Raises:
        UsageError: It is empty, too long, or has control characters.
    """
    security = settings.security
    return checked_text(name, query, security.max_query_length) if security.query_validation else query


def checked_limit(limit: int) -> int:
    """Check how many results are wanted.

    Raises:
        UsageError: It is outside 1 to 100.
    """
    checked_number("limit", limit, 1, MAX_LIMIT)
    return limit


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Check labels.

    Returns:
        The labels without repetitions, sorted.

    Raises:
        UsageError: There are too many, or one is no text.
    """
    checked_number("number of tags", len(tags), 0, MAX_TAGS)
    return tuple(sorted({checked_text("tags", tag, 100) for tag in tags}))
