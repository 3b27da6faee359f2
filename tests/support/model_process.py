"""A process that shares a local model, steered by lines of JSON.

::

    with ModelProcess(file, folder) as process:
        process.ask("Hello", 5)
        assert process.reply()["text"]

Run as `python -m tests.support.model_process FILE FOLDER`, it asks its `SharedModel` what each line of its stdin says,
one task a line, and writes the outcome as a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil


class ModelProcess:
    """The process, seen from the test; use it as a context manager.

    Args:
        file: The model.
        folder: Where processes meet.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        command = [sys.executable, "-m", __name__, str(file), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, text: str, max_tokens: int) -> None:
        """Let it ask the model; see `reply`."""
        self._send({"text": text, "max_tokens": max_tokens})

    def reply(self) -> dict[str, Any]:
        """The next outcome: `text`, or `error`."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process ended"
        reply: dict[str, Any] = json.loads(line)
        return reply

    def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def memory(self) -> int:
        """Its memory in bytes, its share of what it has in common with others."""
        return int(psutil.Process(self.pid).memory_full_info().pss)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _send(self, line: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()


async def _serve(file: Path, folder: Path) -> None:
    from mcp_stack.errors import StackError
    from mcp_stack.llm.llama_cpp import LlamaCppChat
    from mcp_stack.llm.sharing.meeting_point import MeetingPoint
    from mcp_stack.llm.sharing.shared_model import SharedModel
    from mcp_stack.ports.chat import Message

    model = SharedModel(LlamaCppChat(file, context_tokens=256, threads=1), MeetingPoint(folder, str(file)))
    tasks = set()

    async def do(line: str) -> None:
        order = json.loads(line)
        outcome: dict[str, Any]
        try:
            completion = await model.complete([Message("user", order["text"])], order["max_tokens"])
            outcome = {"text": completion.text, "tokens_out": completion.tokens_out}
        except StackError as error:
            outcome = {"error": str(error)}
        os.write(1, json.dumps(outcome).encode() + b"\n")

    while line := await asyncio.to_thread(sys.stdin.readline):
        task = asyncio.create_task(do(line))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await model.close()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2])))
