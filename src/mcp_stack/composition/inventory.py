"""What there is on this machine for the system registry."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import StackError
from ..file_locks import FileLock
from ..ports.systems import Kind, System
from ..settings import Settings
from .models import ModelAdapters
from .presence import is_running
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.desk.health import Health
    from ..aidb.desk.systems import Inspector

SERVERS = ("aidb", "hybrid-coordinator", "ralph-wiggum", "embeddings")
SOFTWARE = (
    ("mcp-sdk", "mcp", "the protocol"),
    ("llama.cpp", "llama-cpp-python", "local models and the default embedder"),
    ("sentence-transformers", "sentence-transformers", "other embedding models"),
    ("procrastinate", "procrastinate", "background jobs"),
)
_KINDS: dict[str, Kind] = {
    "postgresql": "store",
    "vectors": "store",
    "cache": "store",
    "embedder": "model",
    "local-model": "model",
    "claude": "model",
}


class Inventory:
    """Looks at the parts of the system that are on this machine, or that it uses.

    Args:
        settings: Of everything.
        stores: The stores.
        models: The models.
        health: Tells the state of both.
    """

    def __init__(self, settings: Settings, stores: Stores, models: ModelAdapters, health: Health) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._health = health

    @property
    def machine(self) -> str:
        """This machine's name."""
        return socket.gethostname()[:100]

    @property
    def inspectors(self) -> dict[tuple[Kind, str], Inspector]:
        """What looks at each part."""
        return {
            ("server", "servers"): self._servers,
            ("store", "stores"): self._dependencies,
            ("store", "pgvector"): self._pgvector,
            ("software", "software"): self._software,
            ("machine", "machine"): self._machine,
        }

    async def _servers(self) -> Sequence[System]:
        return await asyncio.to_thread(self._processes)

    def _processes(self) -> list[System]:
        from ..jobs.locks import WORKER_LOCK

        data = self._settings.data
        found = [
            System(name, "server", __version__, "ok", "a client uses it")
            if is_running(data, name)
            else System(name, "server", __version__, "stopped", "starts when a client needs it")
            for name in SERVERS
        ]
        worker = FileLock(data / WORKER_LOCK)
        try:
            works = data.is_dir() and not worker.try_take(shared=True)
        finally:
            worker.release()
        if works:
            return [*found, System("worker", "worker", __version__, "ok", "does background jobs")]
        return [*found, System("worker", "worker", __version__, "stopped", "starts when there is work")]

    async def _dependencies(self) -> Sequence[System]:
        report = await self._health.report()
        found = []
        for each in report.dependencies:
            version = ""
            if each.status == "ok":
                with suppress(StackError):  # it went down just now; the next look tells
                    version = await self._version(each.name)
            found.append(System(each.name, _KINDS.get(each.name, "store"), version, each.status, each.detail))
        return found

    async def _version(self, name: str) -> str:
        from ..storage.qdrant.vectors import QdrantVectors
        from ..storage.redis.cache import RedisCache

        if name in ("cache", "vectors"):
            store = self._stores.cache if name == "cache" else self._stores.vectors
            return await store.version() if isinstance(store, RedisCache | QdrantVectors) else "in PostgreSQL"
        match name:
            case "postgresql":
                return (await self._stores.systems.versions())[0]
            case "embedder":
                return self._models.embedder.model
            case "local-model" if self._models.local:
                return self._models.local.name
            case "claude":
                return self._settings.llm.claude.model
            case _:
                return ""

    async def _pgvector(self) -> Sequence[System]:
        _, version = await self._stores.systems.versions()
        return [System("pgvector", "store", version, "ok", "vectors in PostgreSQL")]

    async def _software(self) -> Sequence[System]:
        own = [
            System("mcp-stack", "software", __version__, "ok", "the four servers"),
            System("python", "software", platform.python_version(), "ok", platform.python_implementation()),
        ]
        return own + [_package(*each) for each in SOFTWARE]

    async def _machine(self) -> Sequence[System]:
        return await asyncio.to_thread(_hardware, self._settings.data, self._settings.database.embedded.min_free_mb)


def _package(name: str, distribution: str, purpose: str) -> System:
    try:
        return System(name, "software", importlib.metadata.version(distribution), "ok", purpose)
    except importlib.metadata.PackageNotFoundError:
        return System(name, "software", "", "not_configured", f"not installed: {purpose}")


def _hardware(data: Path, min_free_mb: int) -> list[System]:
    folder = next(each for each in (data, *data.parents) if each.exists())
    disk = shutil.disk_usage(folder)
    free_mb = disk.free // 1_000_000
    return [
        System("operating-system", "machine", platform.release(), "ok", _operating_system()),
        System("cpu", "machine", platform.machine(), "ok", f"{os.cpu_count() or 1} cores"),
        System("memory", "machine", "", "ok", _memory()),
        System(
            "disk",
            "machine",
            "",
            "ok" if free_mb >= min_free_mb else "degraded",
            f"{free_mb / 1000:.1f} GB free of {disk.total / 1e9:.1f} GB, where the data is",
        ),
    ]


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:  # not Linux
        return platform.system()


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        with Path("/proc/meminfo").open(encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return f"{int(fields['MemAvailable'].split()[0]) / 1e6:.1f} GB free of {total / 1e9:.1f} GB"
    except (OSError, ValueError, KeyError):  # not Linux
        return "unknown"
