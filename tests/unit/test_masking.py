"""Secrets are masked, and what only looks like one is left alone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.masking import MASK, is_secret_key, is_secret_parameter, masked, without_secrets

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "text",
    [
        *(f"postgresql://ada:{SECRET}@db/x", f"redis://:{SECRET}@host:6379/0", f"https://{SECRET}@example.org/x?y"),
        *(f"password={SECRET}", f"PGPASSWORD={SECRET} psql", f"passwd: {SECRET}", f'{{"db_password": "{SECRET}"}}'),
        *(f"api_key={SECRET}&x=1", f"apikey: '{SECRET}'", f"ACCESS-KEY = {SECRET}", f"client_secret={SECRET}"),
        *(
            f"Authorization: Basic {SECRET}",
            f"authorization: {SECRET} more",
            f"Bearer {SECRET}",
            f"Cookie: a={SECRET}; b=1",
        ),
        *(f"mcp --token {SECRET} --x", f"--password {SECRET}", f"token={SECRET}", f"set-cookie: id={SECRET}"),
        *(f"sk-ant-api03-{SECRET}", f"ghp_{SECRET}{SECRET}", f"hf_{SECRET}{SECRET}", f"xoxb-{SECRET}"),
        f"eyJ{SECRET}.eyJ{SECRET}.{SECRET}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
    ],
)
def test_secrets_are_masked_and_the_rest_is_kept(text: str) -> None:
    clean = without_secrets(f"before {text}\nafter")
    assert SECRET not in clean
    assert MASK in clean
    assert clean.startswith("before ")
    assert clean.endswith("\nafter") or "BEGIN PRIVATE" in text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "unexpected token at line 3",
            "KeyError: 'x'",
            "the password is wrong",
            "https://example.org/a@b",
            "12:30:01",
        ),
        *("ada@example.org", "tokens_in: 5", "sk-short", "def f(x): return x['key']", "key: value", "authorized: yes"),
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "key", ["password", "DB_PASSWORD", "apiKey", "x-api-key", "authToken", "Authorization", "Set-Cookie"]
)
def test_whatever_a_secret_key_holds_is_masked(key: str) -> None:
    assert is_secret_key(key)
    for value in ("x", 5, ["x"], {"a": "x"}):
        assert masked({"headers": [{key: value}]}) == {"headers": [{key: MASK}]}
    for nothing in ("", None, True):
        assert masked({key: nothing}) == {key: nothing}


@pytest.mark.parametrize("key", ["tokens_in", "max_tokens_out", "author", "keyboard", "key", "path", "authority"])
def test_other_keys_hold_no_secret(key: str) -> None:
    assert masked({key: "x"}) == {key: "x"}


@pytest.mark.parametrize(
    "name",
    ["sig", "key", "Signature", "X-Amz-Signature", "X-Goog-Credential", "X-Amz-Security-Token", "api_key", "token"],
)
def test_what_opens_an_address_is_a_secret(name: str) -> None:
    assert is_secret_parameter(name)


@pytest.mark.parametrize("name", ["design", "monkey", "keys", "keyword", "signal", "X-Amz-Date", "q", "id"])
def test_what_chooses_or_describes_is_none(name: str) -> None:
    assert not is_secret_parameter(name)


LETTERS = st.text(st.characters(categories=["L", "N"]), min_size=9, max_size=40)


@given(LETTERS)
def test_what_follows_the_name_of_a_secret_does_not_survive(secret: str) -> None:
    named = (
        f"password={secret}",
        f'"api_key": "{secret}"',
        f"Authorization: {secret}",
        f"https://a:{secret}@b.example",
    )
    for text in named:
        assert secret not in without_secrets(f"x {text} y")


@pytest.mark.parametrize(
    "piece", ["://", "password", "authorization:", "eyJaaaaaaaaaa.", "token=", "a@", "-", "://x@", '"', "bearer "]
)
def test_hostile_text_takes_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        begin = time.process_time()
        without_secrets(piece * length)
        return time.process_time() - begin

    seconds(100)
    short = min(seconds(2_000) for _ in range(3))
    assert seconds(40_000) < 20 * 6 * max(short, 0.0005)
