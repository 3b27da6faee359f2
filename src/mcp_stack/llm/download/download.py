"""A model file from the network: resumed after every cut, and checked before it gets its name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from ...errors import ConflictError, UnavailableError
from ...file_locks import FileLock
from ..gguf_header import check_gguf
from .partial_file import PartialFile, no_room
from .source import Offer, Source, TryAgainError, http_client

MOST_FRUITLESS_TRIES = 5
"""Tries in a row that bring nothing new."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0

Progress = Callable[[int, int], None]
"""Told the bytes that are here, and those of the whole file, 0 if unknown."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is complete.

    Attributes:
        path: Where it is.
        bytes: Its length.
        sha256: Its checksum.
        verified: Whether that is the one that was given or that the hub told; else nobody said what it should be.
    """

    path: Path
    bytes: int
    sha256: str
    verified: bool


def download(
    source: Source,
    target: Path,
    *,
    sha256: str = "",
    checksum_needed: bool = False,
    progress: Progress = lambda _here, _total: None,
    pause: Callable[[float], None] = time.sleep,
) -> Downloaded:
    """Fetch a GGUF file.

    What is here is kept in a `.part` file when the network fails, and continued by the next call.

    Args:
        source: Where it comes from.
        target: Where it goes; its folder is made if absent.
        sha256: What its checksum must be; empty for what the server tells.
        checksum_needed: Refuse a file whose checksum nobody tells.
        progress: Told after each piece.
        pause: Waits for so many seconds before a try.

    Raises:
        ConflictError: Another process is downloading the same file.
        NotFoundError: There is no such file.
        DeniedError: The server wants a token.
        UnavailableError: The network or the server failed for good, there is no room, or the file is not what it
            should be.
    """
    # The address is part of the name: the rest of one file must not be added to the beginning of another.
    origin = hashlib.sha256(f"{source.url}\0{sha256}".encode()).hexdigest()[:8]
    part = target.with_name(f"{target.name}.{origin}.part")
    lock = FileLock(part)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not lock.try_take():
            raise ConflictError(f"another process is downloading {target.name}", "wait for it")
        with PartialFile(part) as file:
            return _Download(source, file, sha256.lower(), checksum_needed, progress, pause).finished(target)
    except OSError as error:
        raise no_room(part, error.strerror or str(error)) from error
    finally:
        lock.release()


@dataclass
class _Download:
    """One download under way."""

    source: Source
    file: PartialFile
    sha256: str
    checksum_needed: bool
    progress: Progress
    pause: Callable[[float], None]
    total: int = 0
    begun: bool = False

    def finished(self, target: Path) -> Downloaded:
        resumed = self.file.bytes > 0
        self._fetch()
        if resumed and self.sha256 and self.file.sha256 != self.sha256:
            self.file.restart()  # the file there may have changed since its beginning came here
            self._fetch()
        if self.sha256 and self.file.sha256 != self.sha256:
            found = self.file.sha256
            self.file.path.unlink()
            raise UnavailableError(
                f"{target.name} has the SHA-256 {found}, but should have {self.sha256}",
                "try again; if it stays so, the file was changed on its way or at its source: do not use it",
            )
        self.file.flush()
        try:
            check_gguf(self.file.path)
        except UnavailableError:
            self.file.path.unlink()
            raise
        self.file.path.replace(target)
        return Downloaded(target, self.file.bytes, self.file.sha256, bool(self.sha256))

    def _fetch(self) -> None:
        """Try until all of it is here."""
        fruitless, farthest = 0, self.file.bytes
        with http_client() as client:
            while True:
                wait = 0.0
                try:
                    with self.source.opened(client, self.file.bytes) as offer:
                        self._take(offer)
                except TryAgainError as error:
                    reason, wait = str(error), error.after_seconds
                except httpx2.TransportError as error:
                    reason = f"{self.source.shown} broke off ({error or type(error).__name__})"
                else:
                    return
                fruitless = 0 if self.file.bytes > farthest else fruitless + 1
                farthest = max(farthest, self.file.bytes)
                if fruitless == MOST_FRUITLESS_TRIES or wait > LONGEST_PAUSE_SECONDS:
                    raise UnavailableError(
                        reason, f"try again later: the {self.file.bytes / 1e6:.1f} MB that are here are kept"
                    )
                self.pause(min(max(wait, FIRST_PAUSE_SECONDS * 2**fruitless), LONGEST_PAUSE_SECONDS))

    def _take(self, offer: Offer) -> None:
        """Add what is offered, and see that it is the whole."""
        self.sha256 = self.sha256 or offer.sha256
        if self.checksum_needed and not self.sha256:
            raise UnavailableError(f"{self.source.shown} tells no checksum", "give one with --sha256")
        resumed, self.begun = offer.start > 0 and not self.begun, True
        if resumed and not self.sha256:
            self.file.restart()
            raise TryAgainError(f"{self.source.shown} tells no checksum, so what was here is not continued")
        if offer.start == 0 and self.file.bytes:  # the server knows no ranges
            self.file.restart()
        self.total = offer.total
        if self.total and self.file.bytes > self.total:
            self.file.restart()
            raise TryAgainError(f"{self.source.shown} is shorter than what was here")
        self.file.check_room(self.total)
        self.progress(self.file.bytes, self.total)
        for block in offer.body:
            self.file.append(block)
            if self.total and self.file.bytes > self.total:
                self.file.restart()
                raise TryAgainError(f"{self.source.shown} sends more than the {self.total} bytes that it told")
            self.progress(self.file.bytes, self.total)
        if self.file.bytes < self.total:
            raise TryAgainError(f"{self.source.shown} ended after {self.file.bytes} of {self.total} bytes")
