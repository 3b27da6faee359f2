"""Starting the machine's worker when there is none."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import UnavailableError
from ..file_locks import FileLock
from .locks import WORKER_LOCK

# Held by the one who starts a worker, so that the others wait for that one instead of starting more.
LAUNCH_LOCK = "worker-launch.lock"
WORKER_COMMAND = (sys.executable, "-m", "mcp_stack", "worker", "--on-demand")
SECONDS_TO_START = 20.0
POLL_SECONDS = 0.02
MAX_LOG_BYTES = 5_000_000
TAIL_BYTES = 1500

_DETACH = Path(__file__).with_name("detach.py")


class DetachedWorker:
    """The port `WorkerLauncher`: one worker process a data folder, detached from whoever started it.

    Args:
        data: The data folder.
        environ: The worker's environment, the server's own, so that both have the same settings.
        command: What to start.
    """

    def __init__(self, data: Path, environ: Mapping[str, str], command: Sequence[str] = WORKER_COMMAND) -> None:
        self._data = data
        self._environ = dict(environ)
        self._command = tuple(command)

    @property
    def log_file(self) -> Path:
        """Where the worker's stderr goes."""
        return self._data / "logs" / "worker.log"

    async def ensure_worker(self) -> None:
        """Start the worker unless it runs; safe from any number of processes at once.

        Raises:
            UnavailableError: It did not come up; with the end of its log.
        """
        await asyncio.to_thread(self._ensure)

    def _ensure(self) -> None:
        try:
            self.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._is_running():
                return
            launch = FileLock(self._data / LAUNCH_LOCK)
            launch.take()
            try:
                if not self._is_running():
                    self._launch()
            finally:
                launch.release()
        except OSError as error:
            raise UnavailableError(
                f"the worker cannot be started ({error})", f"check the data folder {self._data} and its free space"
            ) from error

    def _is_running(self) -> bool:
        lock = FileLock(self._data / WORKER_LOCK)
        try:
            return not lock.try_take(shared=True)
        finally:
            lock.release()

    def _launch(self) -> None:
        with suppress(FileNotFoundError):
            if self.log_file.stat().st_size > MAX_LOG_BYTES:
                self.log_file.replace(self.log_file.with_suffix(".log.1"))
        before = self.log_file.stat().st_size if self.log_file.exists() else 0
        alive, held_by_worker = os.pipe()
        try:
            subprocess.run(  # noqa: S603 - the command is ours
                [sys.executable, "-I", "-S", str(_DETACH), str(self.log_file), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                pass_fds=(held_by_worker,),
                check=True,
                timeout=SECONDS_TO_START,
            )
            os.close(held_by_worker)
            held_by_worker = -1
            self._wait_for_the_lock(alive, before)
        except subprocess.SubprocessError as error:
            raise UnavailableError("the worker cannot be started", "see the server's log") from error
        finally:
            os.close(alive)
            if held_by_worker >= 0:
                os.close(held_by_worker)

    def _wait_for_the_lock(self, alive: int, log_from: int) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        poller = select.poll()
        poller.register(alive)
        while not self._is_running():
            ended = bool(poller.poll(POLL_SECONDS * 1000))
            if ended or time.monotonic() > deadline:
                what = "ended at once" if ended else f"did not come up within {SECONDS_TO_START:.0f} s"
                raise UnavailableError(f"the worker {what} ({self._end_of_log(log_from)})", f"see {self.log_file}")

    def _end_of_log(self, start: int) -> str:
        with self.log_file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(start, size - TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return " ".join(text.split()) or "it logged nothing"
