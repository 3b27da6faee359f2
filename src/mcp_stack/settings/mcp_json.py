"""`mcp.json`: servers in the format that AI clients use, `{"mcpServers": {name: {...}}}`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import UsageError
from .tools import Server, checked_name

MAX_BYTES = 1_000_000
# As clients spell them.
_TRANSPORTS = {
    "stdio": "stdio",
    "sse": "sse",
    "http": "streamable-http",
    "streamable-http": "streamable-http",
    "streamable_http": "streamable-http",
    "streamableHttp": "streamable-http",
}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class McpJson:
    """What the file says.

    Attributes:
        servers: Those that can be used, by name.
        problems: Why the others cannot, by name; under the empty name what is wrong with the file itself.
    """

    file: Path
    servers: dict[str, Server] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def mcp_json_file(configured: str, config_folder: Path) -> Path:
    """Which file it is: the configured one, else `mcp.json` in the configuration folder, else the checkout's.

    Args:
        configured: The setting `tools.mcp_json`.
        config_folder: The folder of config.yaml.
    """
    if configured:
        return Path(configured).expanduser()
    inside = config_folder / "mcp.json"
    checkout = Path(__file__).parents[3]
    if not inside.exists() and config_folder == checkout / "config":
        return checkout / "mcp.json"
    return inside


def read_mcp_json(file: Path) -> McpJson:
    """Read the file; one bad entry leaves the others as they are, and a missing file has none.

    Keys that other programs put there are passed over.

    Args:
        file: Where it is.
    """
    found = McpJson(file)
    try:
        entries = _entries(file)
    except UsageError as error:
        found.problems[""] = error.problem
        return found
    for name, entry in entries.items():
        try:
            found.servers[checked_name(name)] = _server(entry)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            key = ".".join(str(part) for part in ("mcpServers", name, *first["loc"]))
            found.problems[name] = f"{file}: {key}: {first['msg'].removeprefix('Value error, ')}"
        except ValueError as error:
            found.problems[name] = f"{file}: mcpServers.{name}: {error}"
    return found


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """A text with `${NAME}` and `${NAME:-default}` replaced by variables.

    Args:
        text: As it is configured.
        environ: The variables.

    Raises:
        UsageError: A variable that has no default is not set.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if environ.get(name):
            return environ[name]
        if default is None:
            raise UsageError(f"the environment variable {name} is not set", f"set it, or write ${{{name}:-default}}")
        return default

    return _VARIABLE.sub(value, text)


def _entries(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UsageError(f"{file} is over {MAX_BYTES // 1_000_000} MB")
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
    except json.JSONDecodeError as error:
        raise UsageError(f"{file} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{file} is not JSON") from None
    entries = content.get("mcpServers", {}) if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise UsageError(f'{file} must hold {{"mcpServers": {{name: {{...}}}}}}')
    return entries


def _server(entry: Any) -> Server:
    if not isinstance(entry, dict):
        raise ValueError("it must be a group of keys such as command and args, or url")  # noqa: TRY004 - told as such
    kept = {key: value for key, value in entry.items() if key in Server.model_fields and value is not None}
    if kind := entry.get("type", entry.get("transport")):
        if str(kind) not in _TRANSPORTS:
            raise ValueError(f"type must be one of {', '.join(_TRANSPORTS)}")
        kept["transport"] = _TRANSPORTS[str(kind)]
    if entry.get("disabled") is True:
        kept["enabled"] = False
    return Server(**kept)
