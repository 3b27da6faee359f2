"""JSON schemas in the plain form that every client accepts."""

from __future__ import annotations

from typing import Any

_PREFIX = "#/$defs/"


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without `$ref`, `$defs`, generated titles, and what is so anyway.

    Claude Desktop, Claude Code, Cursor and Continue differ in what they understand of references, and titles that
    repeat the key cost tokens in every listing.

    Args:
        schema: As pydantic makes it; not recursive.
    """
    definitions: dict[str, Any] = schema.get("$defs", {})

    def resolve(node: Any, *, is_properties: bool = False) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(reference := node.get("$ref"), str):
            siblings = {key: value for key, value in node.items() if key != "$ref"}
            return resolve({**definitions[reference.removeprefix(_PREFIX)], **siblings})
        return {
            key: resolve(value, is_properties=key == "properties" and not is_properties)
            for key, value in node.items()
            if is_properties or not _says_nothing(key, value)
        }

    result: dict[str, Any] = resolve(schema)
    return result


def _says_nothing(key: str, value: Any) -> bool:
    """Whether a part of a schema repeats its name, the default of JSON Schema, or what has been put elsewhere."""
    return (
        key == "$defs"
        or (key == "title" and isinstance(value, str))
        or (key == "additionalProperties" and value is True)
    )
