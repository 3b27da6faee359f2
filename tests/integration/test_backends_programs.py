"""Where the programs of agents are looked for, what they are given, and what is said where something is missing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mcp_stack.errors import UnavailableError
from mcp_stack.ports.agent import ModelAccess
from mcp_stack.ralph.backends import INSTALLED_PROGRAMS
from mcp_stack.ralph.backends.command import CommandAgent
from mcp_stack.ralph.backends.locating import STAMP, Programs
from mcp_stack.ralph.backends.program import ProgramAgent
from mcp_stack.ralph.states import is_usage_message
from tests.support.agents import NAMES, assignment
from tests.support.ralph import make_repository
from tests.support.unconfined import Unconfined

MODEL = ModelAccess("http://127.0.0.1:4000/v1", "http://127.0.0.1:4001", "not-a-secret", "a/model 'x'")
# What each needs where it is given no model, and what it says if that is not set.
OWN: Mapping[str, Mapping[str, str]] = {
    "aider": {"AIDER_MODEL": "sonnet", "ANTHROPIC_API_KEY": "k3y"},
    "goose": {"GOOSE_PROVIDER": "openai", "GOOSE_MODEL": "m", "OPENAI_API_KEY": "k3y"},
    "claude-code": {"ANTHROPIC_API_KEY": "k3y"},
    "langchain": {"OPENAI_MODEL": "m", "OPENAI_API_KEY": "k3y"},
}
SPY = f"""#!{sys.executable}
import json, os, pathlib, sys
files = {{p: pathlib.Path(p).read_text() for p in sys.argv if pathlib.Path(p).is_file() and p != sys.argv[0]}}
json.dump(
    {{"arguments": sys.argv[1:], "environment": dict(os.environ), "stdin": sys.stdin.read(), "files": files}},
    open("seen.json", "w"),
)
print('{{"response": "Done."}}')
"""


def program(path: Path, text: str = SPY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def agent(name: str, programs: Programs, environ: Mapping[str, str] = os.environ) -> ProgramAgent:
    return INSTALLED_PROGRAMS[name](programs, environ, Unconfined())


def chosen(name: str, path: Path) -> Programs:
    return Programs({name: str(path)}, Path("/nonexistent"), {})


def test_the_configured_program_wins_over_the_installed_one_and_that_over_the_path(tmp_path: Path) -> None:
    configured, on_path = program(tmp_path / "mine" / "my-aider"), program(tmp_path / "bin" / "aider")
    installed = program(tmp_path / "agents" / "aider" / "bin" / "aider")
    (tmp_path / "agents" / "aider" / STAMP).write_text('{"version": "1.2.3"}')
    environ = {"PATH": str(tmp_path / "bin")}

    def found(choice: dict[str, str]) -> tuple[Path, str]:
        program = Programs(choice, tmp_path / "agents", environ).find("aider", "aider")
        assert program is not None
        return program.path, program.version

    assert found({"aider": str(configured)}) == (configured, "")
    assert found({}) == (installed, "1.2.3")
    (tmp_path / "agents" / "aider" / STAMP).unlink()  # an installation that was interrupted
    assert found({}) == (on_path, "")
    on_path.unlink()
    assert Programs({}, tmp_path / "agents", environ).find("aider", "aider") is None


def test_what_a_script_needs_to_run_is_found_over_links_and_its_interpreter(tmp_path: Path) -> None:
    node = program(tmp_path / "node-22" / "bin" / "node")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").symlink_to(node)
    real = program(tmp_path / "agents" / "continue" / "node_modules" / "cli" / "cn.js", "#!/usr/bin/env node\n")
    (tmp_path / "agents" / "continue" / "bin").mkdir()
    (tmp_path / "agents" / "continue" / "bin" / "cn").symlink_to(real)
    (tmp_path / "agents" / "continue" / STAMP).write_text('{"version": "1"}')
    found = Programs({}, tmp_path / "agents", {"PATH": str(tmp_path / "bin")}).find("continue", "cn")
    assert found is not None
    assert {*found.readable} >= {tmp_path / "agents" / "continue" / "node_modules", tmp_path / "node-22" / "lib", node}


def test_a_program_of_the_user_opens_its_environment_and_not_what_is_beside_it(tmp_path: Path) -> None:
    local = tmp_path / "home" / ".local"
    environment = local / "share" / "pipx" / "venvs" / "aider-chat"
    real = program(environment / "bin" / "aider", f"#!{environment}/bin/python\n")
    (environment / "pyvenv.cfg").write_text(f"home = {tmp_path}/python/bin\n")
    (environment / "bin" / "python").symlink_to(program(tmp_path / "python" / "bin" / "python3.12"))
    (local / "bin").mkdir()
    (local / "bin" / "aider").symlink_to(real)
    found = Programs({}, tmp_path, {"PATH": str(local / "bin")}).find("aider", "aider")
    assert found is not None
    assert found.path == local / "bin" / "aider"
    assert {*found.readable} >= {environment, tmp_path / "python" / "lib"}
    assert not {local, local / "share", tmp_path / "home", tmp_path / "python"} & {*found.readable}


@pytest.mark.parametrize("name", NAMES)
async def test_a_missing_program_says_how_to_install_it(name: str, tmp_path: Path) -> None:
    missing = agent(name, Programs({}, tmp_path, {"PATH": str(tmp_path)}))
    with pytest.raises(UnavailableError, match=f"mcp-stack agents install {name}"):
        missing.check()
    info = await missing.info()
    assert (info.installed, info.version) == (False, "")
    assert info.how_to_install == f"mcp-stack agents install {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_configured_program_that_is_not_there_is_not_replaced_by_another(name: str, tmp_path: Path) -> None:
    on_path = program(tmp_path / "bin" / INSTALLED_PROGRAMS[name].program)  # type: ignore[attr-defined] # classes
    programs = Programs({name: str(tmp_path / "gone")}, tmp_path, {"PATH": str(on_path.parent)})
    with pytest.raises(UnavailableError, match=rf"ralph\.backends\.programs\.{name}"):
        agent(name, programs).check()


async def test_the_version_is_what_the_program_says(tmp_path: Path) -> None:
    path = program(tmp_path / "goose", "#!/bin/sh\necho ' 1.99.0'\n")
    assert (await agent("goose", chosen("goose", path)).info()).version == "1.99.0"
    path.write_text("#!/bin/sh\nexit 3\n")
    assert (await agent("goose", chosen("goose", path)).info()).version == ""


@pytest.mark.parametrize("name", NAMES)
async def test_it_is_given_its_model_the_prompt_and_nothing_of_ours(name: str, tmp_path: Path) -> None:
    worktree = make_repository(tmp_path / "project", {"a.txt": "a\n"})
    environ = {"PATH": os.environ["PATH"], "HOME": "/home/of-the-user", "DATABASE_URL": "s3cret", **OWN.get(name, {})}
    given = agent(name, chosen(name, program(tmp_path / "spy")), environ)
    outcome = await given.run(assignment(worktree, tmp_path / "scratch", MODEL, task="Mend it."))
    assert outcome.exit_code == 0, outcome.output_tail
    seen = json.loads((worktree / "seen.json").read_text())
    whole = json.dumps(seen)
    assert "s3cret" not in whole
    assert "k3y" not in whole
    assert "/home/of-the-user" not in whole
    assert MODEL.key in whole
    assert MODEL.key not in json.dumps(seen["arguments"]), "every user of the machine sees arguments"
    assert (MODEL.anthropic_url if name == "claude-code" else "127.0.0.1:4000") in whole
    assert "Mend it." in seen["stdin"] or any("Mend it." in text for text in seen["files"].values())
    assert seen["environment"]["HOME"] == str(tmp_path / "scratch" / "home")


@pytest.mark.parametrize("name", NAMES)
async def test_without_a_model_it_uses_the_users_own_or_says_what_to_set(name: str, tmp_path: Path) -> None:
    worktree = make_repository(tmp_path / "project", {"a.txt": "a\n"})
    home = tmp_path / "home"
    home.mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "DATABASE_URL": "s3cret"}
    programs = chosen(name, program(tmp_path / "spy"))
    asked = assignment(worktree, tmp_path / "scratch", None)
    with pytest.raises(UnavailableError, match="no model is configured") as refused:
        await agent(name, programs, environ).run(asked)
    if name == "continue":
        (home / ".continue").mkdir()
        (home / ".continue" / "config.yaml").write_text("name: mine\nmodels: [{apiKey: k3y}]\n")
    else:
        assert any(variable in refused.value.remedy for variable in OWN[name])
        environ |= OWN[name]
    outcome = await agent(name, programs, environ).run(asked)
    assert outcome.exit_code == 0, outcome.output_tail
    whole = (worktree / "seen.json").read_text()
    assert "k3y" in whole
    assert "s3cret" not in whole


async def test_a_program_of_another_version_that_refuses_our_flags_is_a_usage_message(tmp_path: Path) -> None:
    old = program(
        tmp_path / "aider", "#!/bin/sh\necho 'usage: aider [-h]'\necho 'aider: error: unrecognized'\nexit 2\n"
    )
    worktree = make_repository(tmp_path / "project", {"a.txt": "a\n"})
    outcome = await agent("aider", chosen("aider", old)).run(assignment(worktree, tmp_path / "scratch", MODEL))
    assert outcome.exit_code == 2
    assert is_usage_message(outcome.output_tail)


async def test_a_command_is_told_where_its_prompt_and_its_model_are(tmp_path: Path) -> None:
    worktree = make_repository(tmp_path / "project", {"a.txt": "a\n"})
    command = CommandAgent([str(program(tmp_path / "spy")), "--auto"], {"PATH": "/usr/bin:/bin"}, Unconfined())
    assert (await command.info()).installed
    asked = assignment(worktree, tmp_path / "scratch", MODEL, task="Mend it.")
    outcome = await command.run(asked)
    assert outcome.exit_code == 0, outcome.output_tail
    seen = json.loads((worktree / "seen.json").read_text())
    assert (seen["arguments"], seen["stdin"]) == (["--auto"], asked.prompt)
    told = seen["environment"]
    assert Path(told["MCP_STACK_PROMPT_FILE"]).read_text() == asked.prompt
    assert (told["OPENAI_BASE_URL"], told["OPENAI_API_KEY"]) == (MODEL.openai_url, MODEL.key)
    assert (told["ANTHROPIC_BASE_URL"], told["MCP_STACK_MODEL"]) == (MODEL.anthropic_url, MODEL.model)


async def test_a_program_that_fails_without_a_word_is_spoken_for(tmp_path: Path) -> None:
    worktree = make_repository(tmp_path / "project", {"a.txt": "a\n"})
    silent = program(tmp_path / "silent", "#!/bin/sh\nexit 3\n")
    command = CommandAgent([str(silent)], {"PATH": "/usr/bin:/bin"}, Unconfined())
    outcome = await command.run(assignment(worktree, tmp_path / "scratch", None))
    assert (outcome.exit_code, outcome.output_tail) == (3, "silent exited with 3 and printed nothing\n")
