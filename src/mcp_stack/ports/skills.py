"""Skills: instructions that a person approved, for the model to follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from .embedder import Vector

SkillStatus: TypeAlias = Literal["pending", "approved", "rejected"]


@dataclass(frozen=True, slots=True)
class SkillFile:
    """A file beside SKILL.md.

    Attributes:
        path: Relative to the skill's folder, with slashes.
        size: In bytes.
        sha256: In hexadecimal.
        content: None where it is no text, or too long to be kept.
    """

    path: str
    size: int
    sha256: str
    content: str | None


@dataclass(frozen=True, slots=True)
class SkillContent:
    """All that a person approves of.

    Attributes:
        content: The instructions, Markdown.
        files: In order of their paths.
    """

    name: str
    description: str
    content: str
    license: str
    tags: tuple[str, ...]
    allowed_tools: tuple[str, ...]
    files: tuple[SkillFile, ...]


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill that was imported.

    Attributes:
        source: The folder that it came from.
        fingerprint: Hash of its content, in hexadecimal.
        approved: What was approved last; None if it never was.
        document_id: Of the approved one in the knowledge base; empty if it is not there.
    """

    slug: str
    status: SkillStatus
    source: str
    fingerprint: str
    current: SkillContent
    approved: SkillContent | None
    document_id: str


@dataclass(frozen=True, slots=True)
class SkillEntry:
    """A skill in a list."""

    slug: str
    name: str
    description: str
    tags: tuple[str, ...]
    status: SkillStatus
    source: str


@dataclass(frozen=True, slots=True)
class SkillMatch:
    """An approved skill beside a query.

    Attributes:
        lexical: BM25; 0 if no word of the query is in it.
        similarity: Cosine similarity; None if there is no vector of either.
    """

    slug: str
    name: str
    description: str
    tags: tuple[str, ...]
    lexical: float
    similarity: float | None


class Skills(Protocol):
    """Every skill. Every method raises UnavailableError if the store is down."""

    async def put(
        self, slug: str, content: SkillContent, source: str, fingerprint: str
    ) -> Literal["new", "changed", "unchanged"]:
        """Store a skill; a new or changed one is pending."""
        ...

    async def entries(self, status: SkillStatus | Literal[""] = "") -> list[SkillEntry]:
        """Every skill by its slug, or those of one status."""
        ...

    async def get(self, slug: str) -> Skill | None:
        """A skill of any status; None if there is none of that slug."""
        ...

    async def decide(self, slug: str, status: SkillStatus, fingerprint: str) -> bool:
        """Approve or reject what somebody has looked at.

        Args:
            slug: Which skill.
            status: The decision.
            fingerprint: Of what was looked at.

        Returns:
            False if it is another one by now, or gone; then nothing was decided.
        """
        ...

    async def link(self, slug: str, document_id: str) -> None:
        """Remember a skill's document in the knowledge base; empty for none."""
        ...

    async def matches(self, query: str, vector: Vector | None, model: str) -> list[SkillMatch]:
        """Approved skills that have a word of the query, or a vector to compare with its.

        Args:
            query: In words.
            vector: Its embedding; None to go by words alone.
            model: Which made the vector.
        """
        ...

    async def without_vector(self, model: str, limit: int) -> list[tuple[str, str, str]]:
        """Approved skills that a model has not embedded: slug, fingerprint and the text to embed."""
        ...

    async def add_vectors(self, model: str, vectors: Sequence[tuple[str, str, Vector]]) -> None:
        """Store embeddings by slug and fingerprint; those of skills that changed meanwhile are dropped."""
        ...
