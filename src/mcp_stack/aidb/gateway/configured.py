"""Which servers there are: those of the settings, of `mcp.json`, and those that come with mcp-stack."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import UsageError
from ...ports.tools import KnownTool
from ...ports.upstreams import STARTED_BY_A_GATEWAY, Upstream
from ...settings import Settings
from ...settings.mcp_json import McpJson, expanded, mcp_json_file, read_mcp_json
from ...settings.tools import Server
from .manifests import Manifest

THIS_SERVER = "aidb"
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f]")


@dataclass(slots=True)
class Configured:
    """What is configured.

    Attributes:
        upstreams: The servers by name; those whose configuration cannot be used say so themselves.
        shipped: The tools that come with mcp-stack, by the name that their server has here.
        notes: What is wrong with the configuration as a whole.
        file_problem: Why `mcp.json` cannot be read; empty if it can.
    """

    upstreams: dict[str, Upstream] = field(default_factory=dict)
    shipped: dict[str, list[KnownTool]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    file_problem: str = ""


def configured(
    settings: Settings, config_folder: Path, environ: Mapping[str, str], manifests: Mapping[str, Manifest]
) -> Configured:
    """Put the sources together: the settings count before `mcp.json`, and that before what comes with mcp-stack.

    This server itself is never among them.

    Args:
        settings: With `tools.servers`.
        config_folder: The folder of config.yaml.
        environ: Variables that the configuration may refer to.
        manifests: What comes with mcp-stack, by server.
    """
    found = Configured()
    if environ.get(STARTED_BY_A_GATEWAY):
        # Whoever started us knows the same servers, and may be one of them.
        found.notes.append("this server was started by another gateway, and starts no servers itself")
        found.shipped = {name: list(manifest.tools) for name, manifest in manifests.items() if name == THIS_SERVER}
        return found
    file = read_mcp_json(mcp_json_file(settings.tools.mcp_json, config_folder))
    if problem := file.problems.get(""):
        found.notes.append(problem)
        found.file_problem = problem
    idle_seconds = settings.tools.idle_seconds
    for name, server in settings.tools.servers.items():
        made = _upstream(
            name, server, f"tools.servers.{name}", config_folder, idle_seconds=idle_seconds, environ=environ
        )
        _add(found, made)
    _add_mcp_json(found, file, idle_seconds, environ)
    _add_manifests(found, manifests, idle_seconds)
    return found


def own_server(command: Sequence[str]) -> str:
    """Which of mcp-stack's servers a command starts; empty for none.

    Args:
        command: A program and its arguments, such as `python -m mcp_stack serve aidb` or `uvx mcp-stack serve aidb`.
    """
    for before, word, after in zip(command, command[1:], command[2:], strict=False):
        if word == "serve" and Path(before).name in ("mcp-stack", "mcp_stack"):
            return after
    launchers = Path(__file__).parents[4] / "servers"
    for word in command[:3]:
        if (
            word.endswith(".py")
            and Path(word).parent.name == launchers.name
            and (launchers / Path(word).name).is_file()
        ):
            return Path(word).stem.replace("_", "-")
    return ""


def _add(found: Configured, upstream: Upstream) -> None:
    if own_server(upstream.command) == THIS_SERVER:
        return
    if upstream.name == THIS_SERVER:
        upstream = replace(upstream, problem=f"{THIS_SERVER} is the name of this server itself", remedy="rename it")
    if (other := found.upstreams.get(upstream.name)) is not None:
        found.notes.append(
            f"server {upstream.name} is configured twice: {other.origin} counts, {upstream.origin} does not"
        )
        return
    found.upstreams[upstream.name] = upstream


def _add_mcp_json(found: Configured, file: McpJson, idle_seconds: float, environ: Mapping[str, str]) -> None:
    for name, server in file.servers.items():
        folder = file.file.parent
        _add(found, _upstream(name, server, str(file.file), folder, idle_seconds=idle_seconds, environ=environ))
    for name, problem in file.problems.items():
        if name:
            _add(
                found,
                Upstream(name, "stdio", str(file.file), problem=problem, remedy="correct the file and start again"),
            )


def _add_manifests(found: Configured, manifests: Mapping[str, Manifest], idle_seconds: float) -> None:
    """What comes with mcp-stack, under the name that the configuration gives it, else under its own."""
    named = {own_server(upstream.command): name for name, upstream in found.upstreams.items() if upstream.ours}
    for own, manifest in manifests.items():
        name = named.get(own, own)
        if own != THIS_SERVER and own not in named:
            if own in found.upstreams or not manifest.command:
                continue  # the name is taken by another server
            found.upstreams[own] = Upstream(
                own,
                "stdio",
                manifest.origin,
                command=_runnable(manifest.command),
                category=manifest.category,
                idle_seconds=idle_seconds,
                ours=own_server(manifest.command) == own,
            )
        found.shipped[name] = [replace(tool, server=name) for tool in manifest.tools]


def _upstream(
    name: str, server: Server, origin: str, folder: Path, *, idle_seconds: float, environ: Mapping[str, str]
) -> Upstream:
    bare = Upstream(
        name,
        server.way,
        origin,
        category=server.category,
        timeout_seconds=server.timeout_seconds,
        connect_timeout_seconds=server.connect_timeout_seconds,
        idle_seconds=server.idle_seconds or idle_seconds,
        enabled=server.enabled,
    )
    if not server.enabled:
        return bare
    values = _Expanded(environ)
    command = tuple(values.text(f"args.{n - 1}" if n else "command", word) for n, word in enumerate(_words(server)))
    made = replace(
        bare,
        command=_runnable(command),
        environment={key: values.text(f"env.{key}", value.get_secret_value()) for key, value in server.env.items()},
        folder=str(folder / os.path.expanduser(values.text("cwd", server.cwd))) if server.command else "",  # noqa: PTH111 - never raises
        url=values.text("url", server.url),
        headers={key: values.text(f"headers.{key}", each.get_secret_value()) for key, each in server.headers.items()},
        ours=bool(own_server(command)),
    )
    if made.url and not re.match(r"https?://[^/\s]", made.url):
        values.problem = values.problem or "url: it must start with http:// or https:// and name a host"
    return replace(made, problem=f"{origin}: {values.problem}" if values.problem else "", remedy=values.remedy)


def _words(server: Server) -> Sequence[str]:
    return (server.command, *server.args) if server.command else ()


def _runnable(command: Sequence[str]) -> tuple[str, ...]:
    """Our own program is this very installation, also where it is not on the path."""
    if command and command[0] == "mcp-stack":
        return (sys.executable, "-m", "mcp_stack", *command[1:])
    return tuple(command)


class _Expanded:
    """Texts with variables filled in; the first thing that is wrong is remembered."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problem = ""
        self.remedy = "correct it and start again"

    def text(self, key: str, text: str) -> str:
        try:
            value = expanded(text, self._environ)
        except UsageError as error:
            if not self.problem:
                self.problem, self.remedy = f"{key}: {error.problem}", error.remedy
            return ""
        if _UNPRINTABLE.search(value) and not key.startswith(("args", "env")):
            self.problem = self.problem or f"{key}: it has control characters"
        elif "\0" in value:
            self.problem = self.problem or f"{key}: it has a NUL"
        return value
