"""How long the paths take that clients wait for.

    python -m benchmarks.latency [--documents N] [--clients N] [--seconds S] [--paths NAME ...] [--json]

One object a path: `p50_ms`, `p95_ms`, `p99_ms`, `per_second`, and `ratio_to_floor`, the median against the median of
the least that could be done, measured in the same run: `select 1` through the same pool for what reads and writes the
stores, a tool that does nothing for what goes over stdio. A ratio holds on any machine, a time on an idle one.
"""

from __future__ import annotations

from collections.abc import Sequence


def measured(times_ms: Sequence[float], floor_ms: Sequence[float], *, seconds: float = 0.0) -> dict[str, float]:
    """The figures of a path.

    Args:
        times_ms: Milliseconds of each call.
        floor_ms: Milliseconds of the least that could be done, again and again in the same run.
        seconds: How long it all took, if several calls were made at once; 0 if one came after the other.
    """
    ordered = sorted(times_ms)
    p50, floor = quantile(ordered, 0.5), quantile(sorted(floor_ms), 0.5)
    return {
        "p50_ms": round(p50, 3),
        "p95_ms": round(quantile(ordered, 0.95), 3),
        "p99_ms": round(quantile(ordered, 0.99), 3),
        "per_second": round(len(ordered) / (seconds or sum(ordered) / 1000), 1),
        "ratio_to_floor": round(p50 / floor, 2),
        "floor_p50_ms": round(floor, 3),
    }


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed.

    Args:
        ordered: Values, least first; not empty.
        share: In [0, 1].
    """
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
