"""The agent of the tasks: half a file, a short while, the whole file.

    python agent.py STARTS

Each start adds a line to STARTS: how often agents were started shows how much work the kills cost.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

LEAST_SECONDS, MOST_SECONDS = 0.05, 0.4


def main(starts: str) -> None:
    """Do one iteration."""
    n = os.environ["MCP_STACK_ITERATION"]
    line = f"{os.environ['MCP_STACK_TASK_ID']} {n}\n"
    descriptor = os.open(starts, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)
    half, whole = Path(f"half_{n}.txt"), Path(f"done_{n}.txt")
    half.write_text("half\n", encoding="utf-8")
    time.sleep(random.uniform(LEAST_SECONDS, MOST_SECONDS))  # noqa: S311 - no secret
    half.rename(whole)


if __name__ == "__main__":
    main(sys.argv[1])
