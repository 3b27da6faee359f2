"""What clients are told of the tools: complete, plain, and as the contract names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mcp_stack.cli.servers import SERVERS
from tests.support.calls import GOOD, NEEDS_A_USER, filled_in
from tests.support.stdio import StdioServer, environment, served

pytestmark = pytest.mark.timeout(300)

ANSWER = (
    "response route confidence latency_ms cost tokens_in tokens_out cached value_score learned sources interaction_id"
)
COUNTS = "total_queries local_route remote_route fallback_route cached offline patterns_learned calibration_error"
COMPLETION = "completion_promise require_changes"

CONTRACT: dict[str, dict[str, tuple[str, str]]] = {
    "aidb": {
        "query": (
            "query context use_hybrid include_tools session_id limit",
            f"{ANSWER} tools",
        ),
        "search_knowledge": ("query collection tags limit mode", "hits"),
        "import_document": ("text path title collection tags source", "document_id chunks duplicate_of"),
        "list_documents": ("collection tags source query limit cursor", "documents next_cursor total"),
        "get_document": (
            "id offset limit",
            "id title source collection tags chunks origin pinned created_at updated_at content near_duplicates",
        ),
        "delete_document": ("id", "id title collection chunks"),
        "list_query_gaps": ("limit", "gaps"),
        "collect_garbage": ("dry_run include_user_documents", "dry_run kinds removed"),
        "discover_tools": ("query server category limit detail", "tools total tokens_saved"),
        "call_tool": ("name arguments", ""),
        "list_servers": ("", "servers"),
        "health": ("", "live ready startup status dependencies still_works"),
        "report_issue": ("title severity category description context", "issue_id status occurrences"),
        "list_issues": ("severity status category issue_id limit offset", "issues total"),
        "update_issue": ("id status note", "issue_id status occurrences"),
        "search_skills": ("query limit", "skills"),
        "get_skill": ("slug file", "slug name description content files"),
        "list_systems": ("kind", "systems"),
        "list_points_of_interest": ("category query limit offset", "points total"),
        "add_point_of_interest": ("title url category description", "point_id created"),
    },
    "hybrid-coordinator": {
        "route_query": (
            "query context prefer_local session_id max_cost_usd force_route",
            f"{ANSWER} model reasons",
        ),
        "explain_route": ("query", "route confidence gain parts reasons"),
        "give_feedback": ("interaction_id rating correction", "interaction_id value_score_before value_score_after"),
        "search_context": ("query limit", "passages tokens notes"),
        "get_session": ("session_id", "session_id turns tokens seconds_left"),
        "clear_session": ("session_id", "session_id turns_removed"),
        "routing_stats": (
            "window",
            f"{COUNTS} local_percentage cache_hit_rate average_latency_ms p95_latency_ms total_cost total_cost_saved",
        ),
    },
    "ralph-wiggum": {
        "submit_task": (
            f"task workspace backend max_iterations require_approval verify {COMPLETION} max_cost_usd max_minutes",
            "task_id state",
        ),
        "task_status": (
            "task_id wait_seconds",
            "state iteration last_exit_code last_error backend started_at cost tokens diff_stat waiting_for",
        ),
        "task_result": (
            "task_id",
            "state iterations files_modified lines_changed exit_codes duration_seconds branch commits summary",
        ),
        "list_tasks": ("state", "tasks total"),
        "task_log": ("task_id iteration", "iterations actions"),
        "approve_task": ("task_id note", "state"),
        "reject_task": ("task_id note", "state"),
        "steer_task": ("task_id guidance", "state"),
        "cancel_task": ("task_id", "state"),
        "resume_task": ("task_id", "state"),
        "rollback_task": ("task_id iteration", "state"),
        "list_backends": ("", "backends"),
    },
    "embeddings": {"embed_texts": ("texts", "")},
}
"""By server and tool: the arguments, and the fields of the result that may not be missing."""

HIT = "id title excerpt source collection score lexical_rank vector_rank"
FOUND_TOOL = "name summary score server_status"
DEFAULTS: dict[str, dict[str, Any]] = {
    "query": {"context": {}, "use_hybrid": True, "include_tools": True, "session_id": "", "limit": 10},
    "search_knowledge": {"collection": "", "tags": [], "limit": 10, "mode": "hybrid"},
    "import_document": {"title": "", "collection": "", "tags": [], "source": ""},
    "discover_tools": {"query": "", "server": "", "category": "", "limit": 5, "detail": "summary"},
    "list_documents": {"collection": "", "tags": [], "source": "", "query": "", "limit": 20, "cursor": ""},
    "get_document": {"offset": 0},
    "list_query_gaps": {"limit": 20},
    "collect_garbage": {"dry_run": True, "include_user_documents": False},
    "call_tool": {"arguments": {}},
    "report_issue": {"context": {}},
    "list_issues": {"severity": "", "status": "", "category": "", "issue_id": "", "limit": 20, "offset": 0},
    "update_issue": {"status": "", "note": ""},
    "search_skills": {"limit": 10},
    "get_skill": {"file": ""},
    "list_systems": {"kind": ""},
    "list_points_of_interest": {"category": "", "query": "", "limit": 50, "offset": 0},
    "add_point_of_interest": {"category": "general", "description": ""},
    "route_query": {"context": {}, "prefer_local": True, "session_id": "", "max_cost_usd": 0, "force_route": ""},
    "routing_stats": {"window": ""},
    "submit_task": {
        "workspace": "",
        "backend": "",
        "max_iterations": 0,
        "require_approval": False,
        "verify": [],
        "completion_promise": "",
        "require_changes": True,
        "max_cost_usd": 0,
        "max_minutes": 0,
    },
    "task_status": {"wait_seconds": 0},
    "list_tasks": {"state": ""},
    "task_log": {"iteration": 0},
    "approve_task": {"note": ""},
    "reject_task": {"note": ""},
}
# What it answers is the other server's, and has that server's schema.
PASSED_ON = "call_tool"
SERVER = "name transport status tools last_seen last_error"
CHOICES = {
    ("search_knowledge", "mode"): ["hybrid", "lexical", "vector"],
    ("discover_tools", "detail"): ["summary", "schema"],
    ("report_issue", "severity"): ["P0", "P1", "P2"],
    ("list_issues", "severity"): ["", "P0", "P1", "P2"],
    ("list_issues", "status"): ["", "open", "in_progress", "resolved", "closed"],
    ("update_issue", "status"): ["", "open", "in_progress", "resolved", "closed"],
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, home: Path) -> Iterator[StdioServer]:
    with served(request.param, environment(home, EMBEDDINGS__PROVIDER="llama_cpp")) as running:
        yield running


@pytest.fixture(scope="module")
def tools(server: StdioServer) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool for tool in server.tools()}


def test_every_tool_of_the_contract_is_there_and_no_other(
    server: StdioServer, tools: dict[str, dict[str, Any]]
) -> None:
    assert sorted(tools) == sorted(CONTRACT[server.name]) == sorted(GOOD[server.name])


def test_arguments_are_those_of_the_contract(server: StdioServer, tools: dict[str, dict[str, Any]]) -> None:
    for name, (arguments, _) in CONTRACT[server.name].items():
        assert list(tools[name]["inputSchema"]["properties"]) == arguments.split(), name


def test_defaults_and_choices_are_those_of_the_contract(server: StdioServer, tools: dict[str, dict[str, Any]]) -> None:
    for name, tool in tools.items():
        properties = tool["inputSchema"]["properties"]
        for argument, default in DEFAULTS.get(name, {}).items():
            assert properties[argument]["default"] == default, (name, argument)
            assert argument not in tool["inputSchema"].get("required", []), (name, argument)
        for (owner, argument), choices in CHOICES.items():
            if owner == name:
                assert properties[argument]["enum"] == choices


def test_results_have_the_fields_of_the_contract(server: StdioServer, tools: dict[str, dict[str, Any]]) -> None:
    for name, (_, fields) in CONTRACT[server.name].items():
        if name == PASSED_ON:
            assert "outputSchema" not in tools[name]
            continue
        missing = set(fields.split()) - set(tools[name]["outputSchema"]["properties"])
        assert not missing, (name, missing)


def test_every_tool_says_what_it_is_and_when_to_use_it(tools: dict[str, dict[str, Any]]) -> None:
    for name, tool in tools.items():
        assert tool["title"], name
        assert 20 <= len(tool["description"]) < 1000, (name, len(tool["description"]))


def test_every_tool_says_what_it_may_do(tools: dict[str, dict[str, Any]]) -> None:
    hints = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
    for name, tool in tools.items():
        annotations = tool["annotations"]
        assert [hint for hint in hints if not isinstance(annotations.get(hint), bool)] == [], name
        assert not (annotations["readOnlyHint"] and annotations["destructiveHint"]), name


def test_schemas_are_plain_enough_for_every_client(tools: dict[str, dict[str, Any]]) -> None:
    for name, tool in tools.items():
        for kind in {"inputSchema", "outputSchema"} & set(tool):
            jsonschema.Draft202012Validator.check_schema(tool[kind])
            for part in _parts(tool[kind]):
                assert not {"$ref", "$defs", "anyOf", "oneOf", "allOf"} & set(part), (name, kind, part)
                assert part.get("type") != "null", (name, kind, part)
                assert not isinstance(part.get("type"), list), (name, kind, part)


def test_input_schemas_are_flat_and_closed(tools: dict[str, dict[str, Any]]) -> None:
    for name, tool in tools.items():
        schema = tool["inputSchema"]
        assert schema["type"] == "object", name
        assert schema["additionalProperties"] is False, name
        for argument, part in schema["properties"].items():
            assert isinstance(part["type"], str), (name, argument)
            assert "properties" not in part, (name, argument)


def test_results_are_as_the_output_schema_says(
    server: StdioServer, tools: dict[str, dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    for name, arguments in GOOD[server.name].items():
        if name == NEEDS_A_USER:
            continue
        task = request.getfixturevalue("task_id") if "task_id" in arguments else ""
        result = server.must(name, filled_in(arguments, task))
        if name != PASSED_ON:
            jsonschema.validate(result, tools[name]["outputSchema"], jsonschema.Draft202012Validator)


@pytest.mark.parametrize("server", ["aidb"], indirect=True)
def test_what_is_found_has_the_fields_of_the_contract(server: StdioServer) -> None:
    server.must("import_document", GOOD["aidb"]["import_document"])
    hits = server.must("search_knowledge", GOOD["aidb"]["search_knowledge"])["hits"]
    found = server.must("discover_tools", GOOD["aidb"]["discover_tools"])["tools"]
    servers = server.must("list_servers", {})["servers"]
    assert hits
    assert found
    assert set(HIT.split()) <= set(hits[0])
    assert set(FOUND_TOOL.split()) | {"input_schema"} <= set(found[0])
    assert found[0]["name"].count(".") == 1
    assert set(SERVER.split()) <= set(servers[0])


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and everything in it that is a schema."""
    if isinstance(schema, list):
        for each in schema:
            yield from _parts(each)
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key == "properties":
                yield from _parts(list(value.values()))
            elif key not in ("default", "enum", "required", "examples"):
                yield from _parts(value)
