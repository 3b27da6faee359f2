"""Fixtures for every test."""

from __future__ import annotations

from tests.support.postgres import conninfo, database, postgres_server

__all__ = ["conninfo", "database", "postgres_server"]
