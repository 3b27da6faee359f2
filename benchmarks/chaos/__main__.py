"""`python -m benchmarks.chaos [--tasks 50] [--iterations 10] [--workers 3] [--kills 100] [--seed 0] [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from .run import chaos


def main() -> int:
    """Run, print, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(description="Tasks under random SIGKILLs of workers, agents and PostgreSQL.")
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result = asyncio.run(
        chaos(chosen.tasks, chosen.iterations, workers=chosen.workers, kills=chosen.kills, seed=chosen.seed)
    )
    if chosen.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<24} {value}")
    return 0 if result["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
