"""Resources, prompts and completions of any server: found by their addresses, strict, with errors of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.client import Client
from mcp_types import PromptReference, Resource, ResourceTemplateReference, TextContent, TextResourceContents
from pydantic import Field

from mcp import MCPError
from mcp_stack.errors import NotFoundError, RateLimitedError
from mcp_stack.mcp.app import StackServer
from mcp_stack.mcp.offers import MAX_COMPLETIONS, Text, completed

NOTE = "note://{folder}/{name}"


def offering() -> StackServer:
    """A server with a resource, a prompt and completions."""
    server = StackServer("offering", title="Offering", instructions="For tests.")

    @server.declare_resource(NOTE, "Note", mime_type="text/markdown")
    async def note(folder: str, name: str) -> Text:
        """A note."""
        if name == "missing":
            raise NotFoundError("there is no note", "write one")
        if name == "broken":
            raise RuntimeError("secret of the code")
        return Text(f"{folder}|{name}", "text/plain")

    @server.declare_listing
    async def listed() -> list[Resource]:
        return [Resource(uri="note://a/b", name="b")]

    @server.declare_prompt("write-note", "Write a note")
    async def write(subject: Annotated[str, Field(description="Of the note")], tone: str = "plain") -> str:
        """Write a note about a subject."""
        return f"{tone}: {subject}"

    @server.declare_completion((NOTE, "folder"))
    async def folders(given: Mapping[str, str]) -> list[str]:
        return [f"folder-{n}-{given.get('name', '')}" for n in range(250)]

    return server


async def code_and_message(call: object) -> tuple[int, str]:
    with pytest.raises(MCPError) as caught:
        await call  # type: ignore[misc]  # any coroutine
    return caught.value.code, caught.value.message


async def test_a_resource_is_read_by_its_address_with_its_own_type() -> None:
    async with Client(offering()) as client:
        (content,) = (await client.read_resource("note://%C3%BCber%2Fall/b%20c")).contents
        assert isinstance(content, TextResourceContents)
        assert (content.text, content.mime_type) == ("über/all|b c", "text/plain")
        (listed,) = (await client.list_resources()).resources
        (template,) = (await client.list_resource_templates()).resource_templates
        assert (listed.uri, template.uri_template, template.description) == ("note://a/b", NOTE, "A note.")


async def test_bad_addresses_are_refused_in_words_of_the_contract() -> None:
    async with Client(offering()) as client:
        for uri in ("", "nothing://a", "note://a", "note://a/b/c", "file:///etc/passwd"):
            code, message = await code_and_message(client.read_resource(uri))
            assert code == -32602, uri
            assert message.startswith(("NOT_FOUND: ", "INVALID_INPUT: ")), uri
            assert "; " in message
        for uri in ("note://a/%00", "note://a/%1b", "note://a/" + "x" * 3000, "note://a/" + "x" * 600, "note://a/%20"):
            code, message = await code_and_message(client.read_resource(uri))
            assert (code, message.split(": ")[0]) == (-32602, "INVALID_INPUT"), uri
            assert len(message) < 300
        assert await code_and_message(client.read_resource("note://a/missing")) == (
            -32602,
            "NOT_FOUND: there is no note; write one",
        )


async def test_a_bug_is_told_by_an_incident_and_reported() -> None:
    reported: list[tuple[str, str, Exception]] = []

    async def report(where: str, incident: str, error: Exception) -> None:
        reported.append((where, incident, error))

    server = offering()
    server.report = report
    async with Client(server) as client:
        code, message = await code_and_message(client.read_resource("note://a/broken"))
    ((where, incident, error),) = reported
    assert (code, where, str(error)) == (-32603, "offering.resources/read", "secret of the code")
    assert message.startswith("INTERNAL: ")
    assert incident in message
    assert "secret" not in message


async def test_a_prompt_is_written_from_its_arguments_and_no_others() -> None:
    async with Client(offering()) as client:
        (prompt,) = (await client.list_prompts()).prompts
        assert [(each.name, each.required, each.description) for each in prompt.arguments or []] == [
            ("subject", True, "Of the note"),
            ("tone", False, None),
        ]
        (message,) = (await client.get_prompt("write-note", {"subject": "tea"})).messages
        assert isinstance(message.content, TextContent)
        assert (message.role, message.content.text) == ("user", "plain: tea")
        for name, arguments, expected in (
            ("write-note", {}, "INVALID_INPUT: subject is required; "),
            ("write-note", {"subject": "a", "mood": "b"}, "INVALID_INPUT: mood is not an argument of this prompt; "),
            ("no-such-prompt", {}, "NOT_FOUND: offering has no prompt 'no-such-prompt'; it has write-note"),
        ):
            code, text = await code_and_message(client.get_prompt(name, arguments))
            assert code == -32602
            assert text.startswith(expected)


async def test_completions_are_bounded_and_know_the_other_arguments() -> None:
    reference = ResourceTemplateReference(type="ref/resource", uri=NOTE)
    async with Client(offering()) as client:
        found = (await client.complete(reference, {"name": "folder", "value": "LDER-1"}, {"name": "x"})).completion
        assert (len(found.values), found.total, found.has_more) == (MAX_COMPLETIONS, 111, True)
        assert found.values[0] == "folder-1-x"
        assert (await client.complete(reference, {"name": "name", "value": "x"})).completion.values == []
        prompt = PromptReference(type="ref/prompt", name="write-note")
        assert (await client.complete(prompt, {"name": "tone", "value": ""})).completion.total == 0
        for bad, argument in (
            (PromptReference(type="ref/prompt", name="none"), "tone"),
            (ResourceTemplateReference(type="ref/resource", uri="x://{y}"), "y"),
            (prompt, "no-such-argument"),
        ):
            code, text = await code_and_message(client.complete(bad, {"name": argument, "value": ""}))
            assert code == -32602
            assert text.startswith(("NOT_FOUND: ", "INVALID_INPUT: "))
        assert (await code_and_message(client.complete(reference, {"name": "folder", "value": "\0"})))[0] == -32602


async def test_reading_counts_towards_the_limit_and_completing_does_not() -> None:
    async def admit(client: str) -> None:
        raise RateLimitedError("0 requests a minute are allowed", 7)

    server = offering()
    server.admit = admit
    async with Client(server) as client:
        for call in (client.read_resource("note://a/b"), client.list_resources(), client.get_prompt("write-note", {})):
            code, message = await code_and_message(call)
            assert (code, message.split(": ")[0]) == (-32603, "RATE_LIMITED")
        reference = ResourceTemplateReference(type="ref/resource", uri=NOTE)
        assert (await client.complete(reference, {"name": "folder", "value": ""})).completion.total == 250


@given(st.lists(st.text(max_size=6)), st.text(max_size=3))
def test_every_name_that_has_what_was_typed_is_offered_once_and_those_that_begin_with_it_first(
    names: list[str], typed: str
) -> None:
    found = completed(names, typed)
    wanted = typed.casefold()
    assert sorted(found) == sorted({name for name in names if wanted in name.casefold()})
    begins = [name.casefold().startswith(wanted) for name in found]
    assert begins == sorted(begins, reverse=True)
