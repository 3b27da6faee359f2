"""Whether the scan of tool descriptions finds poisoned ones, and how often it cries wolf.

    python -m benchmarks.scanning [--corpus F] [--benign F ...] [--json]

The corpus is a list of entries (or an object with `entries`), each with `label` (`malicious` or `benign`) and either a
`description` or a whole `tool` with `server`. A tool counts as found where the scan would quarantine it. `--benign`
takes files of tools as `benchmarks.tools` does: every tool of them that would be quarantined is a false alarm.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcp_stack.aidb.gateway.scanning import scan
from mcp_stack.ports.tools import KnownTool

from . import tool_sets
from .tools import DATA


def measure(corpus: Sequence[dict[str, Any]], benign: Sequence[Sequence[KnownTool]]) -> dict[str, Any]:
    """Scan everything.

    Args:
        corpus: Labelled entries.
        benign: Sets of honest tools, each scanned in the company of its set.
    """
    counts: Counter[tuple[bool, bool]] = Counter()
    missed, alarms = [], []
    for entry in corpus:
        quarantined, malicious = _quarantined(tool_of(entry)), entry["label"] == "malicious"
        counts[malicious, quarantined] += 1
        if malicious and not quarantined:
            missed.append(entry.get("id", entry.get("description", "")))
        if quarantined and not malicious:
            alarms.append(entry.get("id", entry.get("description", "")))
    honest = [_quarantined(tool, tools) for tools in benign for tool in tools]
    return {
        "recall": _share(counts[True, True], counts[True, False]),
        "false_alarm_rate": _share(counts[False, True], counts[False, False]),
        "benign_false_alarm_rate": _share(sum(honest), len(honest) - sum(honest)),
        "malicious": counts[True, True] + counts[True, False],
        "benign": counts[False, True] + counts[False, False],
        "honest_tools": len(honest),
        "missed": missed,
        "false_alarms": alarms,
    }


def tool_of(entry: dict[str, Any]) -> KnownTool:
    """The tool that an entry describes."""
    told = entry["tool"] if isinstance(entry.get("tool"), dict) else entry
    return KnownTool(
        server=str(entry.get("server", "server")),
        tool=told.get("name") or "tool",
        title=told.get("title") or "",
        description=told.get("description") or "",
        category="general",
        input_schema=told.get("inputSchema") or told.get("input_schema") or {},
        annotations=told.get("annotations") or {},
        output_schema=told.get("outputSchema") or told.get("output_schema") or {},
    )


def _quarantined(tool: KnownTool, others: Sequence[KnownTool] = ()) -> bool:
    return any(finding.severity == "high" for finding in scan(tool, others))


def _share(hits: int, misses: int) -> float:
    return round(hits / (hits + misses), 4) if hits + misses else 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Recall and false alarms of the scan of tool descriptions.")
    parser.add_argument("--corpus", type=Path, default=DATA / "mcpproxy_security_corpus_v1.json")
    parser.add_argument("--benign", type=Path, nargs="*", default=[])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    content = tool_sets.read(chosen.corpus)
    entries = content["entries"] if isinstance(content, dict) else content
    result = measure(entries, [tool_sets.tools(path) for path in chosen.benign])
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"recall {result['recall']:.3f} of {result['malicious']}, missed: {', '.join(result['missed']) or 'none'}")
    alarms = ", ".join(result["false_alarms"]) or "none"
    print(f"false alarms {result['false_alarm_rate']:.3f} of {result['benign']}: {alarms}")
    if result["honest_tools"]:
        print(f"on {result['honest_tools']} published tools: {result['benign_false_alarm_rate']:.4f}")


if __name__ == "__main__":
    main()
