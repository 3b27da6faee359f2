"""The same error again is the same text once it is normalised."""

from __future__ import annotations

import re
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.normalising import normalised, signature

PIECES = st.sampled_from(
    [
        *(
            "a",
            "Z",
            "7",
            "0x",
            "ff",
            "é",
            "٣",
            " ",
            "\n",
            ".",
            ",",
            ":",
            "/",
            "\\",
            "-",
            "_",
            "'",
            '"',
            "`",
            "<",
            ">",
            "@",
        ),
        *("=", "<number>", "http://", "12:30:01", "2026-01-02", "::", "deadbeef1", "~", "(", "[", "{", "\u201c", "%"),
    ]
)
MESSY = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection to 10.0.0.5:5432 failed", "connection to 192.168.1.77:5433 failed"),
        ("connection to [::1]:5432 failed", "connection to [fe80::a1]:6000 failed"),
        ("row 17 of 3,000 is bad", "row 4 of 12.5 is bad"),
        ("took 2 s", "took 1.5 s"),
        ("object at 0x7f3a21 is gone", "object at 0xFFEE01 is gone"),
        (f"task {uuid.uuid4()} failed", f"task {uuid.uuid4()} failed"),
        ("commit 3f2a1bc9 is missing", "commit 99deadbeef0 is missing"),
        ("request req_8fJ2kLmN3p9 failed", "request req_1aB2cD3eF4g failed"),
        ("cannot open /home/ada/notes.md", "cannot open /var/lib/x/other.txt"),
        ("cannot open C:\\Users\\ada\\notes.md", "cannot open D:\\x\\y.txt"),
        ("cannot open 'my notes.md'", "cannot open 'x'"),
        ('no column "price" there', 'no column "a b c" there'),
        ("GET https://a.example/x?id=1 gave 404", "GET http://b.example:80/y gave 500"),
        ("2026-01-02T03:04:05.678Z it broke", "2025-12-31T23:59:59+01:00 it broke"),
        ("at 2026-01-02 03:04:05 it broke", "at 2025-12-31 it broke"),
        ("no mail to ada@example.org", "no mail to b.c+d@mail.example.com"),
        ("File src/a/b.py:12: bad", "File lib/c.py:7: bad"),
    ],
)
def test_what_varies_makes_no_difference(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert signature("bug", one, "") == signature("bug", other, "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connection refused", "connection reset"),
        ("read and/or write failed", "read or write failed"),
        ("POST /query failed", "POST /submit failed"),
        ("KeyError: 'a'", "ValueError: 'a'"),
        ("std::vector is empty", "std::list is empty"),
        ("the disk is full", "the disk's full"),
    ],
)
def test_what_is_said_makes_a_difference(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_each_kind_has_its_name() -> None:
    message = "2026-01-02 12:30:01 worker 7 at 10.0.0.5 lost 'x' of /srv/data/a.db, see https://x.example/y (id 0xab12)"
    assert normalised(message) == ("<time> worker <number> at <address> lost <value> of <path>, see <url> (id <id>)")


def test_only_the_error_at_the_end_of_a_traceback_counts() -> None:
    first = "I ran it again.\nTraceback (most recent call last):\n  File 'a.py', line 3\nKeyError: 'x'\nPlease help."
    again = "It came back today:\nTraceback (most recent call last):\n  File 'b.py', line 9\nKeyError: 'y'"
    other = "I ran it again.\nTraceback (most recent call last):\n  File 'a.py', line 3\npkg.MyError: no key\n"
    assert signature("bug", "It fails", first) == signature("bug", "It fails", again)
    assert signature("bug", "It fails", first) != signature("bug", "It fails", other)


def test_category_title_and_description_all_count_and_case_does_not() -> None:
    assert signature("Bug", "It FAILS", "Badly") == signature("bug", "it fails", "badly")
    others = [("ui", "a", "b"), ("bug", "c", "b"), ("bug", "a", "c"), ("bug", "a", "b")]
    variants = {signature(*each) for each in others}
    assert len(variants) == 4
    assert signature("bug", "a", "b c") != signature("bug", "a b", "c")


@settings(max_examples=500)
@given(MESSY)
def test_no_number_survives(text: str) -> None:
    assert re.search(r"\d", normalised(text)) is None


@given(st.text(alphabet=st.characters(categories=["L"]), max_size=30), st.integers(0, 10**30), st.integers(0, 10**30))
def test_another_number_is_the_same_message(words: str, one: int, other: int) -> None:
    assert normalised(f"{words} {one} {words}") == normalised(f"{words} {other} {words}")


VARIABLE = st.tuples(st.datetimes(), st.uuids(), st.ip_addresses())


@given(VARIABLE, VARIABLE)
def test_any_time_id_and_address_is_found(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    message = "{} {} at {} was lost"
    assert normalised(message.format(*one)) == normalised(message.format(*other))


@pytest.mark.parametrize(
    "piece", ["'", "a", "/", "1.", "a@", "a:", "\\", "a-", "<", "1:2:", "' a", "a1", "<number> ", ":", ".:", "://", "f"]
)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        begin = time.process_time()
        normalised(piece * length)
        signature("c", piece * length, (piece + "\n") * length)
        return time.process_time() - begin

    seconds(100)
    short = min(seconds(2_000) for _ in range(3))
    assert seconds(40_000) < 20 * 6 * max(short, 0.0005)
