"""How soon a server answers, and what it holds before it is used.

    python -m benchmarks.startup [--runs N] [--json]

The floor is an MCP server of the same SDK without a single tool, started in turn with ours in the same run: a ratio
against it holds on any machine. `ratio` is the median of the ratios run by run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from . import embedding

ROOT = Path(__file__).parents[1]
FLOOR = 'from mcp.server import MCPServer\nMCPServer("empty").run()\n'
SERVERS = ("aidb", "hybrid_coordinator", "ralph_wiggum", "embeddings")

_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_LIST_TOOLS = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}


def started(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Start a server, shake hands, ask for its tools.

    Args:
        command: What to start.
        environment: Its whole environment.

    Returns:
        Milliseconds from spawn to the reply, and resident megabytes (10^6 bytes) a moment later.
    """
    begin = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        for message in (_INITIALIZE, _INITIALIZED, _LIST_TOOLS):
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        while json.loads(process.stdout.readline()).get("id") != 2:
            pass
        elapsed = time.perf_counter() - begin
        resident: int = psutil.Process(process.pid).memory_info().rss
        process.stdin.close()
        process.wait(timeout=10)
    return elapsed * 1000, resident / 1e6


def measure(runs: int) -> dict[str, Any]:
    """Start every server and the floor in turn, `runs` times each after one round that warms the disk's cache."""
    with tempfile.TemporaryDirectory() as folder:
        floor_script = Path(folder, "empty.py")
        floor_script.write_text(FLOOR)
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "MCP_STACK_DATA": str(Path(folder, "data"))}
        commands = {"floor": [sys.executable, str(floor_script)]}
        commands |= {name: [sys.executable, str(ROOT / "servers" / f"{name}.py")] for name in SERVERS}
        rounds = [{name: started(command, environment) for name, command in commands.items()} for _ in range(runs + 1)]
    rounds = rounds[1:]
    spawn = {name: statistics.median(each[name][0] for each in rounds) for name in SERVERS}
    return {
        "spawn_to_tools_ms": {name: round(value, 1) for name, value in spawn.items()},
        "floor_ms": round(statistics.median(each["floor"][0] for each in rounds), 1),
        "ratio": {
            name: round(statistics.median(each[name][0] / each["floor"][0] for each in rounds), 3) for name in SERVERS
        },
        "idle_mb": {name: round(max(each[name][1] for each in rounds), 1) for name in SERVERS},
        "floor_idle_mb": round(max(each["floor"][1] for each in rounds), 1),
        "embedder_load_ms": round(embedding.embedder_load_ms(), 1),
        "embed_ms": round(embedding.embed_ms(), 2),
        "runs": runs,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Start-up time and idle memory of every server.")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = measure(chosen.runs)
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"{'server':<20} {'spawn to tools':>15} {'of the floor':>13} {'idle':>9}")
    print(f"{'empty SDK server':<20} {result['floor_ms']:>12.0f} ms {'1.00':>13} {result['floor_idle_mb']:>6.0f} MB")
    for name in SERVERS:
        print(
            f"{name:<20} {result['spawn_to_tools_ms'][name]:>12.0f} ms {result['ratio'][name]:>13.2f}"
            f" {result['idle_mb'][name]:>6.0f} MB"
        )
    print(f"embedder: {result['embedder_load_ms']:.0f} ms to load, {result['embed_ms']:.2f} ms a query of 10 tokens")


if __name__ == "__main__":
    main()
