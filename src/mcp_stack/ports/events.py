"""Telemetry: what happened, for the learning pipeline and for people."""

from __future__ import annotations

from typing import Protocol, TypeAlias

Field: TypeAlias = str | int | float | bool | list["Field"] | dict[str, "Field"] | None


class Events(Protocol):
    """An append-only log of events."""

    def record(self, event_type: str, trace_id: str = "", **fields: Field) -> None:
        """Append one event; never blocks on a slow disk for long and never raises.

        Args:
            event_type: One of the types of docs/telemetry.md.
            trace_id: What it belongs to; if empty the request that is handled here, else a new one.
            fields: The event's own fields; event_id, timestamp, server and trace_id are added.
        """
        ...
