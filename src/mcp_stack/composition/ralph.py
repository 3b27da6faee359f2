"""Ralph Wiggum put together: the service of its server, and the worker that does the work."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .jobs import JobParts
from .stores import Stores

if TYPE_CHECKING:
    from ..jobs.worker import Handler
    from ..ports.agent import Agent
    from ..ralph.loop import Loop
    from ..ralph.service import Ralph
    from ..ralph.workspace import Workspaces


class RalphParts:
    """What Ralph is made of.

    Args:
        settings: Of everything.
        stores: Where runs are kept.
        jobs: This machine's.
    """

    def __init__(self, settings: Settings, stores: Stores, jobs: JobParts) -> None:
        self._settings = settings
        self._stores = stores
        self._jobs = jobs
        self._folder = settings.data / "ralph-wiggum"

    @cached_property
    def service(self) -> Ralph:
        """The service behind the tools; the worker stays while this process lives."""
        from ..ralph.service import Ralph

        self._jobs.announce()
        return Ralph(
            runs=self._stores.runs,
            jobs=self._jobs.service,
            workspaces=self._workspaces,
            agents=self._agents,
            events=self._events,
            settings=self._settings.ralph,
            queue=self._jobs.queue,
            clock=_now,
        )

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for Ralph, by the job's name."""
        from ..jobs.app import ITERATION

        return {ITERATION: self._loop.iterate}

    @cached_property
    def _workspaces(self) -> Workspaces:
        from ..ralph.git import Git
        from ..ralph.workspace import Workspaces

        return Workspaces(self._folder, self._settings.allowed_roots, Git(os.environ, self._folder / "home"))

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        from .agents import agents_of, sandbox_of

        return agents_of(self._settings, sandbox_of(self._settings))

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
