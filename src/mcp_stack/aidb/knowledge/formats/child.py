"""The process that reads files which may be hostile: nothing that happens in it touches the server or the worker.

Run as ``python -P -m mcp_stack.aidb.knowledge.formats.child``. A request on stdin and a reply on stdout are each a
length of 8 bytes and that many bytes: of JSON, and in a request the length and the bytes of a file after it. The
process ends with its stdin.
"""

from __future__ import annotations

import json
import logging
import signal
import struct
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ....errors import StackError
from ..walking import walk
from .reading import Source, read

MEMORY_BYTES = 2_000_000_000


def main() -> None:
    """Answer requests until stdin ends."""
    _limit()
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while (head := _framed(requests)) is not None:
        data = _framed(requests) or b""
        request = json.loads(head)
        # By default the signal ends the process, whatever library it is in.
        signal.setitimer(signal.ITIMER_REAL, request["seconds"])
        reply = json.dumps(_reply(request, data)).encode()
        signal.setitimer(signal.ITIMER_REAL, 0)
        replies.write(struct.pack(">Q", len(reply)) + reply)
        replies.flush()


def _reply(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    try:
        if request["what"] == "walk":
            return {"folder": asdict(walk(Path(request["folder"]), [Path(root) for root in request["roots"]]))}
        found = read(Source(request["name"], request["collection"]), data)
        return {"documents": [asdict(document) for document in found]}
    except StackError as error:
        return {"problem": error.problem, "remedy": error.remedy}
    except (MemoryError, RecursionError) as error:
        return {"problem": "it needs too much memory", "remedy": "import a smaller part of it", "kind": repr(error)}
    except Exception as error:  # noqa: BLE001 - readers raise anything on files that break their format
        return {"problem": f"it cannot be read ({type(error).__name__})", "remedy": "save it again, or as plain text"}


def _limit() -> None:
    import resource  # noqa: PLC0415 - where there is none, the time limit is left

    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(3000)
    for kind, limit in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY or limit < hard:
            resource.setrlimit(kind, (limit, limit))


def _framed(stream: BinaryIO) -> bytes | None:
    head = stream.read(8)
    return stream.read(struct.unpack(">Q", head)[0]) if len(head) == 8 else None


if __name__ == "__main__":
    main()
