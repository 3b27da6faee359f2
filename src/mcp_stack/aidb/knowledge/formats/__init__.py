"""Formats of documents: what kind a file is, and how each kind becomes text in passages."""
