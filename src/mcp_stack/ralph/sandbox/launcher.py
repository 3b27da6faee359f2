"""The script that gives up what a program must not have, and becomes that program.

Run as a file by a fresh interpreter, after everything else that needs rights::

    python -I -S launcher.py LIMITS COMMAND...

LIMITS is an object, marshalled and in hexadecimal (to read JSON would take as long as all the rest):

- `resources`: from the names of `resource` to numbers, such as {"RLIMIT_CORE": 0}.
- `read`, `write`: with them, files and folders are reached only below these paths (Landlock). `write` implies `read`.
- `ports`: null, or the TCP ports that may be connected to; then there are no other sockets of the internet either.
- `sockets`: false forbids making UNIX sockets, but for pairs.
- `scoped`: true closes the UNIX sockets of others that have no file, where Landlock can, and forbids signals to them.
- `relayed`: TCP ports of the loopback to listen on for the relay, whose socket is in the environment.
- `temporary`: becomes TMPDIR; made if it is not there.

Landlock knows nothing of connecting to UNIX sockets (landlock(7)), so that those are forbidden by a seccomp filter.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import stat
import struct
import sys

# linux/prctl.h, linux/seccomp.h
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
MOST_CAPABILITIES = 64
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
REFUSE = 0x00050000  # | errno
EACCES, ENOSYS = 13, 38
# linux/bpf_common.h: load a word of seccomp_data, jump if equal, jump if any bit is set, return. A jump is a number of
# steps to leave out, if true and if false
LOAD, IF_EQUAL, IF_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST, SECOND, THIRD, FOURTH = 0, 4, 16, 24, 32, 40  # in seccomp_data; low halves of arguments
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, KIND = 1, 2, 0xF  # flags stand above the kind of a socket
IPPROTO_TCP = 6
MSG_FASTOPEN = 0x20000000
X32 = 0x40000000
IO_URING_SETUP = 425  # makes sockets past any filter
# By machine: AUDIT_ARCH_*, and the numbers of socket(2), socketpair(2), sendto(2), sendmsg(2) and sendmmsg(2)
MACHINES = {"x86_64": (0xC000003E, 41, 53, 44, 46, 307), "aarch64": (0xC00000B7, 198, 199, 206, 211, 269)}

# The relay's variable.
RELAY = "MCP_STACK_RELAY"

# linux/landlock.h; the three calls have the same numbers on every machine
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
LANDLOCK_CREATE_RULESET_VERSION = 1
PATH_BENEATH, NET_PORT = 1, 2
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
ALL_BY_ABI = {3: (1 << 15) - 1, 4: (1 << 15) - 1}
ALL_SINCE_5 = (1 << 16) - 1
CONNECT_TCP = 1 << 1
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1 << 0, 1 << 1
# The first that can forbid truncating files.
LEAST_ABI = 3

_libc = ctypes.CDLL(None, use_errno=True)
_long = ctypes.c_long


def abi() -> int:
    """The version of Landlock; 0 where there is none."""
    return max(0, int(_libc.syscall(_long(CREATE_RULESET), None, _long(0), _long(LANDLOCK_CREATE_RULESET_VERSION))))


def main(marshalled: str, *command: str) -> None:
    """Become `command`, without what the limits take away."""
    limits = marshal.loads(bytes.fromhex(marshalled))  # noqa: S302 - our own words, by the same interpreter
    for name, most in limits.get("resources", {}).items():
        _limit(getattr(resource, name), most)
    ports, sockets = limits.get("ports"), limits.get("sockets", True)
    if "relayed" in limits:
        _listen(limits["relayed"])
    if len(limits) > 1:
        _drop_capabilities()
    if len(limits) > 1 and _libc.prctl(PR_SET_NO_NEW_PRIVS, _long(1), _long(0), _long(0), _long(0)):
        _fail("no_new_privs")
    if "write" in limits or (ports is not None and abi() >= 4) or (limits.get("scoped") and abi() >= 6):
        _restrict(limits.get("read"), limits.get("write"), ports)
    if ports is not None or not sockets:
        _filter_sockets(ports, sockets=sockets)
    if temporary := limits.get("temporary"):
        os.makedirs(temporary, mode=0o700, exist_ok=True)  # noqa: PTH103 - pathlib costs this script a tenth of its start
        os.environ["TMPDIR"] = temporary
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except FileNotFoundError:
        os.write(2, f"{command[0]}: no such program\n".encode())
        os._exit(127)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(126)


def _listen(ports: list[int]) -> None:
    """Send the relay a listening socket for each port; it accepts on them, outside of this network namespace."""
    import socket  # noqa: PLC0415 - most have no relay

    with socket.socket(fileno=int(os.environ.pop(RELAY))) as relay:
        try:
            listeners = [socket.create_server(("127.0.0.1", port)) for port in ports]
        except OSError as error:
            _fail(f"no port of {list(ports)} to relay ({error.strerror})")
        socket.send_fds(relay, [b"."], [listener.fileno() for listener in listeners])
        for listener in listeners:
            listener.close()


def _drop_capabilities() -> None:
    """Root without the rights of root, from the next program on (capabilities(7)); for others this changes nothing.

    With them it could read the environment of any process, Landlock or not.
    """
    for capability in range(MOST_CAPABILITIES):
        _libc.prctl(PR_CAPBSET_DROP, _long(capability), _long(0), _long(0), _long(0))


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(which, (most, most))


def _restrict(read: list[str] | None, write: list[str] | None, ports: list[int] | None) -> None:
    version = abi()
    everything = ALL_BY_ABI.get(version, ALL_SINCE_5) if write is not None else 0
    connecting = CONNECT_TCP if ports is not None and version >= 4 else 0
    scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL if version >= 6 else 0
    attributes = struct.pack("=QQQ", everything, connecting, scoped)[
        : 24 if version >= 6 else 16 if version >= 4 else 8
    ]
    ruleset = _call(CREATE_RULESET, attributes, len(attributes), 0)
    for port in ports or () if connecting else ():
        _call(ADD_RULE, ruleset, NET_PORT, struct.pack("=QQ", CONNECT_TCP, port), 0)
    reading = EXECUTE | READ_FILE | READ_DIR
    for path in read or ():
        _allow(ruleset, path, reading)
    for path in write or ():
        _allow(ruleset, path, everything)
    _call(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there: nothing to allow
        return
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        access &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
    _call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", access, descriptor), 0)
    os.close(descriptor)


def _call(number: int, *arguments: int | bytes) -> int:
    result = int(_libc.syscall(_long(number), *(_long(a) if isinstance(a, int) else a for a in arguments)))
    if result < 0:
        _fail(f"Landlock ({os.strerror(ctypes.get_errno())})")
    return result


def _filter_sockets(ports: list[int] | None, *, sockets: bool) -> None:
    """Refuse, with EACCES: UNIX sockets unless they are wanted; and with ports given everything else but TCP.

    Without a port, TCP too. Landlock sees no multipath TCP and no data sent with the opening of a connection. Lists of
    interfaces (netlink) stay, for resolvers look at them.
    """
    architecture, making, pairing, *sending = MACHINES[os.uname().machine]
    refused = _step(RETURN, REFUSE | EACCES)
    body = [_step(LOAD, FIRST)]
    if not sockets:
        body += [_step(IF_EQUAL, AF_UNIX, 0, 1), refused]
    if ports is not None:
        # Of the internet only streams, and of these only TCP, which is also what 0 means.
        internet = [
            *(_step(LOAD, SECOND), _step(IF_ANY_BIT, KIND & ~SOCK_STREAM, 4, 0)),
            *(_step(LOAD, THIRD), _step(IF_EQUAL, 0, 1, 0), _step(IF_EQUAL, IPPROTO_TCP, 0, 1)),
            _step(RETURN, ALLOW),
        ]
        body += [
            _step(IF_EQUAL, AF_UNIX, 2, 0),
            _step(IF_EQUAL, AF_NETLINK, 1, 0),
            _step(IF_EQUAL, AF_INET, 2, 1),
            _step(RETURN, ALLOW),
            _step(IF_EQUAL, AF_INET6, 0, len(internet) if ports else 0),
            *(internet if ports else ()),
            refused,
        ]
    body.append(_step(RETURN, ALLOW))
    program = [
        *(_step(LOAD, ARCHITECTURE), _step(IF_EQUAL, architecture, 1, 0), _step(RETURN, REFUSE | ENOSYS)),
        *(_step(LOAD, NUMBER), _step(IF_ANY_BIT, X32, 1, 0)),
        *(_step(IF_EQUAL, IO_URING_SETUP, 0, 1), _step(RETURN, REFUSE | ENOSYS)),
    ]
    for number, flags in zip(sending, (FOURTH, THIRD, FOURTH), strict=True) if ports is not None else ():
        program += [
            *(_step(IF_EQUAL, number, 0, 4), _step(LOAD, flags), _step(IF_ANY_BIT, MSG_FASTOPEN, 0, 1)),
            *(refused, _step(RETURN, ALLOW)),
        ]
    if not sockets:
        # One half of a pair of datagram sockets can be sent to any other UNIX socket; of streams it cannot.
        program += [
            *(_step(IF_EQUAL, pairing, 0, 4), _step(LOAD, SECOND), _step(IF_ANY_BIT, SOCK_DGRAM, 0, 1)),
            *(refused, _step(RETURN, ALLOW)),
        ]
    program += [_step(IF_EQUAL, making, 1, 0), _step(RETURN, ALLOW), *body]
    code = b"".join(program)
    kept = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("@HxxxxxxP", len(program), ctypes.addressof(kept))
    if _libc.prctl(PR_SET_SECCOMP, _long(SECCOMP_MODE_FILTER), fprog, _long(0), _long(0)):
        _fail("seccomp")


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _fail(what: str) -> None:
    # Never go on with less protection than was asked for.
    os.write(2, f"the sandbox cannot be closed: {what}\n".encode())
    os._exit(125)


if __name__ == "__main__":
    main(*sys.argv[1:])
