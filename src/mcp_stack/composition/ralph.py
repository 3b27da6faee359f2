"""Ralph Wiggum put together: the service of its server, and the worker that does the work."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .stores import Stores

if TYPE_CHECKING:
    from ..file_locks import FileLock
    from ..jobs.worker import Worker
    from ..ports.agent import Agent
    from ..ralph.loop import Loop
    from ..ralph.service import Ralph
    from ..ralph.workspace import Workspaces


class RalphParts:
    """What Ralph is made of.

    Args:
        settings: Of everything.
        stores: Where runs are kept.
    """

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self._folder = settings.data / "ralph-wiggum"

    @cached_property
    def service(self) -> Ralph:
        """The service behind the tools; the worker stays while this process lives."""
        from ..jobs.launch import DetachedWorker
        from ..ralph.service import Ralph

        _ = self._presence
        return Ralph(
            runs=self._stores.runs,
            jobs=DetachedWorker(self._settings.data, os.environ),
            workspaces=self._workspaces,
            agents=self._agents,
            events=self._events,
            settings=self._settings.ralph,
            queue=self._queue,
            clock=_now,
        )

    def worker(self) -> Worker:
        """This machine's worker."""
        from ..jobs.app import ITERATION
        from ..jobs.worker import Worker

        return Worker(
            self._settings.data,
            conninfo=self._stores.link.conninfo,
            pool=self._stores.database.pool,
            handlers={ITERATION: self._loop.iterate},
            queue=self._queue,
            concurrency=self._settings.jobs.concurrency,
            linger_seconds=self._settings.jobs.linger_seconds,
        )

    async def wait_for_worker_to_end(self, timeout_seconds: float) -> bool:
        """Wait until this machine has no worker.

        Args:
            timeout_seconds: How long at most.

        Returns:
            False if there is one still.
        """
        from ..file_locks import FileLock
        from ..jobs.locks import WORKER_LOCK

        lock = FileLock(self._settings.data / WORKER_LOCK)
        deadline = time.monotonic() + timeout_seconds
        while not lock.try_take():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)  # a lock on a file has no event to wait for
        lock.release()
        return True

    async def close(self) -> None:
        """Tell the worker that this server is gone."""
        presence: FileLock | None = self.__dict__.pop("_presence", None)
        if presence is not None:
            presence.release()

    @cached_property
    def _presence(self) -> FileLock:
        from ..jobs.locks import announce_server

        return announce_server(self._settings.data)

    @cached_property
    def _queue(self) -> str:
        from ..jobs.app import machine_queue

        return machine_queue(self._settings.data)

    @cached_property
    def _workspaces(self) -> Workspaces:
        from ..ralph.git import Git
        from ..ralph.workspace import Workspaces

        return Workspaces(self._folder, self._settings.allowed_roots, Git(os.environ, self._folder / "home"))

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        from ..ralph.backends.command import CommandAgent

        return {"command": CommandAgent(self._settings.ralph.backends.command, os.environ)}

    @cached_property
    def _events(self) -> JsonlEvents:
        chosen = self._settings.ralph.telemetry
        file = Path(chosen.path).expanduser() if chosen.path else self._settings.telemetry_folder / "ralph-events.jsonl"
        return JsonlEvents(file, "ralph-wiggum", enabled=chosen.enabled and self._settings.telemetry.enabled)

    @cached_property
    def _loop(self) -> Loop:
        from ..ralph.checkpoints import Checkpoints
        from ..ralph.loop import Loop
        from ..ralph.verify import Verifier

        loop = self._settings.ralph.loop
        return Loop(
            runs=self._stores.runs,
            workspaces=self._workspaces,
            agents=self._agents,
            verifier=Verifier(os.environ, loop.verify_timeout_seconds),
            checkpoints=Checkpoints(self._folder),
            events=self._events,
            settings=loop,
            folder=self._folder,
            clock=_now,
        )


def _now() -> datetime:
    return datetime.now(UTC)
