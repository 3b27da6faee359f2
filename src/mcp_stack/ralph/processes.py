"""Running a program for a bounded time, with bounded memory, leaving no process behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import uuid
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .holding import held

GUARD = Path(__file__).parents[1] / "guard.py"
TAIL_BYTES = 16_384
MAX_FILE_BYTES = 20_000_000
# The guard itself gives up killing after 1.5 s.
SECONDS_TO_END = 2.0
EXIT_CODE_OF_A_KILL = 137
# Each run has a value of its own, by which its processes are found should the guard be killed.
MARKER = "MCP_STACK_PROGRAM"
PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended.

    Attributes:
        exit_code: As a shell reports it.
        tail: The end of its output, at most 16 KB.
        timed_out: It was killed because its time was over.
        seconds: How long it ran.
    """

    exit_code: int
    tail: str
    timed_out: bool
    seconds: float


class _Output:
    """Keeps the end in memory and all of it, up to a cap, in a file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._room = max(0, MAX_FILE_BYTES - self._file.tell())
        self._tail = bytearray()

    def write(self, data: bytes) -> None:
        if self._room > 0:
            self._file.write(data[: self._room])
            self._room -= len(data)
            if self._room <= 0:
                self._file.write(b"\n[the rest was cut off here]\n")
        self._tail += data
        del self._tail[:-TAIL_BYTES]

    def close(self) -> str:
        self._file.close()
        # PostgreSQL stores no NUL; the first character may have been cut in half.
        return self._tail.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


async def run_program(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    output: Path,
    timeout_seconds: float,
    stdin: Path | None = None,
) -> Finished:
    """Run a program to its end, or to the end of its time.

    When this returns or is cancelled, no descendant of the program is left; when this process is killed, they are
    killed too.

    Args:
        command: The program and its arguments; no shell reads them.
        folder: Its working folder.
        environment: All that it sees.
        output: File that its stdout and stderr are appended to, up to 20 MB.
        timeout_seconds: When it is killed.
        stdin: File to read from; nothing if None.

    Raises:
        OSError: The output cannot be written, or nothing can be started.
    """
    kept = _Output(output)
    marker = uuid.uuid4().hex
    started = time.monotonic()
    lifeline, ours = os.pipe()
    try:
        process = await _start(command, folder, {**environment, MARKER: marker}, stdin, lifeline)
    except BaseException:
        os.close(ours)
        kept.close()
        raise
    finally:
        os.close(lifeline)
    reading = asyncio.create_task(_read(process, kept))
    timed_out = False
    try:
        try:
            async with asyncio.timeout(timeout_seconds):
                await process.wait()
        except TimeoutError:
            timed_out = True
    finally:
        os.close(ours)
        await _see_it_end(process, reading, marker)
        tail = kept.close()
    if reading.done() and not reading.cancelled() and (failure := reading.exception()) is not None:
        raise failure
    code = EXIT_CODE_OF_A_KILL if timed_out or process.returncode is None else process.returncode
    return Finished(code if code >= 0 else 128 - code, tail, timed_out, time.monotonic() - started)


async def _start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: Path | None, lifeline: int
) -> Process:
    source = stdin.open("rb") if stdin is not None else None
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(GUARD), str(lifeline), *command),
            cwd=folder,
            env=dict(environment),
            stdin=DEVNULL if source is None else source,
            stdout=PIPE,
            stderr=STDOUT,
            pass_fds=(lifeline, *held()),
            start_new_session=True,
        )
    finally:
        if source is not None:
            source.close()


async def _read(process: Process, kept: _Output) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    while data := await process.stdout.read(65_536):
        kept.write(data)


async def _see_it_end(process: Process, reading: asyncio.Task[None], marker: str) -> None:
    """Wait for the guard, which kills what is left; a cancellation that comes meanwhile is raised at the end."""
    try:
        async with asyncio.timeout(SECONDS_TO_END):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode is None or process.returncode < 0:  # the guard was killed, by its program perhaps
        await asyncio.to_thread(_kill_marked, f"{MARKER}={marker}".encode())
    # Whoever still holds the pipe outlived its guard; what it writes is of no interest.
    await asyncio.wait([reading], timeout=SECONDS_TO_END / 4)
    reading.cancel()


def _kill_marked(entry: bytes) -> None:
    """Kill every process with an entry in its environment until none is left; does nothing where there is no /proc."""
    deadline = time.monotonic() + SECONDS_TO_END / 4
    passes = 0
    # Twice in vain: a process that is just starting another program shows no environment for a moment.
    while passes < 2 and time.monotonic() < deadline:
        passes += 1
        for process in PROCESSES.glob("[0-9]*"):
            with suppress(OSError):  # it ended, or is another user's
                if entry in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)
                    passes = 0
