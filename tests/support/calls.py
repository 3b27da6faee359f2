"""Arguments for every tool of every server: good ones, and bad ones made from the tool's schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# What is in the database of `home` from the start.
ISSUE_ID = "00000000-0000-4000-8000-000000000001"
SKILL = "greeting"
DOCUMENT_ID = "00000000-0000-4000-8000-000000000002"
INTERACTION_ID = "00000000-0000-4000-8000-000000000003"
SESSION_ID = "a talk"
DOOMED_IDS = [f"00000000-0000-4000-8001-{n:012d}" for n in range(100)]
"""Documents that are there to be deleted."""
_doomed = iter(DOOMED_IDS)
WAITING, RESTING = "a task that awaits approval", "a task that was cancelled"
WAITING_IDS = [f"00000000-0000-4000-8002-{n:012d}" for n in range(100)]
RESTING_IDS = [f"00000000-0000-4000-8003-{n:012d}" for n in range(100)]
"""Tasks of another machine, for which there is no worker here."""
_tasks = {WAITING: iter(WAITING_IDS), RESTING: iter(RESTING_IDS)}
NEEDS_A_USER = "approve_task"
"""What is denied to a client that cannot ask its user."""

GOOD: dict[str, dict[str, dict[str, Any]]] = {
    "aidb": {
        "query": {"query": "Where is the capital of France described?"},
        "search_knowledge": {"query": "capital", "limit": 3},
        "import_document": {"text": "# Capitals\n\nParis is the capital of France.", "source": "tests"},
        "list_documents": {"collection": "tests", "limit": 3},
        "get_document": {"id": DOCUMENT_ID, "limit": 10},
        "delete_document": {"id": ""},
        "list_query_gaps": {"limit": 3},
        "collect_garbage": {"dry_run": True},
        "discover_tools": {"query": "find a tool that answers questions", "limit": 3, "detail": "schema"},
        "call_tool": {"name": "hybrid-coordinator.routing_stats", "arguments": {"window": "24h"}},
        "list_servers": {},
        "health": {},
        "report_issue": {
            "title": "Row 7 of /data/x.db is broken",
            "severity": "P2",
            "category": "tests",
            "description": "KeyError: 'x'",
            "context": {"version": "1"},
        },
        "list_issues": {"severity": "P2", "limit": 3},
        "update_issue": {"id": ISSUE_ID, "note": "looked at it"},
        "search_skills": {"query": "greet a guest", "limit": 3},
        "get_skill": {"slug": SKILL},
        "list_systems": {"kind": "machine"},
        "list_points_of_interest": {"category": "tests", "query": "example"},
        "add_point_of_interest": {"title": "An example", "url": "https://example.org/", "category": "tests"},
    },
    "hybrid-coordinator": {
        "route_query": {"query": "What is the capital of France?"},
        "explain_route": {"query": "What is the capital of France?"},
        "routing_stats": {"window": "24h"},
        "give_feedback": {"interaction_id": INTERACTION_ID, "rating": 1},
        "search_context": {"query": "What is the capital of France?", "limit": 3},
        "clear_session": {"session_id": "a talk that is over"},
        "get_session": {"session_id": SESSION_ID},
    },
    "ralph-wiggum": {
        "submit_task": {"task": "Write a file.", "verify": ["true"], "max_iterations": 1, "require_changes": False},
        "task_status": {"task_id": ""},
        "task_result": {"task_id": ""},
        "list_tasks": {"state": "queued"},
        "task_log": {"task_id": ""},
        "approve_task": {"task_id": WAITING},
        "reject_task": {"task_id": WAITING},
        "steer_task": {"task_id": RESTING, "guidance": "Keep it short."},
        "cancel_task": {"task_id": WAITING},
        "resume_task": {"task_id": RESTING},
        "rollback_task": {"task_id": RESTING, "iteration": 0},
        "list_backends": {},
    },
    "embeddings": {
        "embed_texts": {"texts": ["Paris is the capital of France.", "a second text"]},
    },
}
"""By server and tool. An empty `task_id` stands for that of a task which was submitted before, an empty `id` for that
of a document which may be deleted."""

USES_DATABASE = {"aidb": "search_knowledge", "hybrid-coordinator": "routing_stats", "ralph-wiggum": "task_status"}
"""A harmless tool that needs the database, by server."""

# Longer than any that are allowed, by argument; 5,000 characters for the others.
_TOO_LONG = {
    "text": 10_000_001,
    "task": 20_001,
    "guidance": 10_001,
    "texts": 100_001,
    "path": 5_000,
    "description": 10_001,
    "correction": 20_001,
}
# Beyond these a list has too many members, by argument.
_TOO_MANY = {"tags": 33, "texts": 257, "verify": 21}

_WRONG: dict[str, tuple[Any, ...]] = {
    "string": (7, 1.5, True, [], {}, None),
    "integer": ("7", 1.5, True, [], {}, None, float("nan"), 10**30, -(10**30)),
    "number": ("1", True, [], {}, None, float("nan"), float("inf"), float("-inf"), -1, 1e300),
    "boolean": ("true", 1, 0, [], {}, None),
    "array": ("x", 7, True, {}, None),
    "object": ("x", 7, True, [], None),
}
_UNPRINTABLE = {"NUL": "a\0b", "ESC": "a\x1bb", "C1": "a\x9bb", "DEL": "a\x7fb"}


class Bad(NamedTuple):
    """Arguments that must be refused, and why in a word."""

    why: str
    arguments: dict[str, Any]


def filled_in(arguments: Mapping[str, Any], task_id: str) -> dict[str, Any]:
    """Good arguments with the id of a task, or of a document that is still there."""
    missing = {"task_id": lambda: task_id, "id": lambda: next(_doomed)}
    found = {name: missing[name]() if value == "" and name in missing else value for name, value in arguments.items()}
    if (kind := found.get("task_id")) in _tasks:
        found["task_id"] = next(_tasks[kind])
    return found


def bad_arguments(schema: Mapping[str, Any], good: Mapping[str, Any]) -> Iterator[Bad]:
    """Every way to go wrong with one argument, the others being good.

    Args:
        schema: The tool's input schema.
        good: Arguments that are right.
    """
    required = schema.get("required", [])
    yield Bad("unknown argument", {**good, "no_such_argument": 1})
    yield Bad("other spelling of an argument", {**good, **{name.upper(): "x" for name in schema["properties"]}, "X": 1})
    for name in required:
        yield Bad(f"{name} is missing", {key: value for key, value in good.items() if key != name})
    for name, part in schema["properties"].items():
        for value in _WRONG[part["type"]]:
            yield Bad(f"{name} = {value!r}", {**good, name: value})
        for why, value in _out_of_bounds(name, part, is_required=name in required):
            yield Bad(f"{name}: {why}", {**good, name: value})


def _out_of_bounds(name: str, part: Mapping[str, Any], *, is_required: bool) -> Iterator[tuple[str, Any]]:
    if "minimum" in part:
        yield "below the minimum", part["minimum"] - 1
    if "maximum" in part:
        yield "above the maximum", part["maximum"] + 1
    if part["type"] == "string":
        yield from _bad_texts(name, part, is_required=is_required)
    if part["type"] == "array":
        if is_required:
            yield "no members", []
        yield "too many members", ["x"] * _TOO_MANY[name]
        members: tuple[Any, ...] = (7, None, [], {}, True)
        for member in members:
            yield f"a member is {member!r}", [member]
        for why, text in _bad_texts(name, part["items"], is_required=True):
            yield f"a member with {why}", [text]
    if part["type"] == "object":
        for kind, text in _UNPRINTABLE.items():
            yield f"{kind} in a value", {"key": text}
            yield f"{kind} in a key", {text: "value"}
            yield f"{kind} deep inside", {"key": [{"inner": text}]}
        yield "not a number inside", {"key": float("nan")}
        yield "too long", {"key": "x" * 10_000_001}


def _bad_texts(name: str, part: Mapping[str, Any], *, is_required: bool) -> Iterator[tuple[str, str]]:
    if "enum" in part:
        yield "none of the choices", "no-such-choice"
        return
    if is_required:
        yield "nothing", ""
        yield "white space", " \n\t "
    yield "too many characters", "x" * _TOO_LONG.get(name, 5_000)
    yield from _UNPRINTABLE.items()
