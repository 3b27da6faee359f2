"""Points of interest: addresses worth knowing, each kept once."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from ...errors import UsageError
from ...masking import is_secret_parameter, without_secrets
from ...ports.points import PointOfInterest, PointsOfInterest
from ...validation import checked_number, checked_text
from ..arguments import MAX_NAME, checked_limit
from .models import Point, PointList, PointSaved

MAX_URL: Final = 2_000
MAX_TITLE: Final = 300
MAX_DESCRIPTION: Final = 4_000
MAX_WORDS: Final = 32
MAX_OFFSET: Final = 1_000_000
DEFAULT_CATEGORY: Final = "general"
SEEN_BY_ALL: Final = "leave it out: whoever lists the points would see it"
_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[\w.-]+|\[[0-9a-f:.%]+\]", re.IGNORECASE)
_NOT_IN_A_URL: Final = re.compile(r"[\s<>\"'`{}|\\^]")


class Points:
    """Adds and lists points of interest.

    Args:
        points: Where they are.
    """

    def __init__(self, points: PointsOfInterest) -> None:
        self._points = points

    async def add(self, *, title: str, url: str, category: str, description: str) -> PointSaved:
        """Add an address, or change what is known of it.

        Raises:
            UsageError: An argument is not acceptable, or the address is none of the web's, or holds a secret.
            UnavailableError: The store is down or full.
        """
        point, is_new = await self._points.put(
            title=without_secrets(checked_text("title", title, MAX_TITLE)),
            url=checked_url(url),
            category=checked_text("category", category, MAX_NAME, required=False).lower() or DEFAULT_CATEGORY,
            description=without_secrets(checked_text("description", description, MAX_DESCRIPTION, required=False)),
        )
        return PointSaved(point_id=point.id, url=point.url, created=is_new)

    async def listed(self, *, category: str, query: str, limit: int, offset: int) -> PointList:
        """Addresses by category and title.

        Raises:
            UsageError: An argument is not acceptable.
            UnavailableError: The store is down.
        """
        category = checked_text("category", category, MAX_NAME, required=False).lower()
        words = checked_text("query", query, 500, required=False).split()
        checked_number("number of words in query", len(words), 0, MAX_WORDS)
        checked_limit(limit)
        checked_number("offset", offset, 0, MAX_OFFSET)
        page = await self._points.list(category=category, words=words, limit=limit, offset=offset)
        return PointList(points=[_shown(point) for point in page.points], total=page.total)


def checked_url(url: str) -> str:
    """An address of the web in one spelling, so that the same address is known again.

    Args:
        url: As somebody wrote it.

    Returns:
        With scheme and host in lower case, without the scheme's own port.

    Raises:
        UsageError: It is no address of the web, or holds a password or a key.
    """
    url = checked_text("url", url, MAX_URL)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"url is malformed ({error})", "write it as https://host/path") from error
    if parts.scheme not in _PORTS:
        raise UsageError(f"url has the scheme {parts.scheme[:20]!r}", "it must be http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise UsageError("url holds a user name or password", SEEN_BY_ALL)
    if (
        _NOT_IN_A_URL.search(url)
        or not url.isprintable()
        or not host.strip(".")
        or not _HOST.fullmatch(_bracketed(host))
    ):
        raise UsageError("url is malformed", "write it as https://host/path, with other characters as %XX")
    for key, value in (*_pairs(parts.query), *_pairs(parts.fragment)):
        if value and is_secret_parameter(key):
            raise UsageError(f"url holds a secret ({key[:40]})", SEEN_BY_ALL)
    if without_secrets(unquote(url)) != unquote(url):
        raise UsageError("url holds what looks like a key", SEEN_BY_ALL)
    where = _bracketed(host.lower()) + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")
    return urlunsplit(SplitResult(parts.scheme, where, parts.path or "/", parts.query, parts.fragment))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, max_num_fields=200)
    except ValueError as error:
        raise UsageError("url has too many parameters", "leave out what it does not need") from error


def _shown(point: PointOfInterest) -> Point:
    return Point(
        id=point.id,
        title=point.title,
        url=point.url,
        category=point.category,
        description=point.description,
        created_at=point.created_at.isoformat(),
        updated_at=point.updated_at.isoformat(),
    )
