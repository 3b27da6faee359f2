"""`mcp-stack tools`: other servers' tools, and the approval of changed ones; only here, for no model may approve."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..composition import Stack
from ..errors import ConflictError, NotFoundError, StackError, UsageError
from ..settings import load_settings
from .confirming import confirmed

if TYPE_CHECKING:
    from ..aidb.gateway.service import Gateway
    from ..ports.tools import Entry

T = TypeVar("T")


def run_tools(chosen: argparse.Namespace) -> int:
    """Do what `mcp-stack tools ACTION` says.

    Args:
        chosen: The arguments.

    Returns:
        The exit status.

    Raises:
        StackError: As the actions.
    """
    match chosen.action:
        case "list":
            return list_tools(chosen.server, chosen.status, as_json=chosen.json)
        case "diff":
            return show_differences(chosen.names)
        case "approve":
            return approve_tools(chosen.names, asks=not chosen.yes)
        case "add":
            return add(chosen)
        case "category":
            return categorize(chosen.name, chosen.category)
        case _:
            return refresh(chosen.servers)


def list_tools(server: str, status: str, *, as_json: bool) -> int:
    """Print every tool, resource and prompt that is known, with its state.

    Args:
        server: Only of this one; empty for all.
        status: Only those of this state; empty for all.
        as_json: As one JSON list.
    """

    async def rows(gateway: Gateway) -> list[dict[str, Any]]:
        found = []
        for entry in await gateway.registry.entries(server):
            state = gateway.registry.status(entry) or "not configured"
            if status in ("", state):
                found.append(_row(entry, state))
        return found

    found = _with(rows)
    if as_json:
        print(json.dumps(found, indent=2))
        return 0
    width = max((len(row["name"]) for row in found), default=0)
    for row in found:
        remarks = [f"{each['severity']}: {each['rule']}" for each in row["findings"]]
        kind = "" if row["kind"] == "tool" else f"[{row['kind']}] "
        print(f"{row['status']:<11}  {row['name']:<{width}}  {kind}{', '.join(remarks)}".rstrip())
    if not found:
        print("no tools")
    return 0


def show_differences(names: Sequence[str]) -> int:
    """Print what changed in each tool since it was approved, and what the scan found.

    Args:
        names: Which; none for all that are quarantined.

    Raises:
        NotFoundError: There is no such tool.
    """
    pending = _with(lambda gateway: _chosen(gateway, names, pending_only=not names))
    for entry in pending:
        _print_review(entry)
    if not pending:
        print("nothing is quarantined")
    return 0


def approve_tools(names: Sequence[str], *, asks: bool) -> int:
    """Show what changed, and approve it.

    Args:
        names: Which tools; the name of a server for all of it that are quarantined.
        asks: Ask for confirmation.

    Raises:
        NotFoundError: There is no such tool.
        ConflictError: A tool changed again meanwhile, the answer was no, or nobody is there to answer.
    """

    async def approve(gateway: Gateway) -> list[str]:
        pending = await _chosen(gateway, names, pending_only=True)
        for entry in pending:
            _print_review(entry)
        if pending and asks and not await asyncio.to_thread(confirmed):
            raise ConflictError("nothing was approved", "look at it, then answer y or give --yes")
        for entry in pending:
            await gateway.registry.approve(entry)
        return [entry.offered.name for entry in pending]

    approved = _with(approve)
    print(f"approved {', '.join(approved)}" if approved else "nothing is quarantined")
    return 0


def refresh(servers: Sequence[str]) -> int:
    """List servers now.

    Args:
        servers: Which; none for all that are configured and enabled.

    Returns:
        1 if one could not be listed.

    Raises:
        NotFoundError: No such server is configured.
    """

    async def list_each(gateway: Gateway) -> int:
        supervisor = gateway.supervisor
        for name in servers:
            if name not in supervisor.upstreams:
                known = ", ".join(sorted(supervisor.upstreams)) or "none"
                raise NotFoundError(f"no server {name!r} is configured", f"configured are: {known}")
        enabled = [name for name, upstream in supervisor.upstreams.items() if upstream.enabled and not upstream.ours]
        failed = 0
        for name in servers or sorted(enabled):
            try:
                await supervisor.refresh(name)
            except StackError as error:
                failed = 1
                print(f"{name}: {error}", file=sys.stderr)
            else:
                await _print_server(gateway, name)
        return failed

    return _with(list_each)


def categorize(name: str, category: str) -> int:
    """Give a tool a category that later listings leave alone.

    Raises:
        NotFoundError: There is no such tool.
    """

    async def give(gateway: Gateway) -> None:
        entry = await gateway.registry.find(name)
        await gateway.registry.store.categorize(entry.offered.server, entry.offered.tool, category)

    _with(give)
    print(f"{name} is of category {category}")
    return 0


def add(chosen: argparse.Namespace) -> int:
    """Write a server into `mcp.json`, connect to it once and list it; if that fails, nothing is written.

    Args:
        chosen: `name`, `url`, `transport`, `env`, `header`, `category`, `words` and `replace`.

    Raises:
        UsageError: It is not described as it should be.
        ConflictError: There is a server of that name.
        UnavailableError: It cannot be reached.
    """
    from ..settings.mcp_json import mcp_json_file  # noqa: PLC0415 - only this action needs it
    from ..settings.mcp_json_edit import add_server, restore  # noqa: PLC0415 - only this action needs it

    loaded = load_settings()
    if chosen.name in loaded.settings.tools.servers:
        raise ConflictError(f"tools.servers has a server {chosen.name!r} already", "choose another name")
    file = mcp_json_file(loaded.settings.tools.mcp_json, loaded.config_folder)
    before = add_server(file, chosen.name, _entry(chosen), replace=chosen.replace)
    try:
        status = refresh([chosen.name])
    except BaseException:
        restore(file, before)
        raise
    if status:
        restore(file, before)
        print(f"{file} was left as it was", file=sys.stderr)
    else:
        print(f"added to {file}")
    return status


def _entry(chosen: argparse.Namespace) -> dict[str, Any]:
    """The entry as clients write it."""
    from ..settings.tools import checked_name  # noqa: PLC0415 - only this action needs it

    try:
        checked_name(chosen.name)
    except ValueError as error:
        raise UsageError(f"{chosen.name!r}: {error}", "choose another name") from None
    if bool(chosen.words) == bool(chosen.url):
        raise UsageError("a server is a command or an address", "give --url, or -- and the command with its arguments")
    entry: dict[str, Any] = {}
    if chosen.words:
        entry |= {"command": chosen.words[0], "args": chosen.words[1:]}
    else:
        entry |= ({"type": chosen.transport} if chosen.transport else {}) | {"url": chosen.url}
    for key, pairs in (("env", chosen.env), ("headers", chosen.header)):
        if pairs:
            entry[key] = dict(_pair(pair) for pair in pairs)
    if chosen.category:
        entry["category"] = chosen.category
    return entry


def _pair(text: str) -> tuple[str, str]:
    """`NAME=value`; the name alone stands for the variable of that name, so that no secret is written down."""
    name, equals, value = text.partition("=")
    return name, value if equals else f"${{{name}}}"


def _with(act: Callable[[Gateway], Awaitable[T]]) -> T:
    async def run() -> T:
        stack = Stack(load_settings())
        try:
            return await act(await stack.gateway())
        finally:
            await stack.close()

    return asyncio.run(run())


async def _chosen(gateway: Gateway, names: Sequence[str], *, pending_only: bool) -> list[Entry]:
    """The entries that names stand for, each the name of one or of a whole server."""
    entries = await gateway.registry.entries()
    found = []
    for name in names:
        of_name = [entry for entry in entries if name in (entry.offered.name, entry.offered.server)]
        if not of_name:
            raise NotFoundError(f"there is no tool or server {name!r}", "see `mcp-stack tools list`")
        found += of_name
    return [entry for entry in (found if names else entries) if entry.quarantined or not pending_only]


async def _print_server(gateway: Gateway, name: str) -> None:
    entries = [entry for entry in await gateway.registry.entries(name) if entry.missing_since is None]
    record = next((each.record for each in await gateway.supervisor.states() if each.upstream.name == name), None)
    kinds = ("tool", "resource", "prompt")
    counts = {kind: sum(entry.offered.kind == kind for entry in entries) for kind in kinds}
    print(f"{name}: " + ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts.items()))
    if record is not None and record.notes:
        print(f"  {record.notes}")
    for entry in entries:
        if entry.quarantined:
            print(f"  quarantined: {entry.offered.name} (mcp-stack tools diff {entry.offered.name})")


def _print_review(entry: Entry) -> None:
    from ..aidb.gateway.pinning import difference  # noqa: PLC0415 - only these actions need it

    since = f"approved ({entry.approved_by})" if entry.approved else "never approved"
    print(f"{entry.offered.name}: {since}" + ("" if entry.quarantined else ", and as it was approved"))
    for finding in entry.findings:
        print(f"  {finding['severity']}: {finding['rule']}: {json.dumps(finding['evidence'])}")
    if entry.quarantined:
        print(difference(entry, max_characters=100_000))


def _row(entry: Entry, state: str) -> dict[str, Any]:
    return {
        "name": entry.offered.name,
        "kind": entry.offered.kind,
        "status": state,
        "category": entry.offered.category,
        "approved_by": entry.approved_by,
        "first_seen": entry.first_seen.isoformat(timespec="seconds"),
        "last_seen": entry.last_seen.isoformat(timespec="seconds"),
        "findings": [dict(finding) for finding in entry.findings],
    }
