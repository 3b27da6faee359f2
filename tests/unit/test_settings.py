"""Settings come from many places; the highest one wins and says where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mcp_stack.errors import UsageError
from mcp_stack.settings import LoadedSettings, load_settings

# The blocks of the reference system, whose keys must all exist under their names.
REFERENCE_CONFIG = """
database:
  postgres:
    host: localhost
    port: 5432
    database: mcp
    user: mcp
    password: change_me_in_production
    pool: {size: 20, max_overflow: 30}
  redis:
    host: redis
    port: 6379
    pool: {max_connections: 50}
  qdrant:
    host: qdrant
    port: 6333
    collections: [codebase-context, skills-patterns, error-solutions]
tools: {discovery_enabled: true, discovery_interval: 300, progressive_disclosure: true}
security:
  rate_limit: {requests_per_minute: 60, requests_per_hour: 1000}
  query_validation: true
  max_query_length: 4096
garbage_collection: {enabled: true, schedule: "0 2 * * *", max_age_days: 30, dedup_threshold: 0.95}
hybrid:
  local_confidence_threshold: 0.85
  fallback_threshold: 0.70
  high_value_threshold: 0.70
  routing: {prefer_local: true, fallback_enabled: true, cache_ttl: 86400}
  learning: {enabled: true, interval: 3600, dataset_threshold: 1000, value_score_threshold: 0.70}
  cache: {redis_enabled: true, embedding_cache_size: 10000, similarity_threshold: 0.95}
"""
REFERENCE_RALPH = """
loop: {max_iterations: 0, exit_code_block: 2, checkpoint_interval: 1}
backends: {default: aider, fallback: continue}
approval: {require_approval: false, approval_threshold: high}
telemetry: {path: /data/telemetry/ralph-events.jsonl, enabled: true}
"""


class Folders:
    """A configuration folder and a working folder."""

    def __init__(self, base: Path) -> None:
        self.config = base / "config"
        self.config.mkdir()
        self.work = base / "work"
        self.work.mkdir()

    def load(self, **environ: str) -> LoadedSettings:
        return load_settings({"MCP_STACK_CONFIG": str(self.config), **environ}, self.work)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_every_key_of_the_reference_system_exists_under_its_name(folders: Folders) -> None:
    (folders.config / "config.yaml").write_text(REFERENCE_CONFIG)
    (folders.config / "ralph.yaml").write_text(REFERENCE_RALPH)
    loaded = folders.load()
    assert loaded.settings.database.redis.host == "redis"
    assert loaded.settings.ralph.telemetry.path == "/data/telemetry/ralph-events.jsonl"
    assert loaded.origins["ralph", "loop", "exit_code_block"].endswith("ralph.yaml")


def test_the_defaults_are_those_of_the_reference_system() -> None:
    settings = load_settings({"MCP_STACK_CONFIG": str(Path(__file__).parent)}).settings
    reference = yaml.safe_load(REFERENCE_CONFIG)
    for section in ("tools", "security", "garbage_collection", "hybrid"):
        dumped = getattr(settings, section).model_dump()
        for key, value in reference[section].items():
            if isinstance(value, dict):
                assert {inner: dumped[key][inner] for inner in value} == value
            else:
                assert dumped[key] == value


def test_an_environment_variable_wins_over_the_file(folders: Folders) -> None:
    (folders.config / "config.yaml").write_text("hybrid: {local_confidence_threshold: 0.85}")
    assert folders.load(LOCAL_CONFIDENCE_THRESHOLD="0.90").settings.hybrid.local_confidence_threshold == 0.90
    long_form = folders.load(MCP_STACK_HYBRID__LOCAL_CONFIDENCE_THRESHOLD="0.91")
    assert long_form.settings.hybrid.local_confidence_threshold == 0.91
    assert folders.load().settings.hybrid.local_confidence_threshold == 0.85


def test_each_layer_wins_over_the_ones_below_it(folders: Folders, tmp_path: Path) -> None:
    variable = "MCP_STACK_RALPH__LOOP__MAX_ITERATIONS"
    config_map, secrets = tmp_path / "map", tmp_path / "secrets"
    config_map.mkdir()
    secrets.mkdir()

    def value(**environ: str) -> tuple[int, str]:
        loaded = folders.load(MCP_STACK_CONFIG_MAP=str(config_map), MCP_STACK_SECRETS=str(secrets), **environ)
        origin = loaded.origins.get(("ralph", "loop", "max_iterations"), "default")
        return loaded.settings.ralph.loop.max_iterations, origin

    assert value() == (0, "default")
    (folders.config / "config.yaml").write_text("ralph: {loop: {max_iterations: 1}}")
    assert value() == (1, str(folders.config / "config.yaml"))
    (folders.config / "ralph.yaml").write_text("loop: {max_iterations: 2}")
    assert value() == (2, str(folders.config / "ralph.yaml"))
    (config_map / variable).write_text("3\n")
    assert value()[0] == 3
    (folders.config / ".env").write_text(f"{variable}=4")
    assert value()[0] == 4
    assert value(**{variable: "5"}) == (5, f"environment {variable}")
    (secrets / variable.lower()).write_text("6")
    assert value(**{variable: "5"})[0] == 6


def test_the_env_file_of_a_working_folder_sets_thresholds_and_nothing_that_could_harm(folders: Folders) -> None:
    hostile = {
        "DATABASE_URL": "postgresql://their/app",
        "ANTHROPIC_BASE_URL": "http://attacker",
        "MCP_STACK_LLM__CLAUDE__URL": "http://attacker",
        "MCP_STACK_RALPH__BACKENDS__COMMAND": '["rm"]',
        "MCP_STACK_SECURITY__ALLOWED_ROOTS": "/",
        "MCP_STACK_DATA": "/elsewhere",
    }
    harmless = load_settings({"MCP_STACK_CONFIG": str(folders.config)}, None).settings
    (folders.work / ".env").write_text("\n".join(f"{name}={value}" for name, value in hostile.items()))
    assert folders.load().settings == harmless
    (folders.work / ".env").write_text("LOCAL_CONFIDENCE_THRESHOLD=0.9")
    assert folders.load().settings.hybrid.local_confidence_threshold == 0.9


def test_the_env_file_beside_the_configuration_folder_is_ours(tmp_path: Path, folders: Folders) -> None:
    (tmp_path / ".env").write_text("MCP_STACK_DATA=/mine")
    assert load_settings({"MCP_STACK_CONFIG": str(folders.config)}, tmp_path).settings.data == Path("/mine")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hybrid: {local_treshold: 1}", ["config.yaml", "hybrid.local_treshold"]),
        ("hybird: {}", ["config.yaml", "hybird", "did you mean 'hybrid'"]),
        ("hybrid: {local_confidence_threshold: 7}", ["config.yaml", "hybrid.local_confidence_threshold", "7"]),
        ("embeddings: {provider: magic}", ["embeddings.provider", "'llama_cpp'", "'remote'"]),
        ("hybrid: 5", ["hybrid", "group of keys"]),
        ("hybrid: [", ["config.yaml", "not valid YAML"]),
        ("- 1", ["config.yaml", "group of keys"]),
    ],
)
def test_a_wrong_file_names_the_file_the_key_and_what_is_allowed(
    folders: Folders, text: str, expected: list[str]
) -> None:
    (folders.config / "config.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        folders.load()
    for part in expected:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "schedule",
    ["", "@daily", "* * * *", "* * * * * *", "61 * * * *", "0 2 * * 8", "0 0 31 2 *", "x y z a b", "R R * * *"],
)
def test_a_schedule_that_never_comes_round_is_an_error(folders: Folders, schedule: str) -> None:
    (folders.config / "config.yaml").write_text(json.dumps({"garbage_collection": {"schedule": schedule}}))
    with pytest.raises(UsageError, match=r"config\.yaml.*garbage_collection\.schedule.*0 2 \* \* \*"):
        folders.load()


@pytest.mark.parametrize("schedule", ["0 2 * * *", "*/15 0-6,22 1 jan-mar mon", "30 4 * * 0"])
def test_a_schedule_of_cron_is_taken(folders: Folders, schedule: str) -> None:
    settings = folders.load(MCP_STACK_GARBAGE_COLLECTION__SCHEDULE=schedule).settings
    assert settings.garbage_collection.schedule == schedule


def test_a_misspelt_variable_is_an_error_with_a_suggestion(folders: Folders) -> None:
    with pytest.raises(UsageError, match="did you mean 'MCP_STACK_HYBRID__FALLBACK_THRESHOLD'"):
        folders.load(MCP_STACK_HYBRID__FALLBACK_TRESHOLD="0.5")


def test_the_default_password_is_refused_off_loopback(folders: Folders) -> None:
    password = "database: {postgres: {host: %s, password: change_me_in_production}}"
    (folders.config / "config.yaml").write_text(password % "db.example")
    with pytest.raises(UsageError, match="change_me_in_production"):
        folders.load()
    (folders.config / "config.yaml").write_text(password % "127.0.0.1")
    assert folders.load().settings.database.postgres.host == "127.0.0.1"


def test_the_default_password_in_an_address_is_refused_off_loopback(folders: Folders) -> None:
    with pytest.raises(UsageError, match="change_me_in_production"):
        folders.load(DATABASE_URL="postgresql://mcp:change_me_in_production@db.example/mcp")
    for form in (
        "host=192.0.2.1 password=change_me_in_production",
        "postgresql:///mcp?host=192.0.2.1&password=change_me_in_production",
        "postgresql://u:change_me_in_production@localhost,192.0.2.1/mcp",
    ):
        with pytest.raises(UsageError, match="change_me_in_production"):
            folders.load(DATABASE_URL=form)
    folders.load(DATABASE_URL="postgresql://mcp:change_me_in_production@localhost/mcp")


def test_secrets_are_masked_and_never_in_an_error(folders: Folders) -> None:
    loaded = folders.load(ANTHROPIC_API_KEY="sk-very-secret", DATABASE_URL="postgresql://u:hidden@localhost/x")
    shown = "\n".join(" ".join(row) for row in loaded.rows())
    assert "sk-very-secret" not in shown
    assert "hidden" not in shown
    assert "********" in shown


@pytest.mark.parametrize("url", ["postgresql://u:SEC%RETPW@h/x", "mysql://u:SECRETPW@h", "postgresql://u:RET PW@h/x"])
def test_a_malformed_database_address_is_an_error_that_does_not_repeat_it(folders: Folders, url: str) -> None:
    with pytest.raises(UsageError, match="no connection string") as caught:
        folders.load(DATABASE_URL=url)
    assert "PW" not in str(caught.value)


def test_passwords_in_other_addresses_are_masked_too(folders: Folders) -> None:
    shown = str(folders.load(REDIS_URL="redis://u:SECRETPW@h", QDRANT_URL="http://k:SECRETPW@h").rows())
    assert "SECRETPW" not in shown
    (folders.config / "config.yaml").write_text('llm: {claude: {api_key: "sk-SECRETPW\n')
    with pytest.raises(UsageError) as caught:
        folders.load()
    assert "SECRETPW" not in str(caught.value)


def test_a_home_folder_in_a_path_is_expanded_everywhere(folders: Folders) -> None:
    settings = folders.load(MCP_STACK_DATA="~/stack", MCP_STACK_TELEMETRY__PATH="~/events").settings
    assert settings.data == Path.home() / "stack"
    assert settings.telemetry_folder == Path.home() / "events"


def test_a_rule_over_several_keys_names_where_they_were_set(folders: Folders) -> None:
    with pytest.raises(UsageError, match="environment LOCAL_CONFIDENCE_THRESHOLD"):
        folders.load(LOCAL_CONFIDENCE_THRESHOLD="0.5")


def test_lists_are_written_with_commas_or_as_json(folders: Folders) -> None:
    comma = folders.load(MCP_STACK_SECURITY__ALLOWED_ROOTS="/a, /b").settings
    as_json = folders.load(MCP_STACK_SECURITY__ALLOWED_ROOTS='["/a", "/b"]').settings
    assert comma.security.allowed_roots == as_json.security.allowed_roots == (Path("/a"), Path("/b"))


def test_the_shipped_configuration_is_the_defaults() -> None:
    shipped = Path(__file__).parents[2] / "config"
    with_files = load_settings({"MCP_STACK_CONFIG": str(shipped)}).settings
    without = load_settings({"MCP_STACK_CONFIG": str(Path(__file__).parent)}).settings
    assert with_files == without
