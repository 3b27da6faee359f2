"""The script that becomes `postgres`: detached, as another user if need be, holding its life's lock.

Run as a file by a fresh interpreter, so that a program with threads never forks itself::

    python -I -S daemonize.py FOLDER LOG LOCK UID GID COMMAND...

A UID of -1 keeps the caller's. The parent half exits at once, so the server is nobody's child. Whatever fails is
written to stdout, which closes without a word when `postgres` has taken over. The lock is the one
descriptor that goes along: the server's processes hold it together until the last of them has ended,
so that `is_locked` tells whether any is alive, in whatever container it runs.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys


def main(folder: str, log: str, lock: str, uid: str, gid: str, *command: str) -> None:
    """Become `command` in a session of its own.

    Args:
        folder: Where to run; entered before the privileges are dropped, as that user may not be able to.
        log: The file for stdout and stderr, appended to.
        lock: The file to hold locked for as long as any process of the server lives.
        uid: The user to become, or -1.
        gid: The group to become.
        command: Absolute path of the program, and its arguments.
    """
    report = os.dup(1)
    try:
        os.chdir(folder)
        running = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if os.fork():
            return
        os.setsid()
        if uid != "-1":
            os.setgroups([])
            os.setgid(int(gid))
            os.setuid(int(uid))
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a program inherits that
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(running, True)
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(report, str(error).encode())
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
