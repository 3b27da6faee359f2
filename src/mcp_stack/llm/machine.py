"""A quick look at the machine, before a model is chosen for it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from ..errors import UnavailableError
from .known_models import Machine

_ROWS, _COLUMNS, _REPETITIONS = 8_192, 4_096, 5
_MEMINFO = Path("/proc/meminfo")
_AVAILABLE = re.compile(r"^MemAvailable:\s+(\d+) kB$", re.MULTILINE)
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def this_machine() -> Machine:
    """Cores, memory and speed of the machine, or of the container that this runs in. Takes about half a second."""
    return Machine(available_cores(), _memory_bytes(), _read_bytes_per_second())


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine's in a container pinned to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_by_default(cores: int) -> int:
    """Threads for a model: one core is left to everything else.

    After each step llama.cpp's threads wait for the slowest, spinning. Where another program takes a core from one of
    them, all of them wait: on two cores that others used too, two threads wrote 1.4 tokens/s and a single one 14.

    Args:
        cores: That this process may use.
    """
    return max(1, cores - 1)


def check_memory(path: Path) -> None:
    """See whether a model can be held: a kernel that runs out of memory ends whole processes.

    Args:
        path: The model file. About its size is needed, for four-bit weights are repacked when they are loaded.

    Raises:
        UnavailableError: It cannot, as far as the kernel tells.
    """
    needed, free = path.stat().st_size, _free_bytes()
    if free is not None and needed > free:
        raise short_of_memory(path, f"{needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free")


def short_of_memory(path: Path, reason: str) -> UnavailableError:
    """The error for a model that is too large for the memory there is."""
    return UnavailableError(
        f"there is not enough memory for the model {path.stem}: {reason}",
        "free some, choose a smaller one (mcp-stack models list), or lower llm.local.context_tokens",
    )


def _free_bytes() -> int | None:
    """Memory that can be had without swapping; None where the kernel does not tell."""
    try:
        found = _AVAILABLE.search(_MEMINFO.read_text(encoding="ascii"))
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


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
