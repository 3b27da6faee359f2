"""A host of one file on this machine, with the mishaps of real ones: cuts, ignored ranges, lies, redirects.

::

    with FileHost(content) as host:
        host.then(Serve(cut_after=1000), Serve())
        download(Source(host.url), target)
        assert host.ranges == ["", "bytes=1000-"]
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Serve:
    """How one request is answered.

    Attributes:
        status: Other than 200: that failure, with an empty body.
        cut_after: Bytes after which the connection is dropped; -1 for never.
        ranges: Whether a range is obeyed.
        told_bytes: Length that the headers tell, more or less than the truth; -1 for the truth.
        chunked: Tell no length at all.
        checksum: SHA-256 told in the way of the hub; "true" for the true one, empty for none.
        location: Where to redirect to.
        retry_after: Header of that name.
        starts_elsewhere: Send another range than the one asked for.
    """

    status: int = 200
    cut_after: int = -1
    ranges: bool = True
    told_bytes: int = -1
    chunked: bool = False
    checksum: str = "true"
    location: str = ""
    retry_after: str = ""
    starts_elsewhere: bool = False


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that has heard enough is no failure; any other would be seen by the test."""


class FileHost:
    """Serves a file under any path.

    Args:
        content: Of the file.

    Attributes:
        content: May be changed between requests.
        ranges: The Range header of each request so far, empty where there was none.
        authorizations: The Authorization header of each request.
        paths: What each request asked for.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges: list[str] = []
        self.authorizations: list[str] = []
        self.paths: list[str] = []
        self._script: deque[Serve] = deque()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def then(self, *answers: Serve) -> None:
        """Answer the next requests so; all others as they should be."""
        self._script.extend(answers)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="file host", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(host) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Keep stderr clean."""

            def do_GET(self) -> None:
                host.paths.append(self.path)
                host.ranges.append(self.headers.get("range", ""))
                host.authorizations.append(self.headers.get("authorization", ""))
                how = host._script.popleft() if host._script else Serve()
                self.close_connection = True
                if how.location:
                    self.send_response(302)
                    self.send_header("Location", how.location)
                elif how.status != 200:
                    self.send_response(how.status)
                if how.checksum and how.status == 200:
                    true = hashlib.sha256(host.content).hexdigest()
                    checksum = true if how.checksum == "true" else how.checksum
                    length = len(host.content)
                    told = [("X-Linked-ETag", f'"{checksum}"'), ("X-Linked-Size", str(length))]
                else:
                    told = []
                if how.location or how.status != 200:
                    self._end(told, how, b"")
                    return
                start = int(host.ranges[-1][6:-1]) if host.ranges[-1] and how.ranges else 0
                if start >= len(host.content) > 0:
                    self.send_response(416)
                    self._end([("Content-Range", f"bytes */{len(host.content)}"), *told], how, b"")
                    return
                body = host.content[start:]
                self.send_response(206 if start else 200)
                if start:
                    shift = 1 if how.starts_elsewhere else 0
                    last = len(host.content) - 1
                    told.append(("Content-Range", f"bytes {start - shift}-{last}/{len(host.content)}"))
                self._end(told, how, body)

            def _end(self, told: list[tuple[str, str]], how: Serve, body: bytes) -> None:
                for name, value in told:
                    self.send_header(name, value)
                if how.retry_after:
                    self.send_header("Retry-After", how.retry_after)
                if how.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(len(body) if how.told_bytes < 0 else how.told_bytes))
                self.end_headers()
                sent = body if how.cut_after < 0 else body[: how.cut_after]
                if how.chunked:
                    self.wfile.write(
                        b"%x\r\n%s\r\n" % (len(sent), sent) + (b"" if how.cut_after >= 0 else b"0\r\n\r\n")
                    )
                else:
                    self.wfile.write(sent)

        return Handler
