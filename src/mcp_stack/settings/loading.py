"""Settings from all layers, with the origin of each value.

Override order, highest first: secret-mounted files and environment variables (`.env` files too), the config map
folder, the service file `ralph.yaml`, `config.yaml`, the defaults in the code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from pydantic import SecretStr, ValidationError

from ..errors import UsageError
from .layers import KeyPath, Layer, Value, leaves, read_dotenv, read_folder, read_variables, read_yaml
from .tree import Settings

DEFAULT_ORIGIN = "default"
SECRETS_FOLDER = Path("/run/secrets")


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings and where each value came from.

    Attributes:
        settings: The validated tree.
        origins: Key path to origin, for keys that are not at their default.
        config_folder: The folder that config.yaml was looked for in.
        environ: The variables that were read, for processes that shall have the same settings.
    """

    settings: Settings
    origins: dict[KeyPath, str]
    config_folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def rows(self) -> list[tuple[str, str, str]]:
        """Each key with its value as text, secrets masked, and its origin."""
        rows = []
        for path, _ in leaves():
            value: Any = self.settings
            for name in path:
                value = getattr(value, name)
            rows.append((".".join(path), _shown(value), self.origins.get(path, DEFAULT_ORIGIN)))
        return rows


def config_folder(environ: Mapping[str, str]) -> Path:
    """Where config.yaml is: $MCP_STACK_CONFIG, else the user's own, else the one of the checkout."""
    if configured := environ.get("MCP_STACK_CONFIG"):
        return Path(configured).expanduser()
    checkout = Path(__file__).parents[3] / "config"
    base = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - never raises
    own = Path(base) / "mcp-stack"
    return checkout if checkout.is_dir() and not own.is_dir() else own


def load_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> LoadedSettings:
    """Read every layer and validate the result.

    Args:
        environ: The environment; the process's own by default.
        folder: The working folder, whose `.env` is read; the process's own by default.

    Raises:
        UsageError: A file, key or value is wrong; names the file or variable, the key and what is allowed.
    """
    environ = os.environ if environ is None else environ
    folder = _working_folder() if folder is None else folder
    config = config_folder(environ)
    if environ.get("MCP_STACK_CONFIG") and not config.is_dir():
        raise UsageError(f"MCP_STACK_CONFIG names {config}, which is no folder", "name the folder of config.yaml")
    config_map = environ.get("MCP_STACK_CONFIG_MAP", "")
    layers: list[Layer] = [
        read_folder(Path(environ.get("MCP_STACK_SECRETS") or SECRETS_FOLDER), "secret"),
        read_variables(environ, "environment"),
        read_dotenv(folder / ".env", trusted=folder == config.parent) if folder else {},
        read_dotenv(config / ".env", trusted=True),
        read_folder(Path(config_map), "config map") if config_map else {},
        read_yaml(config / "ralph.yaml", ("ralph",)),
        read_yaml(config / "config.yaml"),
    ]
    merged: dict[KeyPath, Value] = {}
    for layer in reversed(layers):
        merged.update(layer)
    tree: dict[str, Any] = {}
    for path, value in merged.items():
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = value.raw
    try:
        settings = Settings(**tree)
    except ValidationError as error:
        raise _usage_error(error, merged) from error
    except ValueError as error:
        raise UsageError(str(error), "then start again") from error
    return LoadedSettings(settings, {path: value.origin for path, value in merged.items()}, config, environ)


def _usage_error(error: ValidationError, merged: dict[KeyPath, Value]) -> UsageError:
    """The first thing that is wrong, in the words of the user's file."""
    first = error.errors(include_url=False, include_context=False)[0]
    path = tuple(str(part) for part in first["loc"] if part != "[key]")
    key = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in merged), path)
    # Within a map each part has a name of its own; of a list the whole is shown.
    shown = path if isinstance(merged.get(key, Value(None, "")).raw, dict) else key
    # A rule over several keys names their group: the keys of it that were set are where to look.
    set_here = [value.origin for other, value in merged.items() if other[: len(key)] == key]
    origin = ", ".join(dict.fromkeys(set_here)) or "settings"
    reason = first["msg"].removeprefix("Value error, ")
    secret = key not in merged or shown != key or _is_secret(key)
    given = "" if secret else f" (it is {without_password(repr(merged[key].raw))})"
    return UsageError(f"{origin}: {'.'.join(shown) or 'together'}: {reason}{given}", "correct it and start again")


def _working_folder() -> Path | None:
    """Where the process stands; None if that folder was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return None


def without_password(text: str) -> str:
    """A text whose addresses have their user names and passwords masked.

    Args:
        text: May hold addresses such as `redis://user:password@host`.
    """
    return re.sub(r"(?<=://)[^/@\s]*@", "********@", text)


def _is_secret(path: KeyPath) -> bool:
    annotation = dict(leaves()).get(path)
    return annotation is SecretStr or get_origin(annotation) is dict


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else "''"
    if isinstance(value, dict):
        # Names alone: what is below them may hold keys and passwords.
        return "{" + ", ".join(str(name) for name in value) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(str(item) for item in value) + "]"
    if isinstance(value, str | Path):
        return without_password(str(value)) or "''"
    return str(value)
