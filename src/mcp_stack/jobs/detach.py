"""The script that becomes the worker: in a session of its own and nobody's child.

Run as a file by a fresh interpreter, so that a server with threads never forks itself::

    python -I -S detach.py LOG COMMAND...

Standard input is closed, output goes to the log. Descriptor 3 and up that the caller passed are kept: the caller
sees by the end of its pipe that the worker is gone.
"""

from __future__ import annotations

import os
import sys


def main(log: str, *command: str) -> None:
    """Become `command`, detached.

    Args:
        log: The file for stdout and stderr, appended to.
        command: The program and its arguments.
    """
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if os.fork():
        return
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error}\n".encode())
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
