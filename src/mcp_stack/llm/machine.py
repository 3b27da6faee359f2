"""A quick look at the machine, before a model is chosen for it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .known_models import Machine

_ROWS, _COLUMNS, _REPETITIONS = 8_192, 4_096, 5
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def this_machine() -> Machine:
    """Cores, memory and speed of the machine, or of the container that this runs in. Takes about half a second."""
    return Machine(available_cores(), _memory_bytes(), _read_bytes_per_second())


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine's in a container pinned to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_bytes() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total


def _read_bytes_per_second() -> float:
    """Speed of a matrix of 134 MB, too large for any cache, times a vector: what writing a token comes to."""
    import numpy as np  # noqa: PLC0415 - heavy, and only a model is chosen with it

    matrix, vector = np.ones((_ROWS, _COLUMNS), np.float32), np.ones(_COLUMNS, np.float32)
    seconds = []
    for _ in range(_REPETITIONS):
        started = time.perf_counter()
        matrix @ vector
        seconds.append(time.perf_counter() - started)
    return matrix.nbytes / min(seconds)
