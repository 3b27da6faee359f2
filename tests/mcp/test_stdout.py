"""Nothing but JSON-RPC on stdout, whatever the tools do."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.cli.servers import SERVERS
from tests.support.calls import GOOD, bad_arguments, filled_in
from tests.support.stdio import StdioServer, environment
from tests.support.tiny_gguf import write_knowing_gguf

needs_llama = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed (the extra `local`)"
)
pytestmark = pytest.mark.timeout(300)


@needs_llama
@pytest.mark.parametrize("name", SERVERS)
def test_every_line_is_a_message_and_every_request_has_its_reply(
    name: str, home: Path, task_id: str, tmp_path: Path
) -> None:
    model = write_knowing_gguf(tmp_path / "knowing.gguf")
    notes = home / "stdout"
    notes.mkdir(exist_ok=True)
    (notes / f"{name}.md").write_text("# Italy\n\nRome is the capital of Italy.\n", encoding="utf-8")
    environ = environment(home, EMBEDDINGS__PROVIDER="llama_cpp", LLM__LOCAL__PATH=str(model))
    server = StdioServer(name, environ, "--log-level", "DEBUG")
    try:
        server.shake_hands()
        asked = _everything(server, task_id)
        if name == "aidb":
            asked += [
                server.begin_call("import_document", {"path": f"stdout/{name}.md"}),
                server.begin_call("import_document", {"path": "stdout"}),
                server.begin_call("query", {"query": "Is Paris the capital of France?", "include_tools": False}),
            ]
        replies = {number: server.reply_to(number, 60) for number in asked}
        assert server.end() == 0, server.stderr()
    finally:
        if server.process.poll() is None:
            server.kill()
    for line in server.lines:
        _check_is_message(line)
    answered = [each["id"] for each in server.messages if "id" in each and "method" not in each]
    assert sorted(set(answered)) == sorted(answered), "a request was answered twice"
    assert set(asked) <= set(answered)
    if name == "aidb":
        assert "local" in replies[asked[-1]]["result"]["structuredContent"]["route"], "the model was not asked"
    assert server.stderr(), "at DEBUG something is logged, on stderr"


@pytest.mark.parametrize("name", SERVERS)
def test_stray_output_of_the_process_does_not_reach_the_client(name: str, home: Path, tmp_path: Path) -> None:
    # A library that prints when it is imported, as the site customisation of this process does.
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import os, threading\n"
        "def shout():\n"
        "    import time\n"
        "    while os.fstat(1).st_ino == os.fstat(2).st_ino:\n"  # at its end the SDK gives the output back
        "        time.sleep(0.01)\n"
        "        print('noise', flush=True)\n"
        "        os.write(1, b'more noise\\n')\n"
        "def when_served():\n"
        "    import sys, time\n"
        "    while 'mcp.server.stdio' not in sys.modules or os.fstat(1).st_ino != os.fstat(2).st_ino:\n"
        "        time.sleep(0.01)\n"
        "    shout()\n"
        "threading.Thread(target=when_served, daemon=True).start()\n",
        encoding="utf-8",
    )
    server = StdioServer(name, environment(home) | {"PYTHONPATH": str(noisy)})
    try:
        server.shake_hands()
        for _ in range(20):
            assert server.tools()
        assert server.end() == 0
    finally:
        if server.process.poll() is None:
            server.kill()
    for line in server.lines:
        _check_is_message(line)
    assert "noise" in server.stderr()


def _everything(server: StdioServer, task_id: str) -> list[int]:
    """Call every tool, rightly and wrongly; the ids of the requests."""
    schemas = {tool["name"]: tool["inputSchema"] for tool in server.tools()}
    assert sorted(schemas) == sorted(GOOD[server.name])
    asked = []
    for tool, arguments in GOOD[server.name].items():
        good = filled_in(arguments, task_id)
        asked.append(server.begin_call(tool, good))
        bad = (each.arguments for each in bad_arguments(schemas[tool], good))
        asked += [server.begin_call(tool, arguments) for arguments in bad if len(str(arguments)) < 100_000]
    asked += [server.begin_call("no_such_tool", {}), server.begin("no/such/method"), server.begin("ping")]
    return asked


def _check_is_message(line: bytes) -> None:
    message: Any = json.loads(line)
    assert isinstance(message, dict), line[:200]
    assert message.get("jsonrpc") == "2.0", line[:200]
    assert ("method" in message) != ("result" in message or "error" in message), line[:200]
