"""Whatever a server says when it fails, what its configuration keeps secret is not shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.ports.upstreams import Upstream
from mcp_stack.upstreams.wire import MAX_REASON, Ending, one_line, origin

SECRETS = ("env-secret", "bearer-secret", "user-name", "url-password", "query-secret", "path/secret", "opt-1", "opt-2")
SERVER = Upstream(
    "s",
    "stdio",
    "here",
    command=("run", "--api-key", "opt-1", "--token=opt-2", "--verbose", "plain"),
    environment={"TOKEN": "env-secret", "DEBUG": "1"},
    url="https://user-name:url-password@example.org:8443/path/secret?query-secret",
    headers={"Authorization": "Bearer bearer-secret"},
)


def test_every_kind_of_secret_is_masked() -> None:
    shown = Ending(SERVER).shown(f"started as plain with DEBUG=1 and {', '.join(SECRETS)}")
    assert shown == "started as plain with DEBUG=1 and " + ", ".join(["********"] * len(SECRETS))


def test_the_representation_shows_no_environment_headers_or_address() -> None:
    shown = repr(SERVER)
    assert not [secret for secret in SECRETS[:6] if secret in shown]


def test_of_an_address_only_its_origin_is_shown() -> None:
    assert origin(SERVER.url) == "https://example.org:8443"
    assert origin("http://[::1]:80/x") == "http://[::1]:80"


def test_the_first_reason_counts() -> None:
    ending = Ending(SERVER)
    ending.end("it was env-secret\x1b[31m red")
    ending.end("something else")
    assert (ending.is_over, ending.reason) == (True, "it was ******** [31m red")


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MAX_REASON
    assert "\n" not in line
    assert "\x1b" not in line
    line.encode()
