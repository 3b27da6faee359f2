"""The MCP Inspector's command line, installed once into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mcp_stack.file_locks import exclusive
from tests.support.stdio import serve_command

VERSION = "2.12.0"
PACKAGE = "@modelcontextprotocol/inspector"
SECONDS_TO_INSTALL = 240


@pytest.fixture(scope="session")
def inspector() -> list[str]:
    """The command of the Inspector; the test is skipped where there is none."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("the MCP Inspector needs Node.js with npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-stack-tests"
    folder = cache / f"inspector-{VERSION}"
    script = folder / "node_modules" / PACKAGE / "clients" / "launcher" / "build" / "index.js"
    cache.mkdir(parents=True, exist_ok=True)
    with exclusive(cache / "install.lock", SECONDS_TO_INSTALL):
        if not (folder / "complete").exists():
            _install(npm, folder)
        (folder / "complete").touch()
    command = [node, str(script), "--cli"]
    works = subprocess.run([*command, "--version"], check=False, capture_output=True, text=True, timeout=60)
    if works.returncode != 0:
        pytest.skip(f"this Node.js does not run the MCP Inspector {VERSION}: {works.stderr.strip()[-200:]}")
    return command


def inspect(
    command: Sequence[str], server: str, environ: Mapping[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    """Let the Inspector speak to a server of ours.

    Args:
        command: From the fixture.
        server: The server's name.
        environ: Of the server.
        options: Of the Inspector.
    """
    # Of its own environment the Inspector passes on little.
    variables = [part for name, value in environ.items() if name != "PATH" for part in ("-e", f"{name}={value}")]
    return subprocess.run(
        [*command, *variables, *serve_command(server), *options],
        check=False,
        capture_output=True,
        text=True,
        env=dict(environ),
        cwd=environ["HOME"],
        timeout=120,
    )


def _install(npm: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts"]
    try:
        done = subprocess.run(
            [npm, "install", *options, f"{PACKAGE}@{VERSION}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_INSTALL,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install the MCP Inspector within {SECONDS_TO_INSTALL} s")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the MCP Inspector here: {done.stderr.strip()[-300:]}")
