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
from .probes import CAPABILITIES, probes
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.desk.bugs import Bugs
    from ..aidb.desk.health import Health
    from ..aidb.desk.issues import IssueTracker
    from ..aidb.desk.service import Desk
    from ..aidb.desk.skills import SkillLibrary
    from ..aidb.desk.systems import SystemRegistry
    from ..jobs.worker import Handler

REFRESH_SYSTEMS = "aidb.refresh_systems"


class DeskParts:
    """What the desk is made of.

    Args:
        settings: Of everything.
        stores: Where its tables are.
        models: For the health of each.
        events: Telemetry of AIDB.
        feeder: Gives what takes fixes and skills into the knowledge base; asked when there is one to take.
    """

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        models: ModelAdapters,
        *,
        events: JsonlEvents,
        feeder: Callable[[], Feeder],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._events = events
        self._feeder = feeder

    @cached_property
    def health(self) -> Health:
        """Asks the stores and models."""
        from ..aidb.desk.health import Health

        return Health(probes(self._settings, self._stores, self._models), CAPABILITIES)

    @cached_property
    def skills(self) -> SkillLibrary:
        """Imports and finds skills."""
        from ..aidb.desk.skills import SkillLibrary

        return SkillLibrary(
            self._stores.skills, self._models.embedder, feeder=self._feeder, forget=self._forget, scan=_scanned
        )

    @cached_property
    def systems(self) -> SystemRegistry:
        """Looks at what runs here."""
        from ..aidb.desk.systems import SystemRegistry
        from .inventory import Inventory

        inventory = Inventory(self._settings, self._stores, self._models, self.health)
        return SystemRegistry(self._stores.systems, inventory.machine, inventory.inspectors)

    @cached_property
    def issues(self) -> IssueTracker:
        """The issue tracker."""
        from ..aidb.desk.issues import IssueTracker

        return IssueTracker(self._stores.issues, self._feeder)

    @cached_property
    def service(self) -> Desk:
        """The services behind the tools."""
        from ..aidb.desk.points import Points
        from ..aidb.desk.service import Desk

        return Desk(
            checking=self.health,
            tracking=self.issues,
            skills=self.skills,
            systems=self.systems,
            points=Points(self._stores.points),
        )

    @cached_property
    def bugs(self) -> Bugs:
        """Files what no code expected."""
        from ..aidb.desk.bugs import Bugs

        return Bugs(self._stores.issues)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the desk, by the job's name."""
        return {REFRESH_SYSTEMS: self.systems.refresh}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return [Schedule(REFRESH_SYSTEMS, "*/5 * * * *", every_machine=True)]

    async def _forget(self, document_id: str) -> None:
        """Take a document out of the knowledge base."""
        await self._stores.catalogue.remove(document_id)
        await self._stores.vectors.delete_document(document_id)


def _scanned(name: str, text: str) -> list[str]:
    """What in a skill looks like an attempt to steer the model, by the rules for the descriptions of tools."""
    from ..aidb.gateway.scanning import scan
    from ..ports.tools import KnownTool

    skill = KnownTool(
        server="skills", tool=name, title=name, description=text, category="skills", input_schema={}, annotations={}
    )
    return [f"{finding.rule} ({finding.severity}): {finding.evidence}" for finding in scan(skill)]
