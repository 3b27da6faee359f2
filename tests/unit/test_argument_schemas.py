"""Arguments are checked against schemas that somebody else wrote, in bounded time whatever they say."""

from __future__ import annotations

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.aidb.gateway.schemas import SECONDS, problems
from mcp_stack.errors import ConflictError

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=3)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner)
)
ARGUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"])
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "minimum": st.integers(-3, 3),
            "minLength": st.integers(0, 3),
            "pattern": st.sampled_from(["^a", "b$", "ab"]),
            "required": st.lists(st.sampled_from("abc"), unique=True),
            "uniqueItems": st.booleans(),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), inner),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=6,
)


def size(value: Any) -> int:
    match value:
        case dict():
            return 1 + sum(map(size, value.values()))
        case list():
            return 1 + sum(map(size, value))
    return 1


async def wrong(schema: dict[str, Any], arguments: dict[str, Any]) -> list[str]:
    return await problems("files.read", schema, arguments, size(arguments))


@given(SCHEMAS, ARGUMENTS)
@settings(max_examples=300)
async def test_the_verdict_is_that_of_the_library(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    assert bool(await wrong(schema, arguments)) != jsonschema.Draft202012Validator(schema).is_valid(arguments)


async def test_what_is_wrong_is_said_without_the_value() -> None:
    schema = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "pattern": "^/"},
            "mode": {"enum": ["r", "w"]},
            "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        },
        "required": ["path"],
        "additionalProperties": False,
    }
    assert await wrong(schema, {}) == ["arguments: 'path' is a required property"]
    assert await wrong(schema, {"path": "s3cret"}) == ["path: does not match '^/'"]
    assert await wrong(schema, {"path": "/", "mode": "s3cret"}) == ["mode: must be one of 'r', 'w'"]
    assert await wrong(schema, {"path": "/", "lines": [1, 0]}) == ["lines.1: breaks minimum 1"]
    assert await wrong(schema, {"path": "/", "s3": 1}) == ["s3: is not an argument of this tool"]
    assert await wrong(schema, {"path": "/", "mode": "r", "lines": [1]}) == []


async def test_the_draft_is_the_one_that_the_schema_names() -> None:
    first_is_text = {"properties": {"a": {"items": [{"type": "string"}]}}}
    assert await wrong({"$schema": "http://json-schema.org/draft-07/schema#", **first_is_text}, {"a": [1]})
    assert await wrong({"properties": {"a": {"prefixItems": [{"type": "string"}]}}}, {"a": [1]})
    assert await wrong({"$schema": "https://example.org/unknown", "type": "object", "required": ["a"]}, {})


def growing(keyword: str) -> dict[str, Any]:
    """Two to the power of forty paths through forty definitions."""
    definitions: dict[str, Any] = {
        f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(40)
    }
    definitions["d40"] = {"type": "object"} if keyword == "allOf" else {"type": "string"}
    return {"$defs": definitions, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}, growing("allOf"), growing("anyOf"), growing("oneOf")],
    ids=["itself", "itself within", "allOf", "anyOf", "oneOf"],
)
async def test_a_schema_without_end_is_refused_in_time(schema: dict[str, Any]) -> None:
    began = time.perf_counter()
    with pytest.raises(ConflictError, match=r"the input schema of files\.read is too costly"):
        await wrong(schema, {"a": 1})
    assert time.perf_counter() - began < SECONDS * 4


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"properties": {"a": {"pattern": "(x+x+)+y|^(a|aa)+$"}}},
        {"patternProperties": {"^(a+)+$": {}, "^(a|a)*$": {}}, "additionalProperties": {}},
        {"properties": {"a": {"pattern": "a" * 100_000}}},
        {"properties": {"a": {"format": "email"}}},
    ],
)
async def test_a_pattern_takes_no_longer_than_it_may(schema: dict[str, Any]) -> None:
    began = time.perf_counter()
    await wrong(schema, {"a": "a" * 60 + "!", "a" * 60 + "!": 1})
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/nowhere"},
        {"type": "strin"},
        {"required": True},
        {"properties": [1]},
        {"minimum": "x", "enum": 3, "pattern": 3, "items": 7},
        {"properties": {"a": {"pattern": "("}}},
        {"patternProperties": {"(": {}}},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_passed_over_and_nothing_is_fetched(schema: dict[str, Any]) -> None:
    assert await wrong(schema, {"a": "x"}) == []
    assert await wrong({**schema, "maxProperties": 0}, {"a": "x"}) == ["arguments: breaks maxProperties 0"]


async def test_large_arguments_are_checked_too_or_left_to_the_server() -> None:
    schema = {"properties": {"a": {"items": {"type": "integer"}, "uniqueItems": True}}}
    assert await wrong(schema, {"a": [*range(50_000), "x"]}) == ["a.50000: must be of type integer"]
    began = time.perf_counter()
    assert await wrong({"properties": {"a": {"uniqueItems": True}}}, {"a": [{"n": n} for n in range(50_000)]}) == []
    assert time.perf_counter() - began < 5
