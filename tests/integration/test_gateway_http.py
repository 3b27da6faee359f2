"""Servers over SSE and Streamable HTTP, with headers, restarts and answers that are too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from mcp_stack.errors import UnavailableError
from tests.support.gateway import Raw, free_port, open_gateway, over_http
from tests.support.waiting import until

TOKEN = "s3cret-token"
TRANSPORTS = {"sse": "/sse", "streamable-http": "/mcp"}


def entry(transport: str, port: int, **more: Any) -> dict[str, Any]:
    headers = {"X-Token": "${TOKEN}"}
    return {"url": f"http://127.0.0.1:{port}{TRANSPORTS[transport]}", "headers": headers, **more}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_server_is_called_with_its_headers(conninfo: str, tmp_path: Path, transport: str) -> None:
    port = free_port()
    told: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    with over_http(transport, port, TOKEN):
        async with open_gateway(conninfo, tmp_path, {"far": entry(transport, port)}, TOKEN=TOKEN) as gateway:
            assert await gateway.text("far.echo", text="grüße") == "grüße"
            failed = await gateway.call("far.fail", text="it did not work")
            assert failed.is_error
            assert failed.result["content"][0]["text"].endswith("it did not work")
            await gateway.call("far.slow", progress, seconds=0.1)
            await until(lambda: told == [0, 1, 2])
            both = await asyncio.gather(gateway.text("far.slow", seconds=0.5), gateway.text("far.echo", text="quick"))
            assert list(both) == ["done", "quick"]
            assert await gateway.status("far") == "connected"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_wrong_header_is_told_of_without_showing_it(conninfo: str, tmp_path: Path, transport: str) -> None:
    port = free_port()
    with over_http(transport, port, TOKEN):
        async with open_gateway(conninfo, tmp_path, {"far": entry(transport, port)}, TOKEN="wr0ng-one") as gateway:
            with pytest.raises(UnavailableError, match="answered with status 401") as caught:
                await gateway.call("far.echo", text="x")
            assert "wr0ng-one" not in str(caught.value)
            assert await gateway.status("far") == "failed"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_server_that_is_away_is_found_again_when_it_is_back(
    conninfo: str, tmp_path: Path, transport: str
) -> None:
    port = free_port()
    healthy = Raw(tmp_path, "healthy", ["echo"])
    servers = {"far": entry(transport, port), "healthy": healthy.entry()}
    async with open_gateway(conninfo, tmp_path, servers, TOKEN=TOKEN) as gateway:
        with over_http(transport, port, TOKEN):
            assert await gateway.text("far.echo", text="1") == "1"
        with pytest.raises(UnavailableError) as caught:
            await gateway.call("far.echo", text="2")
        assert "far" in caught.value.problem
        await until(lambda: gateway.state("far") in ("unreachable", "starting"))
        assert await gateway.tool_status("far.echo") in ("unreachable", "known")
        assert await gateway.text("healthy.echo", text="fine") == '{"text": "fine"}'
        with over_http(transport, port, TOKEN):
            await until(lambda: gateway.state("far") == "connected")  # by itself: it is supervised
            assert await gateway.text("far.echo", text="3") == "3"


async def test_a_server_that_was_restarted_is_called_without_a_failure(conninfo: str, tmp_path: Path) -> None:
    """It no longer knows the session, and did not look at the call: that is made once more."""
    port = free_port()
    async with open_gateway(conninfo, tmp_path, {"far": entry("streamable-http", port)}, TOKEN=TOKEN) as gateway:
        with over_http("streamable-http", port, TOKEN):
            assert await gateway.text("far.echo", text="1") == "1"
        with over_http("streamable-http", port, TOKEN):
            assert await gateway.text("far.echo", text="2") == "2"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_change_of_its_tools_is_noticed(conninfo: str, tmp_path: Path, transport: str) -> None:
    port = free_port()
    with over_http(transport, port, TOKEN):
        async with open_gateway(conninfo, tmp_path, {"far": entry(transport, port)}, TOKEN=TOKEN) as gateway:
            await gateway.call("far.learn")
            async with asyncio.timeout(10):
                while await gateway.tool_status("far.learned") != "reachable":
                    await asyncio.sleep(0.02)
            assert await gateway.text("far.learned") == "learned"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_answer_of_50_megabytes_is_cut_off(conninfo: str, tmp_path: Path, transport: str) -> None:
    port = free_port()
    us = psutil.Process()
    with over_http(transport, port, TOKEN):
        async with open_gateway(conninfo, tmp_path, {"far": entry(transport, port)}, TOKEN=TOKEN) as gateway:
            assert len(await gateway.text("far.big", size=4_000_000)) == 4_000_000
            before, most = us.memory_info().rss, 0
            calling = asyncio.create_task(gateway.call("far.big", size=50_000_000))
            while not calling.done():
                most = max(most, us.memory_info().rss)
                await asyncio.wait({calling}, timeout=0.005)
            with pytest.raises(UnavailableError, match=r"exceeded the 10000000 byte limit"):
                await calling
            assert most - before < 80_000_000, f"{(most - before) / 1e6:.0f} MB more"
            assert await gateway.text("far.echo", text="again") == "again"


class _Odd(BaseHTTPRequestHandler):
    """Answers every request in one way."""

    answer: bytes = b""
    status = 200
    content_type = "application/json"
    encoding = ""
    endless = False

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self._reply()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""

    def _reply(self) -> None:
        self.send_response(self.status)
        self.send_header("content-type", self.content_type)
        if self.encoding:
            self.send_header("content-encoding", self.encoding)
        self.end_headers()
        try:
            self.wfile.write(self.answer)
            while self.endless:
                self.wfile.write(self.answer)
        except OSError:
            return


@contextmanager
def odd(**ways: Any) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Odd,), ways))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "ways",
    [
        {"answer": b"<html>hello</html>", "content_type": "text/html"},
        {"answer": b"{", "content_type": "application/json"},
        {"answer": b"[" * 100_000, "content_type": "application/json"},
        {"answer": b"x" * 100_000, "endless": True, "content_type": "application/json"},
        {"answer": b"data: " + b"x" * 100_000, "endless": True, "content_type": "text/event-stream"},
        {"answer": b": ping\n\n" * 1000, "endless": True, "content_type": "text/event-stream"},
        {"answer": b"\x1f\x8b", "encoding": "gzip"},
        {"answer": b"event: endpoint\ndata: http://other.example/steal\n\n", "content_type": "text/event-stream"},
        {"status": 500},
        {"status": 302},
        {"status": 204},
    ],
    ids=["page", "no JSON", "deep", "endless JSON", "endless event", "pings", "gzip", "lure", "500", "302", "204"],
)
async def test_whatever_answers_it_takes_no_longer_than_it_may(
    conninfo: str, tmp_path: Path, transport: str, ways: dict[str, Any]
) -> None:
    with odd(**ways) as port:
        servers = {"far": entry(transport, port, connect_timeout_seconds=2)}
        async with open_gateway(conninfo, tmp_path, servers, TOKEN=TOKEN) as gateway:
            began = time.perf_counter()
            with pytest.raises(UnavailableError, match="server far is unreachable") as caught:
                await gateway.call("far.echo", text="x")
            assert time.perf_counter() - began < 6
            assert len(str(caught.value)) < 1000
            assert TOKEN not in str(caught.value)


async def test_nothing_at_the_address_is_told_of_without_path_and_query(conninfo: str, tmp_path: Path) -> None:
    port = free_port()
    servers = {"far": {"url": f"http://user:p4ssword@127.0.0.1:{port}/secret-path/mcp?key=s3cret"}}
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        with pytest.raises(UnavailableError, match=rf"nothing answers at http://127\.0\.0\.1:{port} ") as caught:
            await gateway.call("far.echo")
        assert not [secret for secret in ("p4ssword", "secret-path", "s3cret") if secret in str(caught.value)]
