"""What has to happen before anything else is imported."""

from __future__ import annotations

import gc
import os

# The parent may die while this process starts.
PARENT = os.getppid()

# A look-up among vectors takes a millisecond on one core; on several, whose threads wait for each other busily, it
# takes ten when something else runs. NumPy's libraries read this when they are loaded.
for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# Imports make hundreds of thousands of objects that stay: looking through them for garbage takes a tenth of the start.
gc.disable()


def started() -> None:
    """Collect garbage from now on, leaving out what the imports made."""
    gc.freeze()
    gc.enable()
