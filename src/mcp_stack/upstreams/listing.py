"""What a server offers, page by page: bounded, and with nothing in it that cannot be stored."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..errors import UnavailableError
from ..ports.tools import Kind, KnownTool
from ..ports.upstreams import Listing, ProtocolError
from .wire import one_line

MAX_OFFERED = 2000
MAX_PAGES = 100
MAX_DEFINITION_BYTES = 100_000
MAX_NAME = 200
MAX_DEPTH = 64
NOTES_SHOWN = 5

# What is listed, the capability that says so, the method that lists it, and where the list is in the answer.
LISTS: tuple[tuple[Kind, str, str, str], ...] = (
    ("tool", "tools", "tools/list", "tools"),
    ("resource", "resources", "resources/list", "resources"),
    ("resource", "resources", "resources/templates/list", "resourceTemplates"),
    ("prompt", "prompts", "prompts/list", "prompts"),
)

Ask = Callable[[str, dict[str, Any]], Awaitable[Mapping[str, Any]]]
"""Sends a request by its method and parameters; gives the result."""


async def list_everything(server: str, capabilities: Mapping[str, Any], ask: Ask) -> Listing:
    """Ask for all tools, resources and prompts that a server says it has.

    Args:
        server: Its name.
        capabilities: As it declared them.
        ask: Sends a request.

    Raises:
        UnavailableError: It is gone, or answers with what is no listing.
        ProtocolError: It refuses to list its tools.
    """
    notes: list[str] = []
    offered: dict[tuple[str, str], KnownTool] = {}
    for kind, capability, method, key in LISTS:
        if capability not in capabilities:
            continue
        try:
            members = await _all_pages(ask, method, key, notes)
        except ProtocolError as error:
            if kind == "tool":
                raise
            notes.append(f"{method}: {error.message}")
            continue
        for described in members:
            known = _known(server, kind, described, notes)
            if known is not None and (known.kind, known.tool) in offered:
                notes.append(f"{known.tool} is listed twice")
            elif known is not None:
                offered[known.kind, known.tool] = known
    shown = [one_line(note, 200) for note in notes[:NOTES_SHOWN]]
    more = [f"{len(notes) - NOTES_SHOWN} more"] if len(notes) > NOTES_SHOWN else []
    return Listing(tuple(offered.values()), "; ".join([*shown, *more]))


async def _all_pages(ask: Ask, method: str, key: str, notes: list[str]) -> list[Any]:
    members: list[Any] = []
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        page = await ask(method, {} if cursor is None else {"cursor": cursor})
        listed = page.get(key)
        if not isinstance(listed, list):
            raise UnavailableError(f"its answer to {method} is no listing")
        members += listed
        if len(members) > MAX_OFFERED:
            notes.append(f"{method}: only the first {MAX_OFFERED} are taken")
            return members[:MAX_OFFERED]
        cursor = page.get("nextCursor")
        if not isinstance(cursor, str) or not cursor:
            return members
        if cursor in seen:
            notes.append(f"{method}: its pages come round again")
            return members
        seen.add(cursor)
    notes.append(f"{method}: only the first {MAX_PAGES} pages are taken")
    return members


def _known(server: str, kind: Kind, described: Any, notes: list[str]) -> KnownTool | None:
    """One of them; None, with a note, if it cannot be taken."""
    if not isinstance(described, dict):
        notes.append(f"a {kind} that is no object is left out")
        return None
    name = described.get("uri", described.get("uriTemplate")) if kind == "resource" else described.get("name")
    if not isinstance(name, str) or not name or len(name) > MAX_NAME or not name.isprintable() or " " in name:
        notes.append(f"a {kind} without a usable name is left out: {name!r:.60}")
        return None
    try:
        clean = _clean(described)
        size = len(json.dumps(clean))
    except (RecursionError, ValueError):
        notes.append(f"{name} is left out: it is nested more than {MAX_DEPTH} deep")
        return None
    if size > MAX_DEFINITION_BYTES:
        notes.append(f"{name} is left out: its definition has {size} bytes, {MAX_DEFINITION_BYTES} are allowed")
        return None
    return KnownTool(
        server=server,
        tool=name,
        title=_text(clean, "title") or (_text(clean, "name") if kind == "resource" else ""),
        description=_text(clean, "description"),
        category="",
        input_schema=_input_schema(kind, clean),
        annotations=_annotations(kind, clean),
        kind=kind,
        output_schema=_object(clean, "outputSchema"),
    )


def _input_schema(kind: Kind, described: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "tool":
        return _object(described, "inputSchema") or {"type": "object"}
    if kind == "resource":
        return {}
    listed = described.get("arguments")
    arguments = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return {
        "type": "object",
        "properties": {
            _text(each, "name"): {"type": "string", "description": _text(each, "description")} for each in arguments
        },
        "required": [_text(each, "name") for each in arguments if each.get("required") is True],
    }


def _annotations(kind: Kind, described: Mapping[str, Any]) -> dict[str, Any]:
    extra = {"mimeType": described["mimeType"]} if kind == "resource" and "mimeType" in described else {}
    return {**_object(described, "annotations"), **extra}


def _text(described: Mapping[str, Any], key: str) -> str:
    value = described.get(key)
    return value if isinstance(value, str) else ""


def _object(described: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = described.get(key)
    return value if isinstance(value, dict) else {}


def _clean(value: Any, depth: int = 0) -> Any:
    """What PostgreSQL and JSON can hold: no NUL, no halves of characters, no infinite numbers.

    Raises:
        ValueError: It is too deep.
    """
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {_clean(key, depth): _clean(member, depth + 1) for key, member in value.items()}
        case list():
            return [_clean(member, depth + 1) for member in value]
    return value
