"""How servers end: at once, with status 0, leaving nothing behind, whatever they were doing."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mcp_stack.cli.servers import SERVERS
from tests.support.calls import USES_DATABASE
from tests.support.stdio import (
    HANDSHAKE,
    StdioServer,
    database_processes,
    environment,
    serve_command,
    wait_until_database_is_gone,
)
from tests.support.tiny_gguf import write_tiny_gguf

SECONDS_TO_END = 3.0

pytestmark = pytest.mark.timeout(180)


def _end_of_file(server: StdioServer) -> None:
    server.close_stdin()


def _sigterm(server: StdioServer) -> None:
    server.process.send_signal(signal.SIGTERM)


def _sigint(server: StdioServer) -> None:
    server.process.send_signal(signal.SIGINT)


ENDINGS = pytest.mark.parametrize("end", [_end_of_file, _sigterm, _sigint], ids=["EOF", "SIGTERM", "SIGINT"])


@contextmanager
def running(name: str, environ: dict[str, str], *options: str) -> Iterator[StdioServer]:
    """A server that has shaken hands; killed if the test leaves it."""
    server = StdioServer(name, environ, *options)
    try:
        server.shake_hands()
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def silent_endpoint() -> Iterator[socket.socket]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


@ENDINGS
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_nobody_called_ends(name: str, end: Callable[[StdioServer], None], home: Path) -> None:
    with running(name, environment(home)) as server:
        _ends(server, end)


@ENDINGS
@pytest.mark.parametrize("name", sorted(USES_DATABASE))
def test_the_last_server_takes_the_database_with_it(
    name: str, end: Callable[[StdioServer], None], own_home: Path
) -> None:
    with running(name, environment(own_home)) as server:
        _use_database(server)
        assert database_processes(own_home)
        _ends(server, end)
    assert database_processes(own_home) == set()


def test_the_database_stays_for_as_long_as_a_server_uses_it(own_home: Path) -> None:
    environ = environment(own_home)
    with running("aidb", environ) as first, running("hybrid-coordinator", environ) as second:
        _use_database(first)
        _use_database(second)
        assert first.end() == 0
        assert database_processes(own_home)
        assert not second.call("routing_stats", {}).is_error
        assert second.end() == 0
    assert database_processes(own_home) == set()


@ENDINGS
@pytest.mark.parametrize(("name", "tool"), [("aidb", "query"), ("hybrid-coordinator", "route_query")])
def test_a_server_that_waits_for_a_remote_model_ends(
    name: str, tool: str, end: Callable[[StdioServer], None], home: Path, silent_endpoint: socket.socket
) -> None:
    url = f"http://127.0.0.1:{silent_endpoint.getsockname()[1]}"
    environ = environment(home, ANTHROPIC_API_KEY="key", ANTHROPIC_BASE_URL=url)
    with running(name, environ) as server:
        server.begin_call(tool, {"query": f"What, {end.__name__}?"})
        connection, _ = silent_endpoint.accept()
        with connection:
            assert connection.recv(4)
            _ends(server, end)


@ENDINGS
def test_the_embeddings_server_ends_while_it_waits_for_a_remote_embedder(
    end: Callable[[StdioServer], None], home: Path, silent_endpoint: socket.socket
) -> None:
    url = f"http://127.0.0.1:{silent_endpoint.getsockname()[1]}"
    environ = environment(home, EMBEDDINGS__PROVIDER="remote", EMBEDDINGS__URL=url, EMBEDDINGS__MODEL=end.__name__)
    with running("embeddings", environ) as server:
        server.begin_call("embed_texts", {"texts": ["some text"]})
        connection, _ = silent_endpoint.accept()
        with connection:
            assert connection.recv(4)
            _ends(server, end)


@ENDINGS
def test_a_server_whose_local_model_is_computing_ends(
    end: Callable[[StdioServer], None], home: Path, tmp_path: Path
) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed (the extra `local`)")
    # Large enough to answer for a long time: about 2,000 tokens of a model with 100 million weights.
    model = write_tiny_gguf(tmp_path / "slow.gguf", width=1024, layers=8, context_tokens=4096)
    with running("hybrid-coordinator", environment(home, LLM__LOCAL__PATH=str(model))) as server:
        number = server.begin_call("route_query", {"query": f"Go on and on, {end.__name__}"})
        process = psutil.Process(server.process.pid)
        _eventually(lambda: any(each.path == str(model) for each in process.memory_maps()), "the model is loaded")
        used = process.cpu_times().user
        _eventually(lambda: process.cpu_times().user > used + 0.5, "the model computes")
        assert not any(each.get("id") == number for each in server.messages), "it was done before it was ended"
        _ends(server, end)


@ENDINGS
def test_ralph_ends_while_somebody_waits_for_a_task_and_the_task_goes_on(
    end: Callable[[StdioServer], None], own_home: Path
) -> None:
    environ = environment(own_home)
    gate = own_home / "gate"
    gate.write_text("closed", encoding="utf-8")
    task = {
        "task": "Wait.",
        "verify": [f"{sys.executable} -c \"import time\nwhile open({str(gate)!r}).read() != 'open': time.sleep(.05)\""],
        "require_changes": False,
    }
    with running("ralph-wiggum", environ) as server:
        task_id = server.must("submit_task", task)["task_id"]
        worker = _worker_of(own_home)
        server.begin_call("task_status", {"task_id": task_id, "wait_seconds": 50})
        _ends(server, end)
        assert worker.is_running(), "the work goes on when the client is closed"
    gate.write_text("open", encoding="utf-8")
    worker.wait(60)
    with running("ralph-wiggum", environ) as server:
        assert server.must("task_status", {"task_id": task_id})["state"] == "completed"
        assert server.end() == 0
    wait_until_database_is_gone(own_home)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_whose_parent_was_killed_ends_by_itself(name: str, home: Path) -> None:
    server, pid = _orphan(name, home)
    try:
        server.shake_hands()
        assert pid() != server.process.pid
        server.process.kill()
        start = time.monotonic()
        assert server.wait_for_end_of_output(SECONDS_TO_END), "it goes on without its parent"
        assert time.monotonic() - start < SECONDS_TO_END
    finally:
        _kill(pid())
        server.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_whose_parent_is_killed_while_it_starts_ends_by_itself(name: str, home: Path) -> None:
    server, pid = _orphan(name, home)
    try:
        # From its first lines on it knows its parent; it is then at work on its imports for half a second.
        _eventually(lambda: "pydantic" in _mapped_files(pid()), "the server imports")
        server.process.kill()
        assert server.wait_for_end_of_output(2 * SECONDS_TO_END), "it goes on without its parent"
    finally:
        _kill(pid())
        server.kill()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", SERVERS)
def test_a_signal_during_the_start_ends_the_server(name: str, signal_number: int, home: Path) -> None:
    server = StdioServer(name, environment(home))
    try:
        server.process.send_signal(signal_number)
        server.process.wait(SECONDS_TO_END)
        assert server.wait_for_end_of_output(1)
    finally:
        server.kill()


@pytest.mark.parametrize("name", SERVERS)
def test_a_second_signal_does_no_harm(name: str, home: Path) -> None:
    with running(name, environment(home)) as server:
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(SECONDS_TO_END) == 0, server.stderr()


@pytest.mark.parametrize("name", SERVERS)
def test_a_client_that_no_longer_reads_does_not_keep_the_server(name: str, home: Path) -> None:
    client = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "deaf", "version": "1"}}
    messages = [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": client}]
    messages += [{"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(1, 500)]
    lines = "".join(f"{json.dumps(message)}\n" for message in messages)
    pipe = subprocess.PIPE
    with subprocess.Popen(serve_command(name), stdin=pipe, stdout=pipe, env=environment(home), cwd=home) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(lines.encode())
            process.stdin.flush()
            output = process.stdout.fileno()
            _eventually(lambda: _bytes_in(output) > 40_000, "no further reply fits into the pipe of 64 KiB")
            process.terminate()
            assert process.wait(SECONDS_TO_END) == 0
        finally:
            process.kill()


def _ends(server: StdioServer, end: Callable[[StdioServer], None]) -> None:
    """It ends in time with status 0, and so do its children."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    start = time.monotonic()
    end(server)
    status = server.process.wait(30)
    seconds = time.monotonic() - start
    assert seconds < SECONDS_TO_END, f"it took {seconds:.1f} s\n{server.stderr()[-3000:]}"
    assert status == 0, server.stderr()[-3000:]
    assert server.wait_for_end_of_output(1), "something that it started still has its stdout"
    _, alive = psutil.wait_procs(children, timeout=max(0.1, SECONDS_TO_END - seconds))
    assert alive == []


def _use_database(server: StdioServer) -> None:
    arguments = {"aidb": {"query": "x"}, "hybrid-coordinator": {}, "ralph-wiggum": {"task_id": "none"}}
    reply = server.call(USES_DATABASE[server.name], arguments[server.name])
    assert not reply.is_error or reply.text.startswith("NOT_FOUND: "), reply.text


def _orphan(name: str, home: Path) -> tuple[StdioServer, Callable[[], int]]:
    """A server below a process that can be killed, with our pipes; and its process id, waited for."""
    pid_file = home / f"{name}-{time.monotonic_ns()}.pid"
    script = (
        "import pathlib, subprocess, sys\n"
        f"child = subprocess.Popen({json.dumps(serve_command(name))})\n"
        f"file = pathlib.Path({str(pid_file)!r})\n"
        "file.with_suffix('.new').write_text(str(child.pid))\n"
        "file.with_suffix('.new').rename(file)\n"
        "child.wait()\n"
    )
    server = StdioServer(name, environment(home), command=[sys.executable, "-c", script])

    def pid() -> int:
        _eventually(pid_file.exists, "the server was started")
        return int(pid_file.read_text(encoding="utf-8"))

    return server, pid


def _mapped_files(pid: int) -> str:
    """Names of the libraries that a process has loaded."""
    return " ".join(mapped.path for mapped in psutil.Process(pid).memory_maps())


def _worker_of(home: Path) -> psutil.Process:
    """The worker process of a data folder, once those that give way to it are gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if "worker" in process.cmdline() and process.environ().get("MCP_STACK_DATA") == str(home / "data"):
                    found.append(process)
        if len(found) == 1:
            return found[0]
        time.sleep(0.01)
    raise AssertionError("there is no worker, or more than one")


def _kill(pid: int) -> None:
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return


def _bytes_in(pipe: int) -> int:
    """How much waits in a pipe to be read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def _eventually(condition: Callable[[], bool], what: str, timeout_seconds: float = 30) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_seconds} s: {what}"
        time.sleep(0.02)
