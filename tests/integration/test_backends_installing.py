"""Installing agents; the real ones are installed by `scripts/install-agents`, through the same command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mcp_stack.cli import main
from mcp_stack.errors import UnavailableError, UsageError
from mcp_stack.ralph.backends.installing import Installer
from mcp_stack.ralph.backends.locating import Programs

# Does what npm does, as far as it matters here, and notes each start.
NPM = """#!/bin/sh
echo "$@" >> "$NOTES"
[ -e "$NOTES.fail" ] && { echo "npm error network"; exit 1; }
mkdir -p "$3/node_modules/.bin"
printf '#!/bin/sh\\necho 1.5.47\\n' > "$3/node_modules/.bin/cn"
chmod +x "$3/node_modules/.bin/cn"
echo "added 13 packages"
"""


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(NPM)
    npm.chmod(0o755)
    environ = {"PATH": f"{npm.parent}:/usr/bin:/bin", "NOTES": str(tmp_path / "notes")}
    return Installer(tmp_path / "agents", environ)


def starts(tmp_path: Path) -> list[str]:
    notes = tmp_path / "notes"
    return notes.read_text().splitlines() if notes.exists() else []


def test_an_installed_agent_is_found_and_not_installed_again(installer: Installer, tmp_path: Path) -> None:
    told: list[str] = []
    assert installer.install("continue", told.append)
    assert not installer.install("continue", told.append)
    found = Programs({}, tmp_path / "agents", {}).find("continue", "cn")
    assert found is not None
    assert (found.path, found.version) == (tmp_path / "agents" / "continue" / "bin" / "cn", "1.5.47")
    assert "added 13 packages" in told
    assert len(starts(tmp_path)) == 1
    # No package's own script runs, and its version is exact.
    assert "--ignore-scripts" in starts(tmp_path)[0]
    assert starts(tmp_path)[0].endswith("@continuedev/cli@1.5.47")


def test_another_version_takes_the_place_of_the_one_that_is_there(installer: Installer, tmp_path: Path) -> None:
    installer.install("continue", lambda _line: None)
    stamp = tmp_path / "agents" / "continue" / "installed.json"
    stamp.write_text(json.dumps({"version": "1.5.1", "requirements": ["@continuedev/cli@1.5.1"]}))
    assert installer.install("continue", lambda _line: None)
    assert installer.version("continue") == "1.5.47"


def test_a_failure_is_told_in_the_installers_words_and_leaves_nothing_that_counts(
    installer: Installer, tmp_path: Path
) -> None:
    failing = tmp_path / "notes.fail"
    failing.touch()
    with pytest.raises(UnavailableError, match="npm error network"):
        installer.install("continue", lambda _line: None)
    assert installer.version("continue") == ""
    assert Programs({}, tmp_path / "agents", {"PATH": "/nonexistent"}).find("continue", "cn") is None
    failing.unlink()
    assert installer.install("continue", lambda _line: None)


def test_without_npm_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"Node\.js"):
        Installer(tmp_path / "agents", {"PATH": str(tmp_path)}).install("goose", lambda _line: None)


def test_an_unknown_agent_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="aider, continue, goose, claude-code, langchain"):
        Installer(tmp_path / "agents", os.environ).install("../aider", lambda _line: None)
    assert not (tmp_path / "agents").exists()


def test_the_command_lists_every_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCP_STACK_DATA", str(tmp_path))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["agents", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[1] for line in lines if not line.lstrip().startswith("→")]
    assert names == ["aider", "continue", "goose", "langchain", "claude-code", "autogpt", "command"]
    assert "default" in lines[0]
    assert lines[1].strip() == "→ mcp-stack agents install aider"


def test_the_command_refuses_an_unknown_agent_before_it_installs_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCP_STACK_DATA", str(tmp_path))
    assert main(["agents", "install", "goose", "geese"]) == 2
    assert "there is no agent 'geese'" in capsys.readouterr().err
    assert not (tmp_path / "agents").exists()
