"""The script that lets a program in a network namespace of its own reach a few ports of ours, and nothing else.

Run as a file by a fresh interpreter, outside of the box::

    python -I -S relay.py COMMAND...

The command is the box. In it the launcher listens on the loopback of the new namespace and sends the listening sockets
out, over the socket whose number is in the environment; what connects there is connected to the same port here. A
socket stays in the namespace that it was made in, so that nothing of ours has to run in the box.

The exit code is that of the command, as a shell reports it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

PR_SET_PDEATHSIG = 1
VARIABLE = "MCP_STACK_RELAY"
MAX_PORTS = 16
CHUNK = 65_536


def main(*command: str) -> None:
    """Run `command` and relay for it until it ends."""
    ours, theirs = socket.socketpair()
    relay = os.getpid()
    program = os.fork()
    if program == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != relay:  # it died before the line above
            os._exit(128 + signal.SIGKILL)
        theirs.set_inheritable(True)
        os.environ[VARIABLE] = str(theirs.fileno())
        try:
            os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            os._exit(126)
    theirs.close()
    threading.Thread(target=_serve, args=(ours,), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def _serve(ours: socket.socket) -> None:
    for descriptor in socket.recv_fds(ours, 1, MAX_PORTS)[1]:
        listener = socket.socket(fileno=descriptor)
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()


def _accept(listener: socket.socket) -> None:
    address = listener.getsockname()
    while True:
        inside, _ = listener.accept()
        try:
            outside = socket.create_connection(address)
        except OSError:
            inside.close()
            continue
        for source, target in ((inside, outside), (outside, inside)):
            threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with suppress(OSError):  # what is still on its way in the other direction arrives
        target.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(*sys.argv[1:])
