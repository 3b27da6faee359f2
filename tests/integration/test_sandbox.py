"""What a confined program cannot do, tried in every tier that works on this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from mcp_stack.errors import DeniedError, UnavailableError
from mcp_stack.ports.sandbox import Confinement, Sandbox
from mcp_stack.ralph.agent_repository import objects_and_alternates
from mcp_stack.ralph.environment import child_environment
from mcp_stack.ralph.processes import Finished, run_program
from mcp_stack.ralph.sandbox.choice import Chosen
from mcp_stack.ralph.sandbox.open_network import OpenNetwork
from mcp_stack.ralph.verify import Verifier
from mcp_stack.settings.tree import Sandbox as SandboxSettings
from mcp_stack.storage.postgres.pool import Database
from tests.support.ralph import RalphParts, git, make_repository
from tests.support.waiting import until

SECRET = "a secret of the user"
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


def sandbox(tier: str, **limits: int) -> Sandbox:
    return Chosen(SandboxSettings.model_validate({"tier": tier, "required": tier != "none", "limits": limits}))


def works(tier: str) -> str:
    """The tier; skips the test where it cannot be used here."""
    try:
        sandbox(tier).check()
    except UnavailableError as error:
        pytest.skip(error.problem)
    return tier


@dataclass
class Box:
    """A user's home with a secret in it, and a sandbox in which programs run beside it."""

    folder: Path
    sandbox: Sandbox

    @property
    def user(self) -> Path:
        return self.folder / "user"

    @property
    def worktree(self) -> Path:
        return self.folder / "data" / "worktree"

    @property
    def home(self) -> Path:
        return self.folder / "data" / "home"

    async def run(
        self,
        script: str,
        *arguments: str,
        readable: tuple[Path, ...] = (),
        ports: tuple[int, ...] | None = None,
        seconds: float = 30,
    ) -> Finished:
        """Run a shell script, or Python code, in the box."""
        python = script.lstrip().startswith("import")
        program = (sys.executable, "-c") if python else ("/bin/sh", "-c")
        environment = child_environment(os.environ, self.home)
        limits = Confinement(self.worktree, writable=(self.home,), readable=readable, ports=ports)
        command = (*program, script, *(arguments if python else ("sh", *arguments)))
        return await run_program(
            self.sandbox.confined(command, environment, limits),
            folder=self.worktree,
            environment=environment,
            output=self.folder / "output.log",
            timeout_seconds=seconds,
        )


@pytest.fixture(params=["bubblewrap", "landlock"])
def tier(request: pytest.FixtureRequest) -> str:
    return works(str(request.param))


def make_box(folder: Path, used: Sandbox) -> Box:
    box = Box(folder, used)
    (box.user / ".ssh").mkdir(parents=True)
    (box.user / ".ssh" / "id_ed25519").write_text(SECRET, encoding="utf-8")
    box.worktree.mkdir(parents=True)
    box.home.mkdir()
    return box


@pytest.fixture
def box(tier: str, tmp_path: Path) -> Box:
    return make_box(tmp_path, sandbox(tier))


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


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
    finished = await box.run(
        f"git show {commit}:a.txt; chmod -R u+w {objects[0]}; rm -rf {objects[0]}/*", readable=objects
    )
    assert finished.tail.startswith("a")
    assert {name: data for name, (_, data) in contents(box.user).items()} == {
        name: data for name, (_, data) in before.items()
    }


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
    assert (
        await box.run(CONNECT, "udp", str(other), ports=(allowed,))
    ).exit_code != 0 or box.sandbox.tier == "bubblewrap"
    assert (await box.run(CONNECT, "tcp", str(allowed), ports=())).exit_code != 0
    assert (await box.run(CONNECT, "tcp", str(other))).exit_code == 0


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


async def test_signals_reach_no_worker(box: Box) -> None:
    worker = subprocess.Popen(["sleep", "60"])
    try:
        await box.run(f"kill -9 {worker.pid}; kill -9 $PPID; kill -9 -1")
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


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


# A daemon of daemons: two forks, two sessions, no terminal, its output closed.
DAEMON = """
import os, sys, time
for _ in range(2):
    if os.fork():
        os._exit(0)
    os.setsid()
for descriptor in range(3):
    os.close(descriptor)
os.execvp("sleep", ["sleep", sys.argv[1]])
"""


def sleepers(seconds: int) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"] == ["sleep", str(seconds)] and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.fixture(params=["bubblewrap", "landlock", "none"])
def any_box(request: pytest.FixtureRequest, tmp_path: Path) -> Box:
    return make_box(tmp_path, sandbox(works(str(request.param))))


async def test_a_daemon_ends_with_its_program(any_box: Box) -> None:
    script = f"python3 -c '{DAEMON}' 7201; while ! pgrep -f 'sleep 7201' >/dev/null; do :; done; exit 5"
    assert (await any_box.run(script)).exit_code == 5
    assert sleepers(7201) == []


async def test_a_daemon_ends_when_its_program_is_cancelled(any_box: Box) -> None:
    running = asyncio.create_task(any_box.run(f"python3 -c '{DAEMON}' 7202; sleep 7202"))
    await until(lambda: len(sleepers(7202)) == 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not sleepers(7202), seconds=2)


async def test_a_daemon_ends_when_the_worker_is_killed(any_box: Box) -> None:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.test_sandbox", any_box.sandbox.tier, str(any_box.folder)),
        cwd=Path(__file__).parents[2],
    )
    await until(lambda: len(sleepers(7203)) == 2)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    await until(lambda: not sleepers(7203), seconds=2)


async def test_exit_codes_and_signals_come_through(any_box: Box) -> None:
    assert (await any_box.run("exit 7")).exit_code == 7
    assert (await any_box.run("kill -TERM $$")).exit_code == 143
    finished = await any_box.run("echo begun; sleep 7204", seconds=1)
    assert (finished.exit_code, finished.timed_out) == (137, True)
    assert sleepers(7204) == []


async def test_a_program_that_is_not_there_is_named(any_box: Box) -> None:
    environment = child_environment(os.environ, any_box.home)
    command = any_box.sandbox.confined(("no-such-program",), environment, Confinement(any_box.worktree))
    output = any_box.folder / "output.log"
    finished = await run_program(
        command, folder=any_box.worktree, environment=environment, output=output, timeout_seconds=20
    )
    assert (finished.exit_code, finished.tail) == (127, "no-such-program: no such program\n")


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


async def test_an_open_network_is_open_and_the_rest_is_closed(
    tier: str, tmp_path: Path, ports: tuple[int, int]
) -> None:
    box = make_box(tmp_path, OpenNetwork(sandbox(tier)))
    assert (await box.run(CONNECT, "tcp", str(ports[1]), ports=(ports[0],))).exit_code == 0
    assert SECRET not in (await box.run(f"cat {box.user}/.ssh/id_ed25519")).tail
    assert box.sandbox.tier == tier


if __name__ == "__main__":
    asyncio.run(Box(Path(sys.argv[2]), sandbox(sys.argv[1])).run(f"python3 -c '{DAEMON}' 7203; sleep 7203", seconds=60))
