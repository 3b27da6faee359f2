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
    duplicates: int = Field(description="Documents that were there already")
    skipped: list[str] = Field(description="Files of a folder that are no text, with the reason")
    notes: list[str]
