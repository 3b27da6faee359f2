"""An MCP server over stdio in a few lines of its own, that can misbehave in every way; run as a file.

::

    python upstream_raw.py PLAN.json

The plan holds `tools`, read anew with each listing; `pages`, how many tools a page has; and `start`: `die`, `mute`,
`garbage` or `endless` misbehave at once. What a tool does goes by its name, see `DOES`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PLAN = Path(sys.argv[1])
_writing = threading.Lock()
_cancelled: dict[object, threading.Event] = {}


def main() -> None:
    start = plan().get("start", "")
    with PLAN.with_suffix(".starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    if start == "die":
        print("cannot start: no such database", file=sys.stderr, flush=True)
        sys.exit(3)
    if start == "mute":
        time.sleep(3600)
    if start == "garbage":
        while True:
            write(b"Starting up, please wait...\n")
    if start == "endless":
        while True:
            write(b"x" * 1_000_000)
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if message.get("method") == "notifications/cancelled":
            PLAN.with_suffix(".cancelled").write_text(json.dumps(message["params"]))
            _cancelled.setdefault(message["params"]["requestId"], threading.Event()).set()
        elif "id" in message and message.get("method") == "tools/call":
            threading.Thread(target=call, args=(message,), daemon=True).start()
        elif "id" in message and "method" in message:
            answer(message)


def plan() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PLAN.read_text())
    return found


def answer(message: dict[str, Any]) -> None:
    params = message.get("params", {})
    match message["method"]:
        case "initialize":
            capabilities = {"tools": {"listChanged": True}, **plan().get("capabilities", {})}
            info = {"name": "raw", "version": "1"}
            version = params["protocolVersion"]
            reply(message, {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info})
        case "ping":
            reply(message, {})
        case "tools/list":
            tools, size = plan().get("tools", []), plan().get("pages", 1000)
            first = int(params.get("cursor", 0))
            page: dict[str, Any] = {"tools": tools[first : first + size]}
            if first + size < len(tools):
                page["nextCursor"] = str(first + size)
            reply(message, page)
        case "resources/list":
            reply(message, {"resources": plan().get("resources", [])})
        case "prompts/list":
            reply(message, {"prompts": plan().get("prompts", [])})
        case _:
            send({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "Method not found"}})


def call(message: dict[str, Any]) -> None:
    name, arguments = message["params"]["name"], message["params"].get("arguments", {})
    does = DOES.get(name)
    if does is None:
        reply(message, {"content": [{"type": "text", "text": f"{name} does nothing"}]})
    else:
        does(message, arguments)


def echo(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    text = json.dumps(arguments, sort_keys=True)
    content = [
        {"type": "text", "text": text, "annotations": {"priority": 0.5}, "_meta": {"part": 1}},
        {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
    ]
    structured = {"given": arguments, "nothing": None, "none": [None]}
    reply(message, {"content": content, "structuredContent": structured, "isError": False, "_meta": {"x/y": [1]}})


def fail(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    reply(message, {"content": [{"type": "text", "text": "it did not work"}], "isError": True, "_meta": {"why": "x"}})


def refuse(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    send({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32050, "message": "no", "data": {"retry": [1]}}})


def crash(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    print("out of memory\x1b[31m", file=sys.stderr, flush=True)
    os._exit(7)


def hang(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Answer nothing any more, not even a ping."""
    _writing.acquire()


def never(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Answer everything but this."""


def slow(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    token = message["params"].get("_meta", {}).get("progressToken")
    steps = arguments.get("steps", 3)
    stop = _cancelled.setdefault(message["id"], threading.Event())
    for step in range(steps):
        if token is not None:
            params = {"progressToken": token, "progress": step, "total": steps, "message": f"step {step}"}
            send({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        if stop.wait(arguments.get("seconds", 0.1)):
            return
    reply(message, {"content": [{"type": "text", "text": "done"}]})


def garbage(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    for line in (b"DEBUG hello\n", b"{\n", b"\xff\xfe\n", b"[]\n", b'{"jsonrpc": "2.0"}\n', b"\n"):
        write(line)
    reply(message, {"content": [{"type": "text", "text": "here all the same"}]})


def nonsense(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    send({"jsonrpc": "2.0", "id": message["id"], "result": arguments.get("result", 7)})


def big(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    reply(message, {"content": [{"type": "text", "text": "x" * arguments["bytes"]}]})


def endless(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    while True:
        write(b"x" * 1_000_000)


def chatter(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    while True:
        send({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "chatter"}})


def shout(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Flood stderr, then answer."""
    for _ in range(200):
        sys.stderr.write("y" * 10_000)
    sys.stderr.flush()
    reply(message, {"content": [{"type": "text", "text": "done"}]})


def change(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    PLAN.write_text(json.dumps({**plan(), **arguments}))
    send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
    reply(message, {"content": [{"type": "text", "text": "changed"}]})


def spawn(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Leave a child in a session of its own."""
    subprocess.Popen(["sleep", arguments["seconds"]], start_new_session=True)
    reply(message, {"content": [{"type": "text", "text": "spawned"}]})


def environment(message: dict[str, Any], arguments: dict[str, Any]) -> None:
    told = {"environment": dict(os.environ), "folder": str(Path.cwd()), "arguments": sys.argv[2:]}
    reply(message, {"content": [], "structuredContent": told})


DOES = {
    each.__name__: each
    for each in (
        *(echo, fail, refuse, crash, hang, never, slow, garbage, nonsense, big, endless, chatter, shout, change),
        *(spawn, environment),
    )
}


def reply(message: dict[str, Any], result: Any) -> None:
    send({"jsonrpc": "2.0", "id": message["id"], "result": result})


def send(message: dict[str, Any]) -> None:
    write(json.dumps(message).encode() + b"\n")


def write(data: bytes) -> None:
    with _writing:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
