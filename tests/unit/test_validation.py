"""What may come in: any text passes as it is, or is refused with the place of what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from mcp_stack.errors import UsageError
from mcp_stack.validation import MAX_DEPTH, checked_context, checked_number, checked_text

# Everything that JSON can carry, halves of characters and control characters included.
AWKWARD = st.sampled_from("\0\x1b\x7f\x85\x9f\ud800\udfff\u2028\ufeff\u202e\t\r\n ")
CHARACTERS = st.characters(exclude_categories=()) | AWKWARD
TEXTS = st.text(CHARACTERS, max_size=60).map(lambda text: str(json.loads(json.dumps(text))))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
PLACE = re.compile(r"has the control character U\+([0-9A-F]{4}) at position (\d+)")

CODE = """\
'; drop table issues; -- <script>alert(1)</script> ${jndi:ldap://x} {{7*7}} %s %n $(rm -rf /) `id` ../../etc/passwd
def f(x):\n\treturn x["a"] & 0xff  # émoji 🙂, العربية, 漢字\r\n"""


def is_allowed(character: str) -> bool:
    """Whether a character may be in a text, by the words of the contract."""
    number = ord(character)
    is_control = number < 32 or 127 <= number <= 159
    return character in "\t\n\r" or not (is_control or 0xD800 <= number <= 0xDFFF)


def refusal(check: Callable[[], object]) -> UsageError | None:
    """Why a check refuses; None if it does not."""
    try:
        check()
    except UsageError as error:
        return error
    return None


@settings(max_examples=500)
@given(TEXTS)
def test_any_text_passes_as_it_is_or_is_refused_with_the_place(text: str) -> None:
    refused = refusal(lambda: checked_text("query", text, 50, required=False))
    if refused is None:
        assert checked_text("query", text, 50, required=False) == text.strip()
        assert all(map(is_allowed, text))
    elif len(text) > 50:
        assert refused.problem == f"query has {len(text)} characters"
    else:
        assert (place := PLACE.search(refused.problem)) is not None
        assert ord(text[int(place[2])]) == int(place[1], 16)
        assert not is_allowed(text[int(place[2])])
        assert all(map(is_allowed, text[: int(place[2])]))


@given(OBJECTS)
def test_any_object_is_left_alone_or_refused(value: dict[str, Any]) -> None:
    before = json.dumps(value)
    refused = refusal(lambda: checked_context(value, 200))
    assert json.dumps(value) == before
    if refused is None:
        assert all(map(is_allowed, "".join(_texts(value))))
    else:
        assert refused.remedy


@pytest.fixture(scope="module")
def connection(postgres_server: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_server, autocommit=True) as opened:
        yield opened


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, value=st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS, max_size=3), max_size=4))
def test_what_passes_can_be_stored_as_it_is(
    connection: psycopg.Connection[Any], text: str, value: dict[str, Any]
) -> None:
    if refusal(lambda: checked_text("query", text, 100, required=False)) is None:
        row = connection.execute("select %s::text", [text]).fetchone()
        assert row == (text,)
    if refusal(lambda: checked_context(value, 10_000)) is None:
        row = connection.execute("select %s::jsonb", [Jsonb(value)]).fetchone()
        assert row == (value,)


def test_code_in_a_question_is_fine() -> None:
    assert checked_text("query", CODE, 4096) == CODE.strip()
    checked_context({"code": CODE, CODE[:20]: [CODE]}, 4096)


@pytest.mark.parametrize("blank", ["", " ", "\n\t\r\n", "\u2003\u00a0"])
def test_a_blank_text_is_refused_where_one_is_needed(blank: str) -> None:
    with pytest.raises(UsageError, match="query is empty"):
        checked_text("query", blank, 10)
    assert checked_text("query", blank, 10, required=False) == ""


def test_a_text_may_be_as_long_as_it_may_be_and_no_longer() -> None:
    assert len(checked_text("query", "🙂" * 4096, 4096)) == 4096
    with pytest.raises(UsageError, match="query has 4097 characters; at most 4096"):
        checked_text("query", "x" * 4097, 4096)


def test_an_object_is_bounded_in_size_and_depth() -> None:
    deep: Any = "x"
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    checked_context({"a": deep}, 100)
    with pytest.raises(UsageError, match="nested more than"):
        checked_context({"a": [deep]}, 100)
    for large in ({"a": "x" * 101}, {"x" * 101: 1}, {"a": [0] * 101}, {str(n): n for n in range(60)}):
        with pytest.raises(UsageError, match="too large"):
            checked_context(large, 100)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1, 101, 10**30])
def test_a_number_out_of_bounds_is_refused(number: float) -> None:
    with pytest.raises(UsageError, match="it must be from 0 to 100"):
        checked_number("limit", number, 0, 100)


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for pair in value.items() for part in pair for text in _texts(part)]
        case list():
            return [text for part in value for text in _texts(part)]
        case _:
            return []
