"""The parent process, noted before anything heavy is imported: it may die while this process starts."""

from __future__ import annotations

import os

PARENT = os.getppid()
