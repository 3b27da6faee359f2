"""What the tools of the knowledge base answer. Flat, without nulls: every client understands them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from ...hybrid.models import CitedSource
from ..gateway.models import ToolSummary


class QueryResult(BaseModel):
    """Answer to a question."""

    response: str
    route: Literal["local", "remote_fallback", "remote", "cache", "offline", "knowledge"]
    confidence: float
    latency_ms: float
    cost: float = Field(description="US dollars")
    tokens_in: int
    tokens_out: int
    cached: bool
    value_score: float
    learned: bool
    sources: list[CitedSource]
    tools: list[ToolSummary]
    interaction_id: str
    reasons: list[str]


class Hit(BaseModel):
    """A document that was found."""

    id: str
    title: str
    excerpt: str
    source: str
    collection: str
    score: float
    lexical_rank: int = Field(description="Place by words, from 1; 0 if not found by words")
    vector_rank: int = Field(description="Place by meaning, from 1; 0 if not found by meaning")


class SearchResult(BaseModel):
    """Documents that fit a search."""

    hits: list[Hit]
    notes: list[str] = Field(description="What could not be used, such as a missing embedder")


class ImportResult(BaseModel):
    """What an import did."""

    document_id: str = Field(description="Empty when a folder was imported")
    chunks: int
    duplicate_of: str = Field(description="Id of the document that has the same content; empty if it is new")
    documents: int = Field(description="Documents added; 0 for a duplicate")
    replaced: int = Field(description="Of those, new versions of files that were imported before")
    duplicates: int = Field(description="Documents that were there already")
    near_duplicates: list[str] = Field(description="Ids of documents that are nearly the same")
    skipped: list[str] = Field(description="Files of a folder that were left out, with the reason")
    notes: list[str]
    state: Literal["done", "running", "failed"] = Field(description="running: the same call again waits for the end")
    import_id: str = Field(description="Of a folder's import; empty otherwise")


class DocumentSummary(BaseModel):
    """A document without its content."""

    id: str
    title: str
    source: str
    collection: str
    tags: list[str]
    chunks: int
    origin: Literal["user", "fed"] = Field(description="fed: brought by the stack itself, unasked")
    pinned: bool = Field(description="Never collected as garbage")
    created_at: str
    updated_at: str


class DocumentList(BaseModel):
    """Documents, newest first."""

    documents: list[DocumentSummary]
    next_cursor: str = Field(description="Pass it to get the next ones; empty at the end")
    total: int = Field(description="How many there are in all")


class NearDuplicate(BaseModel):
    """A document that is nearly the same."""

    id: str
    title: str
    similarity: float


class DocumentContent(DocumentSummary):
    """A document."""

    content: str
    characters: int = Field(description="Length of the whole content")
    offset: int
    next_offset: int = Field(description="Where the rest begins; 0 if this is the end")
    near_duplicates: list[NearDuplicate]


class DeletedDocument(BaseModel):
    """A document that was deleted with everything that hung on it."""

    id: str
    title: str
    collection: str
    chunks: int
    notes: list[str] = Field(description="What is left for the next collection of garbage")


class GarbageKind(BaseModel):
    """Garbage of one kind."""

    kind: str
    what: str
    found: int
    removed: int = Field(description="In a dry run: what would be removed")
    freed_bytes: int = Field(description="Estimated")
    examples: list[str]


class GarbageReport(BaseModel):
    """What was removed, or in a dry run would be."""

    dry_run: bool
    kinds: list[GarbageKind]
    removed: int
    freed_bytes: int
    complete: bool = Field(description="False: collect again for the rest")
    notes: list[str]
    last_run_at: str = Field(description="When garbage was last removed; empty if never")
    last_run_removed: int


class QueryGap(BaseModel):
    """A question whose best passage was weak."""

    question: str
    collection: str = Field(description="Where it was looked for; empty for everywhere")
    asked: int
    last_asked: str
    best_relevance: float = Field(description="Of the best passage, from 0 to 1")
    best_source: str
    best_document: str
    similar: list[str] = Field(description="Other questions that ask the same, counted in")


class QueryGapList(BaseModel):
    """What to import next: the questions asked most often in vain."""

    gaps: list[QueryGap]
    notes: list[str]
