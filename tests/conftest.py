"""Fixtures for every test."""

from __future__ import annotations

import signal

from tests.support.postgres import conninfo, database, postgres_server

__all__ = ["conninfo", "database", "postgres_server"]

# A shell that runs the tests in the background has them ignore SIGINT, and with them every server that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
