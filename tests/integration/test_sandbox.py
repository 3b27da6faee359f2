"""What a confined program can do with files, and cannot, in every tier that works on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from mcp_stack.errors import DeniedError, UnavailableError
from mcp_stack.ports.sandbox import Confinement
from mcp_stack.ralph.agent_repository import objects_and_alternates
from mcp_stack.ralph.environment import child_environment
from mcp_stack.ralph.processes import run_program
from mcp_stack.ralph.sandbox.choice import Chosen
from mcp_stack.settings.tree import Sandbox as SandboxSettings
from tests.support.box import SECRET, Box, contents, make_box, sandbox
from tests.support.ralph import git, make_repository


async def test_it_works_where_it_may(box: Box) -> None:
    script = """
        set -e
        echo work > file; mkdir -p a/b; mv file a/b/; ln -s a/b/file link; grep -q work link; rm -r a
        echo cache > ~/cache; test -s ~/cache
        temporary=$(mktemp); echo x > "$temporary"
        echo > /dev/null; head -c 1 /dev/urandom > /dev/null
        git init -q .; git add -A; git -c user.name=a -c user.email=b commit -qm x
        python3 -c 'import ssl, sqlite3, multiprocessing, subprocess; subprocess.run(["true"], check=True)'
        echo fine
    """
    finished = await box.run(script)
    assert finished.tail.splitlines()[-1] == "fine", finished.tail
    assert finished.exit_code == 0


async def test_it_sees_the_environment_that_it_is_given(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    finished = await box.run("env")
    assert f"HOME={box.home}" in finished.tail
    assert "TMPDIR=" in finished.tail
    assert SECRET not in finished.tail


async def test_a_shim_finds_the_version_that_it_chooses(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    root = box.user / ".versions"
    scripts = {
        "shims/tool": f"#!/bin/sh\nexec '{root}/libexec/choose' tool\n",
        "libexec/choose": f'#!/bin/sh\nexec "{root}/versions/$(cat {root}/version)/bin/$1"\n',
        "versions/3.1/bin/tool": "#!/bin/sh\necho this is 3.1\n",
    }
    for name, text in scripts.items():
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text(text, encoding="utf-8")
        (root / name).chmod(0o755)
    (root / "version").write_text("3.1\n", encoding="utf-8")
    (root / "credentials").write_text(SECRET, encoding="utf-8")
    monkeypatch.setenv("PATH", f"{root / 'shims'}:{os.environ['PATH']}")
    finished = await box.run(f"tool; cat {root}/credentials")
    assert finished.tail.splitlines()[0] == "this is 3.1"
    assert SECRET not in finished.tail


@pytest.mark.parametrize(
    "script",
    [
        "cat {user}/.ssh/id_ed25519",
        "ln -s {user} link; cat link/.ssh/id_ed25519; cp -rL link copy; cat copy/.ssh/id_ed25519",
        "ln {user}/.ssh/id_ed25519 stolen; cat stolen",
        "mv {user}/.ssh/id_ed25519 stolen; cat stolen",
        "cat /proc/{worker}/environ; cat /proc/*/environ; cat /proc/{worker}/root{user}/.ssh/id_ed25519",
        "cd /proc/{worker}/cwd && cat ../user/.ssh/id_ed25519",
        "mount --bind {user} ~ ; cat ~/.ssh/id_ed25519",
        "unshare -Urm sh -c 'umount -l /tmp; umount -l /; cat {user}/.ssh/id_ed25519'",
        "find / -name id_ed25519 -exec cat {} + 2>/dev/null",
    ],
)
async def test_it_reads_nothing_of_the_user(box: Box, script: str) -> None:
    worker = subprocess.Popen(["sleep", "60"], env={"PATH": os.environ["PATH"], "KEY": SECRET}, cwd=box.folder)
    try:
        before = contents(box.user)
        finished = await box.run(script.replace("{user}", str(box.user)).replace("{worker}", str(worker.pid)))
        assert SECRET not in finished.tail
        assert SECRET not in (box.folder / "output.log").read_text(encoding="utf-8", errors="replace")
        assert contents(box.user) == before
    finally:
        worker.kill()
        worker.wait()


@pytest.mark.parametrize(
    "script",
    [
        "echo x > {user}/.bashrc; mkdir {user}/new; touch {user}/.ssh/authorized_keys",
        "rm -rf {user}; rm -rf {user}/.ssh/id_ed25519; truncate -s 0 {user}/.ssh/id_ed25519",
        "ln -s {user} link; echo x > link/file; rm -rf link/.ssh",
        "mv {user}/.ssh .; mv ../../user/.ssh .",
        "cp /bin/true {user}/program; ln /bin/true {user}/program",
        "echo '#!/bin/sh' > {user}/repository/.git/hooks/pre-commit; git -C {user}/repository config core.pager x",
        "git -C {user}/repository branch -f main HEAD; rm -rf {user}/repository/.git/refs",
    ],
)
async def test_it_changes_nothing_outside(box: Box, script: str) -> None:
    make_repository(box.user / "repository", {"a.txt": "a"})
    before = contents(box.user)
    await box.run(script.replace("{user}", str(box.user)))
    assert contents(box.user) == before


async def test_it_reads_the_objects_of_the_repository_and_cannot_write_them(box: Box) -> None:
    repository = make_repository(box.user / "repository", {"a.txt": "a"})
    objects = objects_and_alternates(repository / ".git" / "objects")
    before = contents(box.user)
    git(box.worktree, "init", "--quiet")
    (box.worktree / ".git" / "objects" / "info" / "alternates").write_text(f"{objects[0]}\n", encoding="utf-8")
    commit = git(repository, "rev-parse", "HEAD")
    spoil = f"chmod -R u+w {objects[0]}; rm -rf {objects[0]}/*; echo > {objects[0]}/new"
    finished = await box.run(f"git show {commit}:a.txt; {spoil}", readable=objects)
    assert finished.tail.startswith("a")
    assert {name: data for name, (_, data) in contents(box.user).items()} == {
        name: data for name, (_, data) in before.items()
    }


async def test_what_it_may_write_is_no_way_out_the_next_time(box: Box) -> None:
    cache = box.home / "cache"
    await box.run(f"ln -s {box.user} {cache}")
    limits = Confinement(box.worktree, writable=(box.home, cache))
    with pytest.raises(DeniedError, match="is a link out of"):
        box.sandbox.confined(("/bin/true",), {"PATH": "/bin"}, limits)


async def test_what_may_be_read_never_includes_a_home_or_the_folder_around_the_work(box: Box) -> None:
    finished = await box.run(f"cat {box.user}/.ssh/id_ed25519", readable=(Path("/"), box.folder, Path.home()))
    assert finished.exit_code != 0
    assert SECRET not in finished.tail


async def test_root_has_no_rights_of_root_in_it(box: Box) -> None:
    finished = await box.run("grep CapEff /proc/self/status; cat /etc/shadow")
    assert "CapEff:\t0000000000000000" in finished.tail
    assert "root:" not in finished.tail


async def test_programs_of_toolchains_in_a_home_can_be_run(box: Box) -> None:
    toolchain = box.user / "toolchain"
    (toolchain / "bin").mkdir(parents=True)
    (toolchain / "lib").mkdir()
    (toolchain / "share").mkdir()
    (toolchain / "lib" / "says").write_text("hello", encoding="utf-8")
    (toolchain / "share" / "secret").write_text(SECRET, encoding="utf-8")
    program = toolchain / "bin" / "greet"
    program.write_text(
        '#!/bin/sh\ncat "$(dirname "$0")"/../lib/says "$(dirname "$0")"/../share/secret\n', encoding="utf-8"
    )
    program.chmod(0o755)
    environment = child_environment(os.environ | {"PATH": f"{toolchain / 'bin'}:{os.environ['PATH']}"}, box.home)
    command = box.sandbox.confined(("greet",), environment, Confinement(box.worktree, writable=(box.home,)))
    output = box.folder / "output.log"
    finished = await run_program(
        command, folder=box.worktree, environment=environment, output=output, timeout_seconds=20
    )
    assert finished.tail.startswith("hello")
    assert SECRET not in finished.tail


async def test_resources_are_limited(tier: str, tmp_path: Path) -> None:
    box = make_box(tmp_path, sandbox(tier, file_mb=1, memory_mb=200))
    finished = await box.run("head -c 2000000 /dev/zero > big; python3 -c 'bytearray(400 * 2**20)'; ulimit -c")
    assert (box.worktree / "big").stat().st_size == 2**20
    assert "MemoryError" in finished.tail
    assert finished.tail.splitlines()[-1] == "0"


def test_without_a_sandbox_nothing_is_started_unless_the_configuration_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mcp_stack.ralph.sandbox.choice.abi", lambda: 0)
    refused = Chosen(SandboxSettings(), which=lambda _: None)
    assert refused.tier == "none"
    with pytest.raises(UnavailableError, match=r"bwrap is not installed.*Linux 6\.2") as raised:
        refused.confined(("/bin/true",), {}, Confinement(Path("/")))
    assert "ralph.sandbox.required" in raised.value.remedy
    allowed = Chosen(SandboxSettings(required=False), which=lambda _: None)
    allowed.check()
    assert allowed.tier == "none"


def test_a_bubblewrap_that_may_make_no_namespaces_is_not_chosen(tmp_path: Path) -> None:
    forbidden = tmp_path / "bwrap"
    forbidden.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n", encoding="utf-8"
    )
    forbidden.chmod(0o755)
    chosen = Chosen(SandboxSettings(tier="bubblewrap"), which=lambda _: str(forbidden))
    with pytest.raises(UnavailableError, match="No permissions to create new namespace"):
        chosen.check()


async def test_work_is_never_done_where_every_program_can_read(tier: str) -> None:
    limits = Confinement(Path("/opt/mcp-stack/data/worktrees/one"))
    with pytest.raises(DeniedError, match="every confined program can read"):
        sandbox(tier).confined(["/bin/true"], {}, limits)


async def test_it_is_at_no_terminal_of_others(box: Box) -> None:
    ours, theirs = os.openpty()
    finished = await box.run(f"echo spoofed > {os.ttyname(theirs)}; exec 3<>/dev/ptmx && echo opened")
    if box.sandbox.tier == "landlock":
        assert "opened" not in finished.tail
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 100)


async def test_no_half_of_a_pair_reaches_the_sockets_of_others(box: Box, tmp_path: Path) -> None:
    name = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(name))
        listening.setblocking(False)
        script = "import socket; a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM); "
        finished = await box.run(f"{script} a.sendto(b'x', '{name}')")
        assert finished.exit_code != 0
        with pytest.raises(BlockingIOError):
            listening.recv(1)
    finished = await box.run("import socket; a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'")
    assert finished.exit_code == 0, finished.tail
