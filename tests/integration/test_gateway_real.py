"""Real MCP servers, from PyPI and npm."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.errors import UsageError
from tests.support.gateway import free_port, open_gateway
from tests.support.waiting import until

NPM = Path(__file__).parents[2] / ".test-servers" / "node_modules" / "@modelcontextprotocol"
needs_npm = pytest.mark.skipif(
    shutil.which("node") is None or not NPM.is_dir(), reason="MCP servers from npm: run scripts/test-servers"
)

TIME = {"command": sys.executable, "args": ["-m", "mcp_server_time", "--local-timezone", "Europe/Berlin"]}


def from_npm(name: str, *arguments: str) -> dict[str, Any]:
    return {"command": "node", "args": [str(NPM / name / "dist" / "index.js"), *arguments]}


async def test_mcp_server_time(conninfo: str, tmp_path: Path) -> None:
    async with open_gateway(conninfo, tmp_path, {"time": TIME}) as gateway:
        answer = await gateway.call(
            "time.convert_time", source_timezone="Europe/Berlin", time="12:00", target_timezone="Asia/Tokyo"
        )
        assert not answer.is_error
        converted = json.loads(answer.result["content"][0]["text"])
        assert converted["target"]["datetime"].endswith("+09:00")
        wrong = await gateway.call("time.get_current_time", timezone="Mars/Olympus")
        assert wrong.is_error
        with pytest.raises(UsageError, match="'timezone' is a required property"):
            await gateway.call("time.get_current_time")


@needs_npm
async def test_server_everything(conninfo: str, tmp_path: Path) -> None:
    told: list[float] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with open_gateway(conninfo, tmp_path, {"everything": from_npm("server-everything", "stdio")}) as gateway:
        assert await gateway.text("everything.echo", message="hello") == "Echo: hello"
        summary = next(each for each in (await gateway.gateway.list_servers()).servers if each.name == "everything")
        assert summary.tools >= 8
        assert summary.resources > 0
        assert summary.prompts > 0
        assert (summary.quarantined, summary.notes) == (0, "")
        answer = await gateway.call("everything.trigger-long-running-operation", progress, duration=0.4, steps=4)
        assert not answer.is_error
        await until(lambda: len(told) >= 3)
        structured = await gateway.call("everything.get-structured-content", location="Chicago")
        assert set(structured.result["structuredContent"]) >= {"temperature", "conditions"}
        image = await gateway.call("everything.get-tiny-image")
        assert [part["type"] for part in image.result["content"]].count("image") == 1


@needs_npm
@pytest.mark.parametrize(("transport", "path"), [("sse", "/sse"), ("streamableHttp", "/mcp")])
async def test_server_everything_over_http(conninfo: str, tmp_path: Path, transport: str, path: str) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        "node",
        str(NPM / "server-everything" / "dist" / "index.js"),
        transport,
        env={"PORT": str(port), "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            while b"port" not in await process.stderr.readline():
                assert process.returncode is None
        servers = {"everything": {"url": f"http://127.0.0.1:{port}{path}"}}
        async with open_gateway(conninfo, tmp_path, servers) as gateway:
            assert await gateway.text("everything.echo", message="hello") == "Echo: hello"
            assert await gateway.status("everything") == "connected"
    finally:
        process.kill()
        await process.wait()


@needs_npm
async def test_server_filesystem(conninfo: str, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "note.txt").write_text("grüße")
    async with open_gateway(conninfo, tmp_path, {"files": from_npm("server-filesystem", str(shared))}) as gateway:
        read = await gateway.text("files.read_text_file", path=str(shared / "note.txt"))
        assert read == "grüße"
        outside = await gateway.call("files.read_text_file", path="/etc/hostname")
        assert outside.is_error
        await gateway.call("files.write_file", path=str(shared / "new.txt"), content="written\n" * 100_000)
        assert (shared / "new.txt").stat().st_size == 800_000
        tools = {each.tool: each for each in await gateway.gateway.registry.all() if each.server == "files"}
        assert tools["read_text_file"].annotations["readOnlyHint"] is True


@needs_npm
async def test_they_do_not_disturb_each_other(conninfo: str, tmp_path: Path) -> None:
    """Each is called while another is started, and one of them cannot start at all."""
    servers = {
        "time": TIME,
        "everything": from_npm("server-everything"),
        "files": from_npm("server-filesystem", str(tmp_path)),
        "broken": from_npm("server-filesystem", str(tmp_path / "no-such-folder")),
    }
    async with open_gateway(conninfo, tmp_path, servers) as gateway:
        results = await asyncio.gather(
            gateway.call("time.get_current_time", timezone="UTC"),
            gateway.call("everything.get-sum", a=2, b=3),
            gateway.call("files.list_allowed_directories"),
            gateway.call("broken.list_allowed_directories"),
            return_exceptions=True,
        )
        assert [isinstance(each, BaseException) for each in results] == [False, False, False, True], results
        assert "server broken is unreachable" in str(results[3])
