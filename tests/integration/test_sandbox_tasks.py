"""Tasks that are worked on and verified in a sandbox."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mcp_stack.ralph.verify import Verifier
from mcp_stack.storage.postgres.pool import Database
from tests.support.box import SECRET, contents, sandbox
from tests.support.ralph import RalphParts, git, make_repository


async def test_a_task_is_worked_on_and_verified_in_the_box(database: Database, tmp_path: Path, tier: str) -> None:
    user = tmp_path / "user"
    repository = make_repository(
        user / "project", {"check.sh": "set -e\ngrep -q work work.txt\ngit diff --quiet HEAD\n"}
    )
    (user / "secret").write_text(SECRET, encoding="utf-8")
    script = f"""
        git log --oneline | grep Start && echo work > work.txt && git add -A && git commit -qm mine
        cat {user}/secret >> work.txt; echo x > {user}/planted; echo x >> {repository}/.git/config
        printf 'echo planted > {user}/planted' > .git/hooks/post-checkout
        mkdir -p ~/.config; echo broken > ~/.bashrc
    """
    parts = RalphParts(database, tmp_path / "data", user, ["/bin/sh", "-c", script], sandbox=sandbox(tier))
    before = contents(user)
    task = await parts.ralph.submit(
        "x", workspace=str(repository), verify=["sh check.sh", f"sh -c '! cat {user}/secret'"]
    )
    await parts.finish(task.task_id)
    run = await parts.runs.get(task.task_id)
    assert run.state == "completed", run.last_error
    assert git(repository, "show", f"ralph/{task.task_id}:work.txt") == "work"
    after = contents(user)
    assert {name for name in before if before[name] != after[name]} == set()
    assert {name for name in after if name not in before and ".git/" not in name} == set()
    assert [iteration.sandbox for iteration in await parts.runs.iterations(task.task_id)] == [tier]
    shutil.rmtree(tmp_path / "data")


async def test_verification_trusts_nothing_in_the_agents_home_but_downloads(tier: str, tmp_path: Path) -> None:
    worktree, scratch = tmp_path / "worktree", tmp_path / "scratch"
    registry, outside = scratch / "home" / ".cargo" / "registry", tmp_path / "outside"
    for folder in (worktree, registry, outside, scratch / "home" / "go" / "pkg"):
        folder.mkdir(parents=True)
    (registry / "crate").write_text("downloaded", encoding="utf-8")
    (scratch / "home" / ".cargo" / "config.toml").write_text("planted", encoding="utf-8")
    (scratch / "home" / "go" / "pkg" / "mod").symlink_to(outside)
    (outside / "secret").write_text(SECRET, encoding="utf-8")
    verifier = Verifier(os.environ, 20, sandbox(tier))
    checks = [
        "grep -q downloaded ~/.cargo/registry/crate",
        "! touch ~/.cargo/registry/new",
        "test ! -e ~/.cargo/config.toml",
        "! cat ~/go/pkg/mod/secret",
        f"! cat {scratch}/home/.cargo/config.toml",
        f"! cat {outside}/secret",
    ]
    report = await verifier.run([f"sh -c '{check}'" for check in checks], worktree, scratch, scratch / "verify.log")
    assert report.passed, (report.failed, report.output)
