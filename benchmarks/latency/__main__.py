"""Measure and print."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from . import answers, coordinator, discovery, stores

Paths = dict[str, dict[str, Any]]


async def measure(documents: int, clients: int, seconds: float, groups: list[str]) -> Paths:
    """Measure groups of paths.

    Args:
        documents: In the knowledge base.
        clients: Searches at once.
        seconds: For each path.
        groups: Names of the groups.
    """
    result: Paths = {}
    if "search" in groups or "write" in groups:
        async with stores.loaded(documents) as base:
            if "search" in groups:
                result |= await stores.search_paths(base, clients, seconds)
                result |= await stores.leg_paths(base, clients, seconds)
            if "write" in groups:
                result |= await stores.write_paths(base, seconds)
    if "coordinator" in groups:
        result |= await coordinator.coordinator_paths(seconds)
    for name, path in SINGLE.items():
        if name in groups:
            result[name] = await path(seconds)
    return result


SINGLE: dict[str, Callable[[float], Awaitable[dict[str, Any]]]] = {
    "cached_query": answers.cached_query,
    "discovery": discovery.discovery,
}
GROUPS = ("search", "write", "coordinator", *SINGLE)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long the paths take that clients wait for.")
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each path")
    parser.add_argument("--paths", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="NAME")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = asyncio.run(measure(chosen.documents, chosen.clients, chosen.seconds, chosen.paths))
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"{'path':<22} {'p50':>9} {'p95':>9} {'p99':>9} {'a second':>9} {'of the floor':>13}")
    for name, path in result.items():
        added = f"  adds {path['overhead_p50_ms']:.2f} ms" if "overhead_p50_ms" in path else ""
        recall = f"  recall@10 {path['recall@10']:.3f}" if "recall@10" in path else ""
        print(
            f"{name:<22} {path['p50_ms']:>6.2f} ms {path['p95_ms']:>6.2f} ms {path['p99_ms']:>6.2f} ms"
            f" {path['per_second']:>9.0f} {path['ratio_to_floor']:>12.1f}x{recall}{added}"
        )


if __name__ == "__main__":
    main()
