"""What the transports share: how a connection ends, and what of a server's words may be shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from ..masking import MASK, without_secrets
from ..ports.upstreams import Upstream

MAX_REASON = 500
# Shorter values are words rather than secrets, and masking them would garble every message.
LEAST_SECRET = 4
_SECRET_OPTION = re.compile(r"^-.*(key|token|secret|passw|auth|credential)", re.IGNORECASE)
_UNPRINTABLE = re.compile("[^\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufdcf\\ufdf0-\\ufffd]+")

# The error that stands for an answer that no JSON-RPC parser takes; never sent by a server.
GARBAGE = "\0garbage"


class Ending:
    """Why a connection is over; the first reason counts.

    Args:
        upstream: Whose secrets are masked.

    Attributes:
        reason: Why; empty while it is not.
        hint: What it did that may explain why it does not answer; empty for nothing.
        forgotten: The server no longer knows the session.
        status: Of the last answer over HTTP that was an error; 0 if there was none.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._secrets = secrets(upstream)
        self._over = asyncio.Event()
        self.reason = ""
        self.status = 0
        self.forgotten = False
        self.hint = ""

    def end(self, reason: str) -> None:
        """The connection is over.

        Args:
            reason: Why, in any words; may quote the server.
        """
        if not self._over.is_set():
            self.reason = self.shown(reason) or "the connection was closed"
            self._over.set()

    @property
    def is_over(self) -> bool:
        """Whether it is."""
        return self._over.is_set()

    async def wait(self) -> str:
        """Wait for the end; why it came."""
        await self._over.wait()
        return self.reason

    def shown(self, text: str) -> str:
        """A text in one line that may be shown: without secrets, of bounded length, all of it printable."""
        return one_line(without_secrets(masked(text, self._secrets)))


def secrets(upstream: Upstream) -> list[str]:
    """All values of a server's configuration that may be secret, the longest first."""
    values = {*upstream.environment.values(), *upstream.headers.values()}
    values |= {word for value in upstream.headers.values() for word in value.split()}
    for option, word in zip(upstream.command[1:], [*upstream.command[2:], ""], strict=False):
        name, equals, value = option.partition("=")
        if _SECRET_OPTION.search(name):
            values.add(value if equals else word)
    parts = urlsplit(upstream.url)
    values |= {parts.username or "", parts.password or "", parts.query, parts.path.strip("/")}
    return sorted((value for value in values if len(value) >= LEAST_SECRET), key=len, reverse=True)


def masked(text: str, values: Iterable[str]) -> str:
    """A text with every secret replaced.

    Args:
        text: Any.
        values: The secrets, the longest first.
    """
    for value in values:
        text = text.replace(value, MASK)
    return text


def one_line(text: str, most: int = MAX_REASON) -> str:
    """A text in one line, with everything that is not printable left out.

    Args:
        text: Any.
        most: Characters at most.
    """
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def origin(url: str) -> str:
    """Scheme, host and port of an address: its path and query may hold a key."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
