"""Ralph Wiggum put together: the service of its server, and the worker that does the work."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..ports.jobs import Schedule
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .jobs import JobParts
from .models import ModelAdapters
from .stores import Stores

if TYPE_CHECKING:
    from ..jobs.worker import Handler
    from ..ports.agent import Agent
    from ..ports.sandbox import Sandbox
    from ..ralph.checkpoints import Checkpoints
    from ..ralph.cleaning import Cleaning
    from ..ralph.gate.gate import LoopbackGate
    from ..ralph.git import Git
    from ..ralph.history import History
    from ..ralph.holding import Holding
    from ..ralph.loop import Loop
    from ..ralph.service import Ralph
    from ..ralph.telling import Telling
    from ..ralph.workspace import Workspaces

# Removes the files of tasks that ended days ago.
CLEAN = "ralph.clean"


class RalphParts:
    """What Ralph is made of.

    Args:
        settings: Of everything.
        stores: Where runs are kept.
        jobs: This machine's.
        models: That agents may work with.
    """

    def __init__(self, settings: Settings, stores: Stores, jobs: JobParts, models: ModelAdapters) -> None:
        self._settings = settings
        self._stores = stores
        self._jobs = jobs
        self._models = models
        self._folder = settings.data / "ralph-wiggum"

    @cached_property
    def service(self) -> Ralph:
        """The service behind the tools; the worker stays while this process lives."""
        from ..ralph.service import Ralph

        self._jobs.announce()
        return Ralph(
            runs=self._stores.runs,
            control=self._stores.run_control,
            jobs=self._jobs.service,
            workspaces=self._workspaces,
            history=self._history,
            holding=self._holding,
            agents=self._agents,
            telling=self._telling,
            settings=self._settings.ralph,
            logs=self._folder / "logs",
            queue=self._jobs.queue,
            clock=_now,
        )

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for Ralph, by the job's name."""
        from ..jobs.app import APPROVAL_TIMEOUT, ITERATION

        return {
            ITERATION: self._loop.iterate,
            APPROVAL_TIMEOUT: self._loop.deny_unanswered,
            CLEAN: self._clean,
        }

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return [Schedule(CLEAN, "30 2 * * *", every_machine=True)]

    async def _clean(self) -> None:
        await self._cleaning.clean()

    async def close(self) -> None:
        """Close what agents reached models through."""
        if (gate := self.__dict__.pop("_gate", None)) is not None:
            await gate.close()

    @cached_property
    def _gate(self) -> LoopbackGate | None:
        """What agents reach models through; None where they bring their own."""
        from ..ralph.gate.gate import LoopbackGate
        from .agent_models import NONE, agent_model

        if self._settings.ralph.model == NONE:
            return None
        return LoopbackGate(
            lambda: agent_model(self._settings, self._models), wait_seconds=self._settings.ralph.gate.wait_seconds
        )

    @cached_property
    def _workspaces(self) -> Workspaces:
        from ..ralph.workspace import Workspaces

        return Workspaces(self._folder, self._settings.allowed_roots, self._git)

    @cached_property
    def _history(self) -> History:
        from ..ralph.history import History

        return History(self._git, self._workspaces)

    @cached_property
    def _git(self) -> Git:
        from ..ralph.git import Git

        return Git(os.environ, self._folder / "home")

    @cached_property
    def _holding(self) -> Holding:
        from ..ralph.holding import Holding

        return Holding(self._folder / "locks")

    @cached_property
    def _cleaning(self) -> Cleaning:
        from ..ralph.cleaning import Cleaning

        return Cleaning(
            runs=self._stores.runs,
            history=self._history,
            holding=self._holding,
            folder=self._folder,
            keep_days=self._settings.ralph.loop.keep_days,
            clock=_now,
        )

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        from ..ralph.checkpoints import Checkpoints

        return Checkpoints(self._folder)

    @cached_property
    def _telling(self) -> Telling:
        from ..ralph.telling import Telling

        return Telling(self._stores.runs, self._checkpoints, self._events, self._jobs.queue, _now)

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        from .agents import agents_of

        if self._settings.ralph.sandbox.agent_network:
            from ..ralph.sandbox.open_network import OpenNetwork

            return agents_of(self._settings, OpenNetwork(self._sandbox))
        return agents_of(self._settings, self._sandbox)

    @cached_property
    def _sandbox(self) -> Sandbox:
        from .agents import sandbox_of

        return sandbox_of(self._settings)

    @cached_property
    def _events(self) -> JsonlEvents:
        chosen = self._settings.ralph.telemetry
        file = Path(chosen.path).expanduser() if chosen.path else self._settings.telemetry_folder / "ralph-events.jsonl"
        return JsonlEvents(file, "ralph-wiggum", enabled=chosen.enabled and self._settings.telemetry.enabled)

    @cached_property
    def _loop(self) -> Loop:
        from ..ralph.bundles import Bundles
        from ..ralph.iteration import Iterating
        from ..ralph.loop import Loop
        from ..ralph.running import Running
        from ..ralph.verify import Verifier

        ralph = self._settings.ralph
        return Loop(
            runs=self._stores.runs,
            control=self._stores.run_control,
            workspaces=self._workspaces,
            bundles=Bundles(self._git, self._workspaces, self._folder),
            iterating=Iterating(
                running=Running(self._agents, self._gate, ralph),
                verifier=Verifier(
                    os.environ, ralph.loop.verify_timeout_seconds, self._sandbox, network=ralph.sandbox.verify_network
                ),
                settings=ralph,
                logs=self._folder / "logs",
                clock=_now,
            ),
            checkpoints=self._checkpoints,
            telling=self._telling,
            holding=self._holding,
            cleaning=self._cleaning,
            settings=ralph.loop,
        )


def _now() -> datetime:
    return datetime.now(UTC)
