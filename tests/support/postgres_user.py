"""A process that uses the embedded PostgreSQL, steered by its stdin.

Run as a script it attaches, prints one line, and then obeys: `restart` calls `ensure_running`, `release` ends it.
The class `PostgresUser` is the other end of those pipes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

import mcp_stack

SOURCES = Path(mcp_stack.__file__).parents[1]


class PostgresUser:
    """A process attached, or attaching, to the server of a data folder.

    Args:
        data_folder: The folder.
        rounds: How often it attaches and releases before it attaches for good.
    """

    def __init__(self, data_folder: Path, *, rounds: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(data_folder), str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(SOURCES), *sys.path])},
            start_new_session=True,
        )

    def attached(self) -> dict[str, Any]:
        """What it says once it is attached: `conninfo`, or `error`."""
        return self._line()

    def restart(self) -> dict[str, Any]:
        """Let it call `ensure_running`."""
        self._tell("restart")
        return self._line()

    def release(self) -> None:
        """Let it release and end."""
        self._tell("release")
        assert self.process.wait(30) == 0

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait(30)

    def _tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process ended without a word"
        return json.loads(line)  # type: ignore[no-any-return]  # our own script's lines are objects

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()


def _main(data_folder: str, rounds: str) -> None:
    from mcp_stack.errors import StackError
    from mcp_stack.storage.postgres.embedded import EmbeddedPostgres
    from mcp_stack.storage.postgres.probe import Answer, probe

    server = EmbeddedPostgres(Path(data_folder))
    try:
        for _ in range(int(rounds)):
            attachment = server.attach()
            socket_folder = Path(attachment.conninfo.split("'")[1])
            assert probe(socket_folder, "mcp") is Answer.READY, "attached, and the server does not run"
            attachment.release()
        attachment = server.attach()
        print(json.dumps({"conninfo": attachment.conninfo}), flush=True)
        for line in sys.stdin:
            if line.strip() == "release":
                attachment.release()
                break
            print(json.dumps({"conninfo": server.ensure_running()}), flush=True)
    except StackError as error:
        print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
