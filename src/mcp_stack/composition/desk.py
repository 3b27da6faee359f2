"""The desk put together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.jobs import Schedule
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .models import ModelAdapters
from .probes import probes
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.desk.service import Desk
    from ..jobs.worker import Handler


class DeskParts:
    """What the desk is made of.

    Args:
        settings: Of everything.
        stores: Where its tables are.
        models: For the health of each.
        events: Telemetry of AIDB.
    """

    def __init__(self, settings: Settings, stores: Stores, models: ModelAdapters, events: JsonlEvents) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._events = events

    @cached_property
    def service(self) -> Desk:
        """The services behind the tools."""
        from ..aidb.desk.health import Health
        from ..aidb.desk.service import Desk

        return Desk(checking=Health(probes(self._settings, self._stores, self._models)))

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the desk, by the job's name."""
        return {}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return []
