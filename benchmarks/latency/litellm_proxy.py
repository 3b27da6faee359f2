"""The LiteLLM proxy in front of the same stub, as a named baseline.

It has far too many dependencies to be one of ours: `scripts/bench-baselines` installs it into `.bench-baselines/`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / ".bench-baselines" / "bin" / "litellm"
SECONDS_TO_START = 120.0
MODEL = "stub"


def installed() -> bool:
    """Whether there is a LiteLLM to measure."""
    return PROGRAM.exists()


@asynccontextmanager
async def running_litellm(upstream: str) -> AsyncIterator[tuple[str, int]]:
    """Address of the proxy's API, ending in `/v1`, and its process, while the block runs.

    Args:
        upstream: Address of the API behind it, ending in `/v1`.

    Raises:
        RuntimeError: It does not start.
    """
    with tempfile.TemporaryDirectory(prefix="mcp-stack-litellm-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            "model_list:\n"
            f"  - model_name: {MODEL}\n"
            f"    litellm_params: {{model: openai/{MODEL}, api_base: '{upstream}', api_key: none}}\n"
            "litellm_settings: {telemetry: false}\n"
        )
        port = _free_port()
        process = subprocess.Popen(  # noqa: ASYNC220 - a benchmark's own, started once
            [PROGRAM, "--config", config, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "HOME": folder,
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                # As lean as it goes: it checks no key, as the stub asked directly checks none.
                "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
            },
        )
        try:
            await _listens(port, process)
            yield f"http://127.0.0.1:{port}/v1", process.pid
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.2)
            continue
        writer.close()
        return
    raise RuntimeError(f"{PROGRAM} does not listen")
