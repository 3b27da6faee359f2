"""The agent of the tasks: half a file, a short while, the whole file."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

LEAST_SECONDS, MOST_SECONDS = 0.05, 0.4


def main() -> None:
    """Do one iteration."""
    n = os.environ["MCP_STACK_ITERATION"]
    half, whole = Path(f"half_{n}.txt"), Path(f"done_{n}.txt")
    half.write_text("half\n", encoding="utf-8")
    time.sleep(random.uniform(LEAST_SECONDS, MOST_SECONDS))  # noqa: S311 - no secret
    half.rename(whole)


if __name__ == "__main__":
    main()
