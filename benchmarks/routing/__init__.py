"""Routing between a local and a remote model, on outcomes of both."""
