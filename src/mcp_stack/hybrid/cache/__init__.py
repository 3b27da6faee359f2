"""Answers given before: found by the very same question, or by one that means the same."""

from .exact import AnswerCache
from .semantic import Found, SemanticCache

__all__ = ["AnswerCache", "Found", "SemanticCache"]
