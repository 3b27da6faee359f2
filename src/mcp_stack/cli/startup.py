"""What has to happen before anything else is imported."""

from __future__ import annotations

import gc
import os

# The parent may die while this process starts.
PARENT = os.getppid()

# Imports make hundreds of thousands of objects that stay: looking through them for garbage takes a tenth of the start.
gc.disable()


def started() -> None:
    """Collect garbage from now on, leaving out what the imports made."""
    gc.freeze()
    gc.enable()
