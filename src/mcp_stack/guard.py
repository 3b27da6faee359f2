"""The script that stands between us and a program that we run, and leaves nothing of that program behind.

Run as a file by a fresh interpreter::

    python -I -S guard.py LIFELINE COMMAND...

LIFELINE is the number of an inherited pipe whose other end only we have: the worker for an agent, AIDB for another MCP
server. When it closes, because we want the program to end or because we ourselves were killed, the program and all its
descendants are killed; so they are when the program ends and leaves children running. On Linux the guard adopts orphans
(it is a subreaper), so that not even a descendant in a session of its own escapes; elsewhere the process group is what
is killed.

The exit code is that of the program, as a shell reports it: 128 + the signal's number if it was killed.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SECONDS_TO_KILL = 1.5
# Inherited ones have small numbers.
MOST_DESCRIPTORS = 1024
ON_LINUX = sys.platform.startswith("linux")


def main(lifeline: str, *command: str) -> None:
    """Run `command`, and end when it ends or the lifeline closes.

    Args:
        lifeline: Number of the descriptor.
        command: The program and its arguments.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    guard = os.getpid()
    program = os.fork()
    if program == 0:
        _become(command, guard)
    code = _wait(program, int(lifeline), woken)
    _kill_all(program)
    os._exit(code)


def _become(command: tuple[str, ...], guard: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a program inherits that
    os.setpgid(0, 0)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:  # it died before the line above
        os._exit(128 + signal.SIGKILL)
    os.closerange(3, MOST_DESCRIPTORS)  # the lifeline, and what our caller has us hold
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except FileNotFoundError:
        os.write(2, f"{command[0]}: no such program\n".encode())
        os._exit(127)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(126)


def _wait(program: int, lifeline: int, woken: int) -> int:
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)
    poller.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == lifeline:
                return 128 + signal.SIGKILL
            with suppress(BlockingIOError):
                os.read(woken, 4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == program:
                    code = os.waitstatus_to_exitcode(ended[1])
                    return code if code >= 0 else 128 - code


def _kill_all(program: int) -> None:
    """Kill descendants until none is left: each round's orphans become the children of the next."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program, signal.SIGKILL)
    deadline = time.monotonic() + SECONDS_TO_KILL
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return  # most often at once: a look at all processes of the machine takes longer than the rest
        for child in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _children() -> list[int]:
    if not ON_LINUX:
        return []
    own = str(os.getpid()).encode()
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs this small script a tenth of its start
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - as above
                # "pid (name) state ppid ...": the name may hold spaces and brackets
                if stat.read().rpartition(b")")[2].split()[1] == own:
                    found.append(int(name))
    return found


def _prctl(option: int, value: int) -> None:
    if ON_LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
