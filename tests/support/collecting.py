"""A process that collects garbage, to be killed: `python -m tests.support.collecting CONNINFO FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.stack import open_stack


async def collect(conninfo: str, folder: str) -> None:
    """Collect what there is."""
    async with open_stack(conninfo, Path(folder)) as stack:
        await stack._knowledge.garbage.collect(dry_run=False)


if __name__ == "__main__":
    asyncio.run(collect(*sys.argv[1:]))
