"""The `mcp-stack` command, as a person runs it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
import yaml

from mcp_stack.cli.servers import SERVERS
from tests.support.answering import claude_at
from tests.support.scripted_claude import ScriptedClaude
from tests.support.stack import add, open_stack

ROOT = Path(__file__).parents[2]


def run(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a home folder of the test's own."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "MCP_STACK_DATA": str(home / "data"), **environ}
    return subprocess.run(
        [sys.executable, "-m", "mcp_stack", *arguments],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_config_shows_each_value_and_where_it_came_from(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "--json", LOCAL_CONFIDENCE_THRESHOLD="0.9", ANTHROPIC_API_KEY="sk-secret")
    shown = json.loads(done.stdout)
    assert shown["hybrid.local_confidence_threshold"] == {
        "value": "0.9",
        "origin": "environment LOCAL_CONFIDENCE_THRESHOLD",
    }
    assert shown["hybrid.fallback_threshold"]["origin"].endswith("config.yaml")
    assert shown["llm.claude.api_key"]["value"] == "********"
    assert "sk-secret" not in done.stdout
    table = run(tmp_path, "config").stdout
    assert "hybrid.fallback_threshold" in table


def test_a_wrong_setting_is_said_in_one_line_with_exit_status_2(tmp_path: Path) -> None:
    for arguments in (["config"], ["serve", "aidb"], ["doctor"]):
        done = run(tmp_path, *arguments, MCP_STACK_HYBRID__FALLBACK_THRESHOLD="high")
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("mcp-stack: INVALID_INPUT: environment MCP_STACK_HYBRID__FALLBACK_THRESHOLD")


def test_doctor_says_what_is_here_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", MCP_STACK_EMBEDDINGS__PROVIDER="none")
    assert done.returncode == 0, done.stderr
    assert "✓ postgresql" in done.stdout
    assert "○ claude" in done.stdout
    assert "set ANTHROPIC_API_KEY" in done.stdout
    assert "mcp-stack agents install aider" in done.stdout or "✓ agent aider" in done.stdout
    assert "Ready." in done.stdout


def test_doctor_fails_when_the_database_cannot_be_reached(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", DATABASE_URL="postgresql://someone:hunter2@127.0.0.1:1/none")
    assert done.returncode == 1
    assert "✗ postgresql" in done.stdout
    assert "Not ready: postgresql" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_migrate_applies_what_is_missing_once(tmp_path: Path) -> None:
    first, second = run(tmp_path, "migrate"), run(tmp_path, "migrate")
    assert "applied 0001_core" in first.stdout
    assert second.stdout.strip() == "the schema is up to date"


@pytest.mark.parametrize("client", ["claude-desktop", "claude-code", "cursor"])
def test_clients_prints_a_configuration_that_starts_every_server(tmp_path: Path, client: str) -> None:
    servers = json.loads(run(tmp_path, "clients", client).stdout)["mcpServers"]
    assert tuple(servers) == SERVERS
    assert Path(servers["aidb"]["command"]).is_absolute()


def test_clients_prints_yaml_for_continue(tmp_path: Path) -> None:
    config = yaml.safe_load(run(tmp_path, "clients", "continue").stdout)
    assert config["schema"] == "v1"
    assert [server["name"] for server in config["mcpServers"]] == list(SERVERS)


def test_the_configurations_of_the_repository_name_every_server() -> None:
    assert tuple(json.loads((ROOT / "mcp.json").read_text())["mcpServers"]) == SERVERS
    files = sorted((ROOT / ".continue" / "mcpServers").glob("*.yaml"))
    named = {server["name"] for file in files for server in yaml.safe_load(file.read_text())["mcpServers"]}
    assert named == set(SERVERS)


def test_every_server_has_a_launcher_of_at_most_fifteen_lines() -> None:
    launchers = sorted((ROOT / "servers").glob("*.py"))
    assert {file.stem.replace("_", "-") for file in launchers} == set(SERVERS)
    assert all(len(file.read_text().splitlines()) <= 15 for file in launchers)


def test_manifests_are_checked_against_the_live_tools(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    assert run(tmp_path, "manifests", "--folder", str(folder)).returncode == 0
    assert run(tmp_path, "manifests", "--check", "--folder", str(folder)).returncode == 0
    changed = folder / "aidb.json"
    changed.write_text(changed.read_text().replace("Answer a question", "Answer any question"))
    stale = run(tmp_path, "manifests", "--check", "--folder", str(folder))
    assert stale.returncode == 1
    assert "1 of 4 manifests are out of date" in stale.stdout
    assert run(tmp_path, "manifests", "--check", "--folder", str(tmp_path / "none")).returncode == 1


@pytest.mark.slow
def test_two_demonstrations_side_by_side_do_the_main_job_and_leave_nothing(tmp_path: Path) -> None:
    docs = tmp_path / "my nötes"
    docs.mkdir()
    (docs / "README.md").write_text("# Espresso\n\nGrind 18 g finely and extract 36 g in 28 seconds.\n")
    command = [sys.executable, "-m", "mcp_stack", "demo", "--docs", str(docs)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=110)
        assert process.returncode == 0, output
        for expected in (
            "Espresso",
            "Grind 18 g",
            "cache (a hit)",
            "aidb.import_document",
            "Task completed in 2",
            "Done.",
        ):
            assert expected in output
    assert not list(tmp_path.glob("mcp-stack-demo-*"))
    left = [each for each in psutil.process_iter() if str(tmp_path) in " ".join(_environment_of(each))]
    assert left == []


def test_a_demonstration_of_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--docs", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "NOT_FOUND" in done.stderr


def _environment_of(process: psutil.Process) -> list[str]:
    try:
        return list(process.environ().values())
    except psutil.Error:
        return []


async def test_documents_are_listed_pinned_and_deleted_on_the_command_line(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        ids = [(await add(stack, text=f"Text {n}", title=f"Title {n}")).document_id for n in range(3)]

    def documents(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(tmp_path, "documents", *arguments, DATABASE_URL=conninfo)

    assert documents("pin", ids[1]).returncode == 0
    listed = documents("list", "--limit", "2").stdout.splitlines()
    assert [line.split()[:2] for line in listed[:2]] == [[ids[2], "user"], [ids[1], "pinned"]]
    assert listed[2] == "2 of 3 documents"
    assert documents("unpin", ids[1]).returncode == 0
    assert documents("delete", ids[2]).stdout == "deleted Title 2 (passages: 1)\n"
    assert "pinned" not in documents("list").stdout
    for arguments, status in ((("pin", str(uuid.uuid4())), 1), (("delete", ids[2]), 1), (("list", "--limit", "0"), 2)):
        done = documents(*arguments)
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr.startswith("mcp-stack: ")


async def test_a_question_is_answered_on_the_command_line(conninfo: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": conninfo, "MCP_STACK_EMBEDDINGS__PROVIDER": "none"}
    with ScriptedClaude() as claude:
        claude.answers("Two proxies, and a check between them.", tokens_in=1000, tokens_out=100)
        models = {**settings, **claude_at(claude)}
        asked = await asyncio.to_thread(run, tmp_path, "ask", "How", "is", "HA", "built?", **models)
        again = await asyncio.to_thread(run, tmp_path, "ask", "How is HA built?", **models)
        assert len(claude.received) == 1
    assert (asked.returncode, again.returncode) == (0, 0), asked.stderr + again.stderr
    assert asked.stdout == again.stdout == "Two proxies, and a check between them.\n"
    assert "route remote" in asked.stderr
    assert "0.003000 USD" in asked.stderr
    assert "route cache" in again.stderr
    offline = await asyncio.to_thread(run, tmp_path, "ask", "--route", "local", "What?", **settings)
    assert (offline.returncode, offline.stdout) == (2, "")
    assert "set llm.local.path" in offline.stderr
    alone = await asyncio.to_thread(run, tmp_path, "ask", "What?", **settings)
    assert alone.returncode == 1
    assert "nothing on this yet" in alone.stdout
