"""How queries were answered."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..errors import UsageError
from ..ports.interactions import Interactions
from .models import RoutingStats

_WINDOW = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


async def routing_stats(interactions: Interactions, window: str, now: datetime | None = None) -> RoutingStats:
    """Sum up the interactions.

    Args:
        interactions: The record.
        window: How far back, such as `30m`, `24h`, `7d`; empty for all of it.
        now: End of the window; the present by default.

    Raises:
        UsageError: The window is not of that form.
        UnavailableError: The database is down.
    """
    totals = await interactions.totals(_since(window, now or datetime.now(UTC)))
    local, remote = totals.answered.get("local", 0), totals.answered.get("remote", 0)
    fallback, cached = totals.answered.get("remote_fallback", 0), totals.answered.get("cache", 0)
    total = sum(totals.answered.values())
    by_models = local + remote + fallback
    return RoutingStats(
        total_queries=total,
        local_route=local,
        remote_route=remote,
        fallback_route=fallback,
        cached=cached,
        offline=totals.answered.get("offline", 0),
        local_percentage=round(100 * local / by_models, 2) if by_models else 0.0,
        cache_hit_rate=round(cached / total, 4) if total else 0.0,
        average_latency_ms=round(totals.average_latency_ms, 2),
        p95_latency_ms=round(totals.p95_latency_ms, 2),
        total_cost=round(totals.cost_usd, 6),
        total_cost_saved=round(totals.saved_usd, 6),
        patterns_learned=totals.patterns,
        calibration_error=round(totals.calibration_error, 4),
    )


def _since(window: str, now: datetime) -> datetime | None:
    if not window:
        return None
    match = _WINDOW.fullmatch(window)
    if match is None:
        raise UsageError(f"window is {window[:40]!r}", "write a number and s, m, h, d or w, such as 24h")
    try:
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        return None
