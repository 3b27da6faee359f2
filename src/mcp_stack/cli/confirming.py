"""Asking a person before something counts."""

from __future__ import annotations

import sys


def confirmed() -> bool:
    """Whether a person at the terminal says yes; no without one: a program is nobody to approve anything."""
    return sys.stdin.isatty() and input("Approve? [y/N] ").strip().lower() in {"y", "yes"}
