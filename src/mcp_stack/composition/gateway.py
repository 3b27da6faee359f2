"""The gateway put together."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.jobs import Schedule
from ..settings import Settings
from ..telemetry.events import JsonlEvents
from .models import ModelAdapters
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.gateway.discovery import ToolIndex
    from ..aidb.gateway.registry import Registry
    from ..aidb.gateway.service import Gateway
    from ..jobs.worker import Handler


class GatewayParts:
    """What the gateway is made of.

    Args:
        settings: Of everything.
        stores: Where the registry is.
        models: Embeds the tools.
        events: Telemetry of AIDB.
    """

    def __init__(self, settings: Settings, stores: Stores, models: ModelAdapters, events: JsonlEvents) -> None:
        self._settings = settings
        self._stores = stores
        self._models = models
        self._events = events

    @cached_property
    def registry(self) -> Registry:
        """The known tools of every server."""
        from ..aidb.gateway.manifests import known_tools, manifests_folder
        from ..aidb.gateway.registry import Registry

        shipped = known_tools(manifests_folder(self._settings.tools.manifests))
        return Registry(
            self._stores.tools,
            shipped,
            status=lambda server: "known" if server in shipped else "",
            state=lambda: 0,
            removed_after_seconds=86_400,
        )

    @cached_property
    def index(self) -> ToolIndex:
        """The known tools, ready to be searched."""
        from ..aidb.gateway.discovery import ToolIndex

        return ToolIndex(self.registry, self._models.embedder, {})

    @cached_property
    def service(self) -> Gateway:
        """The services behind the tools."""
        from ..aidb.gateway.service import Gateway

        return Gateway(settings=self._settings, tools=self.index)

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the gateway, by the job's name."""
        return {}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return []

    async def close(self) -> None:
        """Nothing is open."""
