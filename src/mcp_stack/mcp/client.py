"""Who is asking."""

from __future__ import annotations

import os


def stdio_client() -> str:
    """The client of this process, for the rate limit: a stdio server has one, the program that started it."""
    return f"stdio:{os.getpid()}"
