"""Whom a confined program can connect to, in every tier that works on this machine."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mcp_stack.ralph.sandbox.open_network import OpenNetwork
from tests.support.box import SECRET, Box, make_box, sandbox, works

CONNECT = """
import socket, sys
kind, where = sys.argv[1:]
if kind == "unix":
    socket.socket(socket.AF_UNIX).connect(where.replace("@", chr(0)))
elif kind == "udp":
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(where)))
else:
    socket.create_connection(("127.0.0.1", int(where)), timeout=5)
"""


SERVE = """
import socket
with socket.socket() as server:
    server.bind(("127.0.0.1", 0))
    server.listen()
    with socket.create_connection(server.getsockname(), timeout=5) as client, server.accept()[0] as other:
        other.sendall(b"served")
        print(client.recv(10).decode())
"""


EXCHANGE = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def exchange(n):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as client:
        sent = bytes([n]) * 3_000_000
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert b"".join(iter(lambda: client.recv(65536), b"")) == sent
with ThreadPoolExecutor(8) as threads:
    print(len(list(threads.map(exchange, range(8)))), "times 3000000 bytes")
"""


async def test_the_database_is_out_of_its_reach(box: Box, conninfo: str) -> None:
    parts = dict(part.split("=", 1) for part in conninfo.split())
    where = f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}"
    assert Path(where).is_socket()
    finished = await box.run(CONNECT, "unix", where)
    assert finished.exit_code != 0, finished.tail


async def test_sockets_of_others_without_a_file_are_out_of_its_reach(box: Box) -> None:
    name = f"mcp-stack-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(f"\0{name}")
        server.listen()
        finished = await box.run(CONNECT, "unix", f"@{name}")
    assert finished.exit_code != 0, finished.tail


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    """Two that somebody listens on."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield servers[0].getsockname()[1], servers[1].getsockname()[1]
    for server in servers:
        server.close()


async def test_it_connects_to_the_ports_that_it_may(box: Box, ports: tuple[int, int]) -> None:
    allowed, other = ports
    assert (await box.run(CONNECT, "tcp", str(allowed), ports=(allowed,))).exit_code == 0
    assert (await box.run(CONNECT, "tcp", str(other), ports=(allowed,))).exit_code != 0
    assert (await box.run(CONNECT, "tcp", str(allowed), ports=())).exit_code != 0
    assert (await box.run(CONNECT, "tcp", str(other))).exit_code == 0


async def test_no_datagram_leaves_the_box(box: Box, ports: tuple[int, int]) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        where = str(receiver.getsockname()[1])
        await box.run(CONNECT, "udp", where, ports=ports)
        await box.run(CONNECT, "udp", where, ports=())
        with pytest.raises(BlockingIOError):
            receiver.recv(1)
        await box.run(CONNECT, "udp", where)
        assert receiver.recv(1) == b"x"


async def test_what_passes_the_port_that_it_may_connect_to_arrives_whole(box: Box) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.write_eof()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        finished = await box.run(EXCHANGE, str(port), ports=(port,))
    assert finished.tail == "8 times 3000000 bytes\n"


async def test_programs_in_a_box_of_namespaces_talk_to_each_other(tmp_path: Path) -> None:
    box = make_box(tmp_path, sandbox(works("bubblewrap")))
    for ports in ((), (48_123,), None):
        assert (await box.run(SERVE, ports=ports)).tail == "served\n"


async def test_an_open_network_is_open_and_the_rest_is_closed(
    tier: str, tmp_path: Path, ports: tuple[int, int]
) -> None:
    box = make_box(tmp_path, OpenNetwork(sandbox(tier)))
    assert (await box.run(CONNECT, "tcp", str(ports[1]), ports=(ports[0],))).exit_code == 0
    assert SECRET not in (await box.run(f"cat {box.user}/.ssh/id_ed25519")).tail
    assert box.sandbox.tier == tier
