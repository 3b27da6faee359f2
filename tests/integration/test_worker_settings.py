"""A worker follows the settings that change while it lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from mcp_stack.settings import load_settings
from mcp_stack.settings.watching import SettingsWatch
from tests.support.ralph import ROOT, git, make_repository
from tests.support.stack import open_stack
from tests.support.waiting import until


def configure(folder: Path, word: str, **more: object) -> None:
    """An agent that writes a word."""
    command = ["sh", "-c", f"echo {word} > word.txt"]
    settings = {"backends": {"default": "command", "command": command}, "sandbox": {"tier": "none", "required": False}}
    unfinished = folder / "ralph.yaml.new"
    unfinished.write_text(json.dumps(settings | more), encoding="utf-8")
    unfinished.replace(folder / "ralph.yaml")


async def test_it_starts_anew_with_them_when_it_has_nothing_to_do(conninfo: str, tmp_path: Path) -> None:
    project = make_repository(tmp_path / "project", {"README": "hello"})
    configure(tmp_path, "old")
    log = tmp_path / "worker.log"
    async with open_stack(conninfo, tmp_path) as stack:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            **stack._jobs._environ,
        }
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-m", "mcp_stack", "worker", "--log-level", "INFO"], env=environ, stderr=output
            )
        try:
            ralph = await stack.ralph()

            async def written(task: str) -> str:
                task_id = (await ralph.submit(task, workspace=str(project), verify=["true"])).task_id

                async def ended() -> bool:
                    return (await ralph.status(task_id)).state == "completed"

                await until(ended)
                return git(project, "show", f"ralph/{task_id}:word.txt")

            await until(lambda: b"has started" in log.read_bytes())
            assert await written("first") == "old"
            configure(tmp_path, "new")
            await until(lambda: log.read_bytes().count(b"has started") == 2)
            assert b"settings have changed: the worker starts anew" in log.read_bytes()
            assert psutil.pid_exists(worker.pid)
        finally:
            worker.terminate()
            assert worker.wait(10) == 0


def test_what_is_the_same_in_other_words_is_no_change_nor_is_what_is_wrong(tmp_path: Path) -> None:
    configure(tmp_path, "old")
    environ = {"MCP_STACK_CONFIG": str(tmp_path), "MCP_STACK_DATA": str(tmp_path / "data"), "HOME": str(tmp_path)}
    watch = SettingsWatch(load_settings(environ, tmp_path))
    assert not watch.changed()
    configure(tmp_path, "old", approval={})
    assert not watch.changed()
    (tmp_path / "ralph.yaml").write_text("backends: [", encoding="utf-8")
    assert not watch.changed()
    configure(tmp_path, "new")
    assert watch.changed()
    assert watch.changed()
    configure(tmp_path, "old")
    assert not watch.changed()
