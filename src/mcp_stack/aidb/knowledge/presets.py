"""What a collection's name brings with it when something is imported there."""

from __future__ import annotations

from .formats.kinds import Kind
from .formats.nixos import COLLECTION as NIXOS_DOCS

IMPORTED = "imported"
CODEBASE_CONTEXT = "codebase-context"
ERROR_SOLUTIONS = "error-solutions"
INTERACTION_HISTORY = "interaction-history"
SKILLS_PATTERNS = "skills-patterns"
BEST_PRACTICES = "best-practices"

# Added to the caller's own tags.
_TAGS: dict[str, tuple[str, ...]] = {BEST_PRACTICES: ("curated",), NIXOS_DOCS: ("nixos",)}


def collection_for(kind: Kind | None) -> str:
    """Where a document goes whose importer names no collection.

    Args:
        kind: Of its file; None for a text.
    """
    return CODEBASE_CONTEXT if kind == "code" else IMPORTED


def tags_for(collection: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags of a document with those that its collection adds.

    Args:
        collection: Where it goes.
        tags: The importer's own.
    """
    return tuple(sorted({*tags, *_TAGS.get(collection, ())}))
