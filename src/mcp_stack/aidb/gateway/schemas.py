"""Arguments against the schema that another server gave: bounded, whatever that schema is.

The keywords are those of the library jsonschema, each wrapped so that it counts what it costs. A pattern is matched by
a regular-expression engine that can be told to stop. A reference leads to other parts of the same schema only. What
makes no sense in a schema is passed over: the server checks its arguments itself, and knows what it meant.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from ...errors import ConflictError

if TYPE_CHECKING:
    import jsonschema.protocols

SECONDS = 0.25
# More for large arguments: a step is about 3 microseconds, and an item takes several.
SECONDS_FOR_AN_ITEM = 30e-6
MOST_SECONDS = 5.0
# Beyond so many items the check is done in a thread.
ITEMS_IN_THE_LOOP = 500
# Beyond so many, what could not be checked in time is left to the server: it is the size, not the schema.
ITEMS_THAT_TAKE_TIME = 20_000
SECONDS_FOR_A_PATTERN = 0.05
LONGEST_PATTERN = 2000
# jsonschema compares each member with each other where it cannot sort them.
MOST_UNIQUE_ITEMS = 1000
PROBLEMS_SHOWN = 3
LONGEST_PROBLEM = 150


class _Exhausted(Exception):  # noqa: N818 - no error: a bound
    """The schema costs more than it may."""


_deadline: ContextVar[float] = ContextVar("deadline")


async def problems(tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any], items: int) -> list[str]:
    """What is wrong with the arguments of a call, one line each; nothing if they fit.

    Values are not repeated: they may be long, or secret.

    Args:
        tool: Its name, for the error.
        schema: Its input schema, of any draft.
        arguments: Of the call.
        items: How many values the arguments consist of.

    Raises:
        ConflictError: The schema cannot be applied within bounds: it was made for that, or by mistake.
    """
    if items > ITEMS_IN_THE_LOOP:
        return await asyncio.to_thread(_problems, tool, schema, arguments, items)
    return _problems(tool, schema, arguments, items)


def _problems(tool: str, schema: Mapping[str, Any], arguments: Mapping[str, Any], items: int) -> list[str]:
    validator = _validator(schema)
    # The thread's own time: neither a first import nor a busy machine makes a schema costly.
    _deadline.set(time.thread_time() + min(MOST_SECONDS, SECONDS + items * SECONDS_FOR_AN_ITEM))
    found: list[str] = []
    try:
        for error in validator.iter_errors(arguments):
            found.append(_described(error))
            if len(found) >= PROBLEMS_SHOWN:
                break
    except (_Exhausted, RecursionError):
        if items > ITEMS_THAT_TAKE_TIME:
            return found
        raise ConflictError(
            f"the input schema of {tool} is too costly to check: it refers to itself without end, or grows",
            "have its server corrected",
        ) from None
    return found


def _validator(schema: Mapping[str, Any]) -> jsonschema.protocols.Validator:
    from jsonschema import validators  # noqa: PLC0415 - heavy: imported on first use
    from referencing import Registry  # noqa: PLC0415 - heavy: imported on first use

    kind = _bounded_kind(validators.validator_for(schema, default=validators.validator_for({})))
    # Without a way to retrieve anything: what is not in the schema itself, or in a draft, does not exist.
    made: jsonschema.protocols.Validator = kind(schema, registry=Registry())
    return made


@cache
def _bounded_kind(base: Any) -> Any:
    """A draft with bounded keywords."""
    from jsonschema import validators  # noqa: PLC0415 - heavy: imported on first use

    keywords = {name: _bounded(keyword) for name, keyword in base.VALIDATORS.items()}
    for name, keyword in {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique_items(base.VALIDATORS.get("uniqueItems")),
        "additionalProperties": _additional_properties,
    }.items():
        if name in keywords:
            keywords[name] = _bounded(keyword)
    return validators.extend(base, keywords)  # type: ignore[no-untyped-call]  # the library does not say


Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


def _bounded(keyword: Keyword) -> Keyword:
    """A keyword that looks at the clock, and that finds nothing where it makes no sense."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if time.thread_time() > _deadline.get():
            raise _Exhausted
        try:
            yield from keyword(validator, value, instance, schema) or ()
        except (_Exhausted, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - a reference to nowhere, a type that is none, a list where a map belongs
            return

    return check


def _pattern(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ARG001 - as the library calls it
    from jsonschema import ValidationError  # noqa: PLC0415 - heavy: imported on first use

    if validator.is_type(instance, "string") and not _matches(value, instance):
        yield ValidationError("does not match its pattern")


def _pattern_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ARG001 - as above
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in value.items():
        for name, member in instance.items():
            if _matches(pattern, name):
                yield from validator.descend(member, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """The library's own matches patterns without a bound, and repeats the names of what is too much."""
    from jsonschema import ValidationError  # noqa: PLC0415 - heavy: imported on first use

    if not validator.is_type(instance, "object"):
        return
    patterns = list(schema.get("patternProperties", {}))
    for name, member in instance.items():
        if name in schema.get("properties", {}) or any(_matches(pattern, name) for pattern in patterns):
            continue
        if value is False:
            yield ValidationError("is not an argument of this tool", path=[name])
        elif validator.is_type(value, "object"):
            yield from validator.descend(member, value, path=name)


def _unique_items(keyword: Keyword | None) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if keyword is not None and isinstance(instance, list) and len(instance) <= MOST_UNIQUE_ITEMS:
            yield from keyword(validator, value, instance, schema) or ()

    return check


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; a pattern that is none, or takes too long, is no obstacle."""
    import regex  # noqa: PLC0415 - heavy: imported on first use

    if len(pattern) > LONGEST_PATTERN:
        return True
    try:
        return regex.search(pattern, text, timeout=SECONDS_FOR_A_PATTERN) is not None
    except (regex.error, TimeoutError):
        return True


def _described(error: Any) -> str:
    """An error in our words, without the value."""
    place = ".".join(str(part) for part in error.absolute_path) or "arguments"
    match error.validator, error.validator_value:
        case "type", wanted:
            reason = f"must be of type {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
        case "required", _:
            reason = error.message
        case "enum", allowed if isinstance(allowed, list):
            reason = f"must be one of {', '.join(repr(each) for each in allowed[:20])}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" | "multipleOf" as rule, bound:
            reason = f"breaks {rule} {bound}"
        case "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" as rule, bound:
            reason = f"breaks {rule} {bound}"
        case "pattern", pattern:
            reason = f"does not match {pattern!r}"
        case "additionalProperties" | "unevaluatedProperties", _:
            reason = "is not an argument of this tool"
        case rule, _:
            reason = f"breaks {rule}"
    return f"{place}: {reason}"[:LONGEST_PROBLEM]
