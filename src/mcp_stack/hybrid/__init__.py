"""Hybrid Coordinator: answers from the cache, a local model or Claude."""
