"""Settings of the tool registry and gateway: other MCP servers."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from .section import Positive, Seconds, Section

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def checked_name(name: str) -> str:
    """Check a server's name. It has no dot: `server.tool` is then one tool's name and no other's.

    Raises:
        ValueError: It has other characters, or too many.
    """
    if not _NAME.fullmatch(name):
        better = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:64]
        advice = f": rename it to {better}" if better else ""
        raise ValueError(f"a server's name is 1 to 64 letters, digits, - and _, and no dot{advice}")
    return name


def _as_text(value: object) -> object:
    """YAML and JSON have numbers and booleans where an environment has text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Secrets = dict[str, Annotated[SecretStr, BeforeValidator(_as_text)]]


class Server(Section):
    """One MCP server: a command that is started, or the address of one that runs.

    `${NAME}` and `${NAME:-default}` in args, env, url and headers stand for environment variables of ours.
    """

    command: str = ""
    args: tuple[Annotated[str, BeforeValidator(_as_text)], ...] = ()
    env: Secrets = Field(default_factory=dict)
    cwd: str = ""
    url: str = ""
    transport: Literal["", "stdio", "sse", "streamable-http"] = ""
    headers: Secrets = Field(default_factory=dict)
    category: Annotated[str, Field(max_length=100)] = ""
    timeout_seconds: Seconds = 60
    connect_timeout_seconds: Seconds = 60
    idle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 0  # 0: as tools.idle_seconds
    enabled: bool = True

    @model_validator(mode="after")
    def _is_reached_in_one_way(self) -> Server:
        if bool(self.command) == bool(self.url):
            raise ValueError("give either command or url")
        if self.command and self.transport not in ("", "stdio"):
            raise ValueError(f"transport {self.transport} needs url, not command")
        if self.url and self.transport == "stdio":
            raise ValueError("transport stdio needs command, not url")
        if self.url and "${" not in self.url and not re.match(r"https?://[^/\s]", self.url):
            raise ValueError("url must start with http:// or https:// and name a host")
        return self

    @property
    def way(self) -> Literal["stdio", "sse", "streamable-http"]:
        """The transport, also where it is left to us."""
        if self.command:
            return "stdio"
        if self.transport in ("sse", "streamable-http"):
            return self.transport
        return "sse" if self.url.partition("?")[0].rstrip("/").endswith("/sse") else "streamable-http"


class Tools(Section):
    """Registry of the tools of other MCP servers, and the gateway to them."""

    discovery_enabled: bool = True
    discovery_interval: Positive = 300
    progressive_disclosure: bool = True
    manifests: str = ""
    servers: dict[Annotated[str, AfterValidator(checked_name)], Server] = Field(default_factory=dict)
    # Empty: mcp.json in the configuration folder, else beside it.
    mcp_json: str = ""
    idle_seconds: Seconds = 300
    max_call_seconds: Seconds = 1800
    max_message_bytes: Annotated[int, Field(ge=1024, le=1_000_000_000)] = 10_000_000
    removed_after_hours: Annotated[float, Field(ge=0)] = 24
    audit_arguments: bool = False
    audit_days: Positive = 90
