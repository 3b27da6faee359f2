"""Where a model file comes from, and what the server says about it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx2

from ...errors import DeniedError, NotFoundError, UnavailableError, UsageError

SECONDS_TO_CONNECT = 15.0
SECONDS_BETWEEN_PIECES = 30.0
MOST_REDIRECTS = 5

_SHA256 = re.compile(r'^"?([0-9a-f]{64})"?$')
_RANGE = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


class TryAgainError(Exception):
    """The server failed in a way that may pass.

    Args:
        reason: What happened.
        after_seconds: When the server wants to be asked again; 0 if it does not say.
    """

    def __init__(self, reason: str, after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers.

    Attributes:
        start: Byte of the file that its body begins at.
        total: Length of the whole file in bytes; 0 if it does not say.
        sha256: Of the whole file, as the hub tells it; empty if it does not say.
        body: The rest of the file.
    """

    start: int
    total: int
    sha256: str
    body: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Source:
    """An address of a model file.

    Attributes:
        url: `https`, or `http` on this machine.
        token: For the server at that address alone; redirects elsewhere do not get it.
    """

    url: str
    token: str = ""

    def __post_init__(self) -> None:
        try:
            parts = httpx2.URL(self.url)
        except (httpx2.InvalidURL, ValueError) as error:
            raise UsageError(f"no address of a file: {error}", "write https://host/path/model.gguf") from error
        if not _allowed(parts):
            raise UsageError(f"{shown(self.url)} is neither https nor on this machine", "use an https address")

    @property
    def shown(self) -> str:
        """The address without what may be secret in it."""
        return shown(self.url)

    @contextmanager
    def opened(self, client: httpx2.Client, start: int) -> Iterator[Offer]:
        """Ask for the file from a byte on.

        Args:
            client: That follows no redirects by itself.
            start: Bytes that are here already.

        Raises:
            TryAgainError: The server is overloaded, or failed.
            NotFoundError: There is no such file.
            DeniedError: The server wants a token, or another one.
            UnavailableError: The server sends us in a circle, or to an address that is not allowed.
        """
        url, sha256, size = httpx2.URL(self.url), "", 0
        for hop in range(MOST_REDIRECTS + 1):
            with client.stream("GET", url, headers=self._headers(url, start)) as response:
                if hop == 0:  # only the server that was asked is believed, not where it sends us
                    sha256, size = _told(response)
                if not response.has_redirect_location:
                    offer = _offer(response, start, self.shown)
                    yield replace(offer, sha256=sha256, total=size or offer.total)
                    return
                url = url.join(response.headers["location"])
            if not _allowed(url):
                raise UnavailableError(f"{self.shown} leads to {shown(str(url))}, which is not https", "use another")
        raise UnavailableError(f"{self.shown} leads on more than {MOST_REDIRECTS} times", "use another address")

    def _headers(self, url: httpx2.URL, start: int) -> dict[str, str]:
        headers = {"accept-encoding": "identity"}
        if start:
            headers["range"] = f"bytes={start}-"
        own = httpx2.URL(self.url)
        if self.token and (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port):
            headers["authorization"] = f"Bearer {self.token}"
        return headers


def http_client() -> httpx2.Client:
    """A client for `Source.opened`."""
    return httpx2.Client(timeout=httpx2.Timeout(SECONDS_BETWEEN_PIECES, connect=SECONDS_TO_CONNECT))


def shown(url: str) -> str:
    """An address without user name, password, and query, which may be a signature."""
    return re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])


def _allowed(url: httpx2.URL) -> bool:
    if url.scheme == "https":
        return bool(url.host)
    if url.scheme != "http":
        return False
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return url.host == "localhost"


def _told(response: httpx2.Response) -> tuple[str, int]:
    """Checksum and length of the file: the hub tells them of large files, whose ETag is their SHA-256."""
    tag = response.headers.get("x-linked-etag") or response.headers.get("etag") or ""
    length = response.headers.get("x-linked-size", "")
    found = _SHA256.match(tag)
    return found[1] if found else "", int(length) if length.isdecimal() else 0


def _offer(response: httpx2.Response, start: int, source: str) -> Offer:
    status, headers = response.status_code, response.headers
    match status:
        case 200:
            length = headers.get("content-length", "")
            return Offer(0, int(length) if length.isdecimal() else 0, "", response.iter_raw())
        case 206:
            found = _RANGE.match(headers.get("content-range", ""))
            if found is None or int(found[1]) != start:
                raise TryAgainError(f"{source} sent another part of the file than it was asked for")
            return Offer(start, int(found[2]) if found[2].isdecimal() else 0, "", response.iter_raw())
        case 416:  # nothing is left to send, or the file is another one now
            total = headers.get("content-range", "").rpartition("/")[2]
            return Offer(start, int(total) if total.isdecimal() else 0, "", iter(()))
        case 401 | 403:
            raise DeniedError(f"{source} refuses access (HTTP {status})", "set HF_TOKEN to a token that may read it")
        case 404 | 410:
            raise NotFoundError(f"there is no {source}", "look for the file's name at the hub")
        case 429 | 500 | 502 | 503 | 504:
            wait = headers.get("retry-after", "")
            raise TryAgainError(f"{source} failed (HTTP {status})", float(wait) if wait.isdecimal() else 0.0)
        case _:
            raise UnavailableError(f"{source} failed (HTTP {status})", "try again later, or use another address")
