"""Adapters on Qdrant."""
