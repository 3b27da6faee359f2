"""The gateway put together."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from ..ports.jobs import Schedule
from ..settings import LoadedSettings
from ..telemetry.events import JsonlEvents
from .models import ModelAdapters
from .stores import Stores

if TYPE_CHECKING:
    from ..aidb.gateway.calls import ToolCalls
    from ..aidb.gateway.configuration import Configuration
    from ..aidb.gateway.discovery import ToolIndex
    from ..aidb.gateway.learning import ToolLearning
    from ..aidb.gateway.registry import Registry
    from ..aidb.gateway.service import Gateway
    from ..aidb.gateway.supervisor import Supervisor
    from ..jobs.worker import Handler
    from ..ports.upstreams import Connector, Listing, Upstream

logger = logging.getLogger(__name__)

PRUNE_CALLS = "prune_tool_calls"


class GatewayParts:
    """What the gateway is made of.

    Args:
        loaded: The settings, and the environment that they may refer to.
        stores: Where the registry is.
        models: Embeds the tools.
        events: Telemetry of AIDB.
    """

    def __init__(self, loaded: LoadedSettings, stores: Stores, models: ModelAdapters, events: JsonlEvents) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._stores = stores
        self._models = models
        self._events = events

    @cached_property
    def configuration(self) -> Configuration:
        """The servers that are configured."""
        from ..aidb.gateway.configuration import Configuration
        from ..aidb.gateway.configured import configured
        from ..aidb.gateway.manifests import manifests_folder, read_manifests
        from ..settings.mcp_json import mcp_json_file

        settings, folder, environ = self._settings, self._loaded.config_folder, self._loaded.environ
        manifests = read_manifests(manifests_folder(settings.tools.manifests))
        return Configuration(
            read=lambda: configured(settings, folder, environ, manifests),
            file=lambda: mcp_json_file(settings.tools.mcp_json, folder),
        )

    @property
    def servers(self) -> set[str] | None:
        """The names of all servers; None if something is wrong with the configuration, which may name more."""
        found = self.configuration.current
        return None if found.notes else {*found.upstreams, *found.shipped}

    @cached_property
    def registry(self) -> Registry:
        """The known tools of every server."""
        from ..aidb.gateway.registry import Registry

        return Registry(
            self._stores.tools,
            self.configuration.current.shipped,
            status=self.supervisor.tool_status,
            state=lambda: self.supervisor.turns,
            removed_after_seconds=self._settings.tools.removed_after_hours * 3600,
        )

    @cached_property
    def supervisor(self) -> Supervisor:
        """The connections to other servers."""
        from ..aidb.gateway.supervisor import Supervisor

        tools = self._settings.tools
        return Supervisor(
            self.configuration,
            self._connector,
            self._stores.tools,
            self._take_over,
            discovery_seconds=tools.discovery_interval if tools.discovery_enabled else None,
            max_call_seconds=tools.max_call_seconds,
            reconfigured=lambda: self.registry.ship_anew(self.configuration.current.shipped),
        )

    @cached_property
    def calls(self) -> ToolCalls:
        """Calls of their tools."""
        from ..aidb.gateway.calls import ToolCalls

        return ToolCalls(
            self.registry,
            self.supervisor,
            self._stores.calls,
            self._events,
            self.learning,
            audit_arguments=self._settings.tools.audit_arguments,
        )

    @cached_property
    def index(self) -> ToolIndex:
        """The known tools, ready to be searched."""
        from ..aidb.gateway.discovery import ToolIndex

        return ToolIndex(self.registry, self._models.embedder, self._stores.tool_vectors, self._stores.tool_usage)

    @cached_property
    def learning(self) -> ToolLearning:
        """What is learned from calls."""
        from ..aidb.gateway.learning import ToolLearning

        return ToolLearning(self._stores.tool_usage, self._models.embedder)

    @cached_property
    def service(self) -> Gateway:
        """The services behind the tools."""
        from ..aidb.gateway.service import Gateway

        return Gateway(
            settings=self._settings,
            tools=self.index,
            learning=self.learning,
            calls=self.calls,
            registry=self.registry,
            supervisor=self.supervisor,
        )

    @property
    def handlers(self) -> dict[str, Handler]:
        """What the worker does for the gateway, by the job's name."""
        return {PRUNE_CALLS: self._prune_calls}

    @property
    def schedules(self) -> list[Schedule]:
        """What it does again and again."""
        return [Schedule(PRUNE_CALLS, "17 3 * * *")]

    async def run(self) -> None:
        """What a server does for the gateway beside its requests: it lists servers that were never listed."""
        await self.supervisor.run()

    async def close(self) -> None:
        """Leave every server."""
        if "supervisor" in self.__dict__:
            await self.supervisor.close()
        if "calls" in self.__dict__:
            await self.calls.settled()
        if "learning" in self.__dict__:
            await self.learning.settled()
        if "index" in self.__dict__:
            await self.index.close()

    async def _take_over(self, upstream: Upstream, listing: Listing) -> None:
        await self.registry.record(upstream.name, upstream.category, listing.offered)

    async def _prune_calls(self) -> None:
        forgotten = await self._stores.calls.prune(self._settings.tools.audit_days)
        logger.info("%d calls of tools are forgotten", forgotten)

    def _connector(self) -> Connector:
        from ..upstreams.connect import McpConnector

        return McpConnector(self._loaded.environ, max_message_bytes=self._settings.tools.max_message_bytes)
