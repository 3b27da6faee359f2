"""The settings themselves: names, types, bounds and defaults."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .hybrid import Hybrid
from .schedules import NIGHTLY, checked_schedule
from .section import Fraction, Port, Positive, Section
from .tools import Tools

COLLECTIONS = (
    "codebase-context",
    "skills-patterns",
    "error-solutions",
    "interaction-history",
    "best-practices",
    "nixos-docs",
)
INSECURE_PASSWORD = "change_me_in_production"  # noqa: S105 - the well-known default that is refused off loopback
LOOPBACK_HOSTS = ("", "localhost", "127.0.0.1", "::1")


class PostgresPool(Section):
    """Connections to a real server; the embedded one opens 1 to 5 lazily."""

    size: Positive = 20
    max_overflow: Annotated[int, Field(ge=0)] = 30
    timeout_seconds: Annotated[float, Field(gt=0)] = 30
    recycle_seconds: Annotated[float, Field(gt=0)] = 1800


class Postgres(Section):
    """A PostgreSQL server; an empty host means the embedded one."""

    host: str = ""
    port: Port = 5432
    database: str = "mcp"
    user: str = "mcp"
    password: SecretStr = SecretStr("")
    pool: PostgresPool = PostgresPool()


class Embedded(Section):
    """The embedded PostgreSQL in the data folder."""

    min_free_mb: Annotated[int, Field(ge=0)] = 200
    start_timeout_seconds: Annotated[float, Field(gt=0)] = 60


class RedisPool(Section):
    """Connections to Redis or Valkey."""

    max_connections: Positive = 50
    timeout_seconds: Annotated[float, Field(gt=0)] = 5


class Redis(Section):
    """A Redis or Valkey server; without host and url the cache lives in PostgreSQL."""

    url: str = ""
    host: str = ""
    port: Port = 6379
    pool: RedisPool = RedisPool()


class Qdrant(Section):
    """A Qdrant server; without host and url the vectors live in PostgreSQL."""

    url: str = ""
    host: str = ""
    port: Port = 6333
    api_key: SecretStr = SecretStr("")
    collections: tuple[str, ...] = COLLECTIONS


class Database(Section):
    """The stores."""

    url: SecretStr = SecretStr("")
    postgres: Postgres = Postgres()
    embedded: Embedded = Embedded()
    redis: Redis = Redis()
    qdrant: Qdrant = Qdrant()


class RateLimit(Section):
    """Token buckets of each client."""

    requests_per_minute: Positive = 60
    requests_per_hour: Positive = 1000


class Security(Section):
    """What callers may do."""

    rate_limit: RateLimit = RateLimit()
    query_validation: bool = True
    max_query_length: Positive = 4096
    max_document_bytes: Positive = 10_000_000
    allowed_roots: tuple[Path, ...] = ()


class GarbageCollection(Section):
    """When old and doubled knowledge goes."""

    enabled: bool = True
    schedule: Annotated[str, AfterValidator(checked_schedule)] = NIGHTLY
    max_age_days: Positive = 30
    dedup_threshold: Fraction = 0.95


class Embeddings(Section):
    """Which embedder is used."""

    provider: Literal["llama_cpp", "sentence_transformers", "remote", "none"] = "llama_cpp"
    model: str = "sentence-transformers/all-MiniLM-L6-v2"
    dimensions: Positive = 384
    url: str = ""
    api_key: SecretStr = SecretStr("")
    timeout_seconds: Annotated[float, Field(gt=0)] = 30


class LocalModel(Section):
    """The local language model: a GGUF file, or an OpenAI-compatible endpoint.

    Without path and url it is a pulled one: the one that `model` names, or the best that is fast enough here. The
    prices are those of a hosted endpoint.
    """

    path: str = ""
    url: str = ""
    model: str = ""
    api_key: SecretStr = SecretStr("")
    context_tokens: Annotated[int, Field(ge=256)] = 4096
    threads: Annotated[int, Field(ge=0)] = 0
    timeout_seconds: Annotated[float, Field(gt=0)] = 120
    price_input_per_million: Annotated[float, Field(ge=0)] = 0
    price_output_per_million: Annotated[float, Field(ge=0)] = 0


class Claude(Section):
    """The remote language model."""

    api_key: SecretStr = SecretStr("")
    model: str = "claude-sonnet-5-5"
    url: str = ""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60
    max_retries: Annotated[int, Field(ge=0, le=10)] = 2
    price_input_per_million: Annotated[float, Field(ge=0)] = 0
    price_output_per_million: Annotated[float, Field(ge=0)] = 0


class Llm(Section):
    """The language models."""

    local: LocalModel = LocalModel()
    claude: Claude = Claude()


class Telemetry(Section):
    """The JSONL event files of the servers."""

    enabled: bool = True
    path: str = ""


class Federation(Section):
    """Exchange of patterns between nodes."""

    enabled: bool = False
    node: str = ""
    peers: tuple[str, ...] = ()


class Jobs(Section):
    """The detached worker of this machine."""

    # False: a server starts the worker only for work that it was given itself, not for what comes round by the clock.
    autostart: bool = True
    concurrency: Positive = 2
    linger_seconds: Annotated[float, Field(ge=0)] = 600


class Loop(Section):
    """Ralph's loop."""

    max_iterations: Annotated[int, Field(ge=0)] = 0
    exit_code_block: Annotated[int, Field(ge=0, le=255)] = 2
    checkpoint_interval: Positive = 1
    # Not complete before this iteration, however early everything is verified.
    min_iterations: Annotated[int, Field(ge=0)] = 0
    # What counts as no headway; 0 turns either off.
    stalled_without_changes: Annotated[int, Field(ge=0)] = 3
    stalled_with_same_error: Annotated[int, Field(ge=0)] = 5
    iteration_timeout_seconds: Annotated[float, Field(gt=0)] = 1800
    verify_timeout_seconds: Annotated[float, Field(gt=0)] = 600
    # Worktree, checkpoints and logs of a task, after its end.
    keep_days: Annotated[float, Field(ge=0)] = 7


class AutoGpt(Section):
    """An AutoGPT that serves the Agent Protocol; without an address the backend `autogpt` is off."""

    url: str = ""
    api_key: SecretStr = SecretStr("")


class Backends(Section):
    """Ralph's agents. `command` is the program, with its arguments, that the `command` backend runs.

    `programs` says for the others where their program is, if it is neither installed by us nor on the PATH.
    """

    default: str = "aider"
    fallback: str = "continue"
    command: tuple[str, ...] = ()
    programs: dict[Literal["aider", "continue", "goose", "langchain", "claude-code"], str] = Field(default_factory=dict)
    autogpt: AutoGpt = AutoGpt()


class SandboxLimits(Section):
    """What each process of an agent or a verify command may use; 0 for no limit."""

    memory_mb: Annotated[int, Field(ge=0)] = 16_384
    processes: Annotated[int, Field(ge=0)] = 8192
    file_mb: Annotated[int, Field(ge=0)] = 4096


class Sandbox(Section):
    """What confines agents and verify commands. `auto` is bubblewrap, else Landlock."""

    tier: Literal["auto", "bubblewrap", "landlock", "none"] = "auto"
    # False: where no tier works, programs are started all the same.
    required: bool = True
    # Whether agents may connect anywhere, not to a model of ours alone; and whether verify commands may.
    agent_network: bool = False
    verify_network: bool = False
    limits: SandboxLimits = SandboxLimits()


class Approval(Section):
    """When a person is asked."""

    require_approval: bool = False
    approval_threshold: Literal["low", "medium", "high"] = "high"
    # Nobody answered: that is a no.
    timeout_minutes: Annotated[float, Field(gt=0)] = 1440


class RalphTelemetry(Section):
    """Ralph's own event file; an empty path means the folder of the others."""

    path: str = ""
    enabled: bool = True


class Gate(Section):
    """How agents reach a model."""

    # Most time that one call waits for a provider's limits, all waits together.
    wait_seconds: Annotated[float, Field(ge=0)] = 300
    timeout_seconds: Annotated[float, Field(gt=0)] = 600


class Ralph(Section):
    """Ralph Wiggum, `config/ralph.yaml`. `model` is the one that agents work with; empty for the best configured."""

    model: str = ""
    gate: Gate = Gate()
    loop: Loop = Loop()
    backends: Backends = Backends()
    approval: Approval = Approval()
    sandbox: Sandbox = Sandbox()
    telemetry: RalphTelemetry = RalphTelemetry()


def absolute(path: Path) -> Path:
    """The path with `~` expanded, made absolute.

    Raises:
        ValueError: There is no such home folder, or no working folder.
    """
    try:
        return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - links are not followed
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{path} cannot be resolved ({error})") from error


def default_data_folder() -> Path:
    """`mcp-stack` in the XDG data home.

    Raises:
        ValueError: This user has no home folder.
    """
    if base := os.environ.get("XDG_DATA_HOME"):
        return Path(base) / "mcp-stack"
    try:
        return Path.home() / ".local" / "share" / "mcp-stack"
    except RuntimeError:
        raise ValueError("this user has no home folder: set MCP_STACK_DATA") from None


def hosts_and_passwords(conninfo: str) -> list[tuple[str, str]]:
    """Each host that a connection string names, with the password for it.

    Args:
        conninfo: An address or key-value pairs, as libpq takes them; empty for none.

    Raises:
        ValueError: It is neither; the message does not repeat it, for it may hold a password.
    """
    if not conninfo:
        return []
    from psycopg import ProgrammingError  # noqa: PLC0415 - heavy: only where a server is configured
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - heavy: only where a server is configured

    try:
        parts = conninfo_to_dict(conninfo)
    except ProgrammingError:
        raise ValueError(
            "it is no connection string of PostgreSQL; write postgresql://user:password@host/database, with special "
            "characters of the password as %XX"
        ) from None
    hosts = str(parts.get("hostaddr") or parts.get("host") or "").split(",")
    return [(host, str(parts.get("password") or "")) for host in hosts]


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    data: Annotated[Path, AfterValidator(absolute)] = Field(default_factory=default_data_folder)
    database: Database = Database()
    tools: Tools = Tools()
    security: Security = Security()
    garbage_collection: GarbageCollection = GarbageCollection()
    hybrid: Hybrid = Hybrid()
    embeddings: Embeddings = Embeddings()
    llm: Llm = Llm()
    telemetry: Telemetry = Telemetry()
    federation: Federation = Federation()
    jobs: Jobs = Jobs()
    ralph: Ralph = Ralph()

    @model_validator(mode="after")
    def _no_default_password_off_loopback(self) -> Settings:
        parts = self.database.postgres
        for host, password in (
            (parts.host, parts.password.get_secret_value()),
            *hosts_and_passwords(self.database.url.get_secret_value()),
        ):
            if password != INSECURE_PASSWORD or host in LOOPBACK_HOSTS or host.startswith("/"):
                continue
            raise ValueError(
                f"the password of PostgreSQL is {INSECURE_PASSWORD!r} and its host is not this machine: set a real one"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` passes in: it reads the layers itself, to know where each value came from."""
        return (init_settings,)

    @property
    def telemetry_folder(self) -> Path:
        """Where the JSONL files are."""
        return Path(self.telemetry.path).expanduser() if self.telemetry.path else self.data / "telemetry"

    @property
    def agents_folder(self) -> Path:
        """Where installed coding agents are."""
        return self.data / "agents"

    @property
    def models_folder(self) -> Path:
        """Where model files are."""
        return self.data / "models"

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        """The folders that paths in tool arguments must lie in: by default home and the working one."""
        if self.security.allowed_roots:
            return tuple(root.expanduser().resolve() for root in self.security.allowed_roots)
        candidates: set[Path] = set()
        for folder in (Path.home, Path.cwd):
            # A service may have no home, and a working folder may have been deleted.
            with suppress(RuntimeError, OSError):
                candidates.add(folder().resolve())
        too_wide = {Path("/"), Path(tempfile.gettempdir()).resolve()}
        return tuple(sorted(candidates - too_wide))
