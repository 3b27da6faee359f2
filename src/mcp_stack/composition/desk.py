"""The desk put together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.feeding import Feeder
from ..ports.jobs import Schedule
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .models import ModelAdapters
from .probes import probes
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.desk.bugs import Bugs
    from ..aidb.desk.service import Desk
    from ..jobs.worker import Handler


class DeskParts:
    """What the desk is made of.

    Args:
        settings: Of everything.
        stores: Where its tables are.
        models: For the health of each.
        events: Telemetry of AIDB.
        feeder: Gives what takes fixes and skills into the knowledge base; asked when there is one.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        models: ModelAdapters,
        *,
        events: JsonlEvents,
        feeder: Callable[[], Feeder | None],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._events = events
        self._feeder = feeder

    @cached_property
    def service(self) -> Desk:
        """The services behind the tools."""
        from ..aidb.desk.health import Health
        from ..aidb.desk.issues import IssueTracker
        from ..aidb.desk.service import Desk

        return Desk(
            checking=Health(probes(self._settings, self._stores, self._models)),
            issues=IssueTracker(self._stores.issues, self._feeder),
        )

    @cached_property
    def bugs(self) -> Bugs:
        """Files what no code expected."""
        from ..aidb.desk.bugs import Bugs

        return Bugs(self._stores.issues)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the desk, by the job's name."""
        return {}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return []
