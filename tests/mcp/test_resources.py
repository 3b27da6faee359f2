"""AIDB's resources, prompts and completions, over real stdio."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import stdio_client
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from mcp import StdioServerParameters
from tests.support.calls import ISSUE_ID, SKILL
from tests.support.inspector import inspect, inspector
from tests.support.stdio import MODERN, StdioServer, environment, serve_command, served

__all__ = ["inspector"]

pytestmark = pytest.mark.timeout(300)

NOTE = "# Fähre\n\nDie Fähre nach Köln fährt um sieben."


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[StdioServer]:
    with served("aidb", environment(home)) as running:
        yield running


@pytest.fixture(scope="module")
def document_id(server: StdioServer) -> str:
    imported = server.must("import_document", {"text": NOTE, "collection": "ferries", "source": "timetable.md"})
    return str(imported["document_id"])


def read(server: StdioServer, uri: str) -> dict[str, Any]:
    """The one content of a resource."""
    (content,) = server.ask("resources/read", {"uri": uri})["result"]["contents"]
    assert content["uri"] == uri
    found: dict[str, Any] = content
    return found


def refusal(server: StdioServer, method: str, params: dict[str, Any]) -> tuple[int, str, str]:
    """The code, the message and the contract's code of a protocol error."""
    error = server.ask(method, params)["error"]
    return error["code"], error["message"], error["data"]["code"]


def test_a_document_is_read_whole_as_it_was_imported(server: StdioServer, document_id: str) -> None:
    content = read(server, f"kb://documents/{document_id}")
    assert (content["text"], content["mimeType"]) == (NOTE, "text/markdown")


def test_code_is_told_as_code(server: StdioServer) -> None:
    text = "def ferry() -> int:\n    return 7\n"
    imported = server.must("import_document", {"text": text, "source": "ferry.py"})
    assert read(server, f"kb://documents/{imported['document_id']}")["mimeType"] == "text/x-python"


def test_an_approved_skill_is_read_and_a_pending_one_is_not_there(server: StdioServer) -> None:
    content = read(server, f"skill://{SKILL}")
    assert (content["text"], content["mimeType"]) == ("Say hello.", "text/markdown")
    code, message, name = refusal(server, "resources/read", {"uri": "skill://pending"})
    assert (code, name) == (-32602, "NOT_FOUND")
    assert message.startswith("NOT_FOUND: there is no approved skill 'pending'; ")


def test_the_definition_of_a_tool_is_what_its_server_lists(server: StdioServer) -> None:
    content = read(server, "tool://hybrid-coordinator/routing_stats")
    assert content["mimeType"] == "application/json"
    definition = json.loads(content["text"])
    assert (definition["server"], definition["name"]) == ("hybrid-coordinator", "routing_stats")
    assert definition["inputSchema"]["properties"]["window"]["type"] == "string"
    assert definition["annotations"]["readOnlyHint"] is True


def test_what_is_worth_a_look_is_listed_and_can_be_read(server: StdioServer, document_id: str) -> None:
    listed = {each["uri"]: each for each in server.ask("resources/list")["result"]["resources"]}
    assert len(listed) <= 150
    note = listed[f"kb://documents/{document_id}"]
    assert (note["name"], note["mimeType"]) == ("Fähre", "text/markdown")
    assert "ferries" in note["description"]
    assert listed[f"skill://{SKILL}"]["description"] == "Greet a guest"
    for uri, each in listed.items():
        assert read(server, uri)["mimeType"] == each["mimeType"]
    templates = server.ask("resources/templates/list")["result"]["resourceTemplates"]
    assert [each["uriTemplate"] for each in templates] == [
        "kb://documents/{id}",
        "skill://{slug}",
        "tool://{server}/{tool}",
    ]


@pytest.mark.parametrize(
    "uri",
    [
        "kb://documents/00000000-0000-4000-8000-00000000ffff",
        "kb://documents/nothing",
        "kb://documents/../../etc/passwd",
        "tool://nobody/nothing",
        "tool://hybrid-coordinator/nothing",
        "skill://%2e%2e",
        "file:///etc/passwd",
        "nonsense",
    ],
)
def test_what_is_not_there_is_not_found(server: StdioServer, uri: str) -> None:
    code, message, name = refusal(server, "resources/read", {"uri": uri})
    assert (code, name) == (-32602, "NOT_FOUND"), message
    assert message.startswith("NOT_FOUND: ")
    assert "; " in message


@pytest.mark.parametrize(
    "uri",
    [
        "",
        " ",
        "kb://documents/%00",
        "kb://documents/a\x1bb",
        "skill://" + "x" * 3000,
        "skill://%C2%9B",
        "skill://\ud800",
    ],
)
def test_addresses_that_are_none_are_refused(server: StdioServer, uri: str) -> None:
    code, message, name = refusal(server, "resources/read", {"uri": uri})
    assert (code, name) == (-32602, "INVALID_INPUT"), message
    assert len(message) < 500


def message_of(server: StdioServer, prompt: str, arguments: dict[str, str]) -> str:
    """The text of a prompt's one message."""
    result = server.ask("prompts/get", {"name": prompt, "arguments": arguments})["result"]
    (message,) = result["messages"]
    assert message["role"] == "user"
    return str(message["content"]["text"])


def test_the_prompts_are_listed_with_their_arguments(server: StdioServer) -> None:
    prompts = {each["name"]: each for each in server.ask("prompts/list")["result"]["prompts"]}
    arguments = {
        name: [(each["name"], each["required"]) for each in prompt["arguments"]] for name, prompt in prompts.items()
    }
    assert arguments == {
        "ask-knowledge-base": [("question", True), ("collection", False)],
        "triage-issue": [("issue_id", False), ("error", False)],
    }
    assert all(each["title"] and each["description"] for each in prompts.values())


def test_a_question_comes_with_the_passages_that_fit_and_their_sources(server: StdioServer, document_id: str) -> None:
    text = message_of(server, "ask-knowledge-base", {"question": "Wann fährt die Fähre?", "collection": "ferries"})
    assert "Question: Wann fährt die Fähre?" in text
    assert f"[1] Fähre (timetable.md, kb://documents/{document_id})\nDie Fähre nach Köln fährt um sieben." in text
    nothing = message_of(server, "ask-knowledge-base", {"question": "Wann?", "collection": "no-such-collection"})
    assert "nothing on this in the collection no-such-collection" in nothing


def test_an_issue_and_an_error_come_with_what_helped_before(server: StdioServer) -> None:
    fix = "# Fix of a broken chair\n\nGlue the leg of the chair."
    server.must("import_document", {"text": fix, "collection": "error-solutions", "source": "issues"})
    by_id = message_of(server, "triage-issue", {"issue_id": ISSUE_ID})
    assert f"Issue {ISSUE_ID}: A chair is broken" in by_id
    assert "It has three legs." in by_id
    by_text = message_of(server, "triage-issue", {"error": "chair broken\n  at leg 4"})
    assert "Error:\nchair broken\n  at leg 4" in by_text
    for text in (by_id, by_text):
        assert "Glue the leg of the chair." in text
        assert "P0" in text


@pytest.mark.parametrize(
    ("prompt", "arguments", "name"),
    [
        ("ask-knowledge-base", {}, "INVALID_INPUT"),
        ("ask-knowledge-base", {"question": " "}, "INVALID_INPUT"),
        ("ask-knowledge-base", {"question": "a\0b"}, "INVALID_INPUT"),
        ("ask-knowledge-base", {"question": "x" * 5000}, "INVALID_INPUT"),
        ("ask-knowledge-base", {"question": "a", "collection": "\x9b"}, "INVALID_INPUT"),
        ("ask-knowledge-base", {"question": "a", "language": "en"}, "INVALID_INPUT"),
        ("triage-issue", {}, "INVALID_INPUT"),
        ("triage-issue", {"issue_id": ISSUE_ID, "error": "both"}, "INVALID_INPUT"),
        ("triage-issue", {"error": "x" * 5000}, "INVALID_INPUT"),
        ("triage-issue", {"issue_id": "00000000-0000-4000-8000-00000000ffff"}, "NOT_FOUND"),
        ("no-such-prompt", {}, "NOT_FOUND"),
    ],
)
def test_bad_arguments_of_a_prompt_are_refused(
    server: StdioServer, prompt: str, arguments: dict[str, str], name: str
) -> None:
    code, message, told = refusal(server, "prompts/get", {"name": prompt, "arguments": arguments})
    assert (code, told) == (-32602, name), message
    assert message.startswith(f"{name}: ")


def test_a_refused_prompt_names_its_own_argument(server: StdioServer) -> None:
    _, message, _ = refusal(server, "prompts/get", {"name": "ask-knowledge-base", "arguments": {"question": " "}})
    assert "question is empty" in message


def completion(
    server: StdioServer, ref: dict[str, str], name: str, value: str, given: dict[str, str] | None = None
) -> dict[str, Any]:
    """What the server offers for an argument."""
    params = {"ref": ref, "argument": {"name": name, "value": value}, "context": {"arguments": given or {}}}
    found: dict[str, Any] = server.ask("completion/complete", params)["result"]["completion"]
    return found


TOOL = {"type": "ref/resource", "uri": "tool://{server}/{tool}"}
ASK = {"type": "ref/prompt", "name": "ask-knowledge-base"}


def test_names_are_completed_those_that_begin_as_typed_first(server: StdioServer, document_id: str) -> None:
    assert document_id
    assert completion(server, ASK, "collection", "FER")["values"] == ["ferries"]
    assert completion(server, ASK, "collection", "co")["values"] == ["codebase-context"]
    assert completion(server, ASK, "collection", "tor")["values"] == ["interaction-history"]
    skills = completion(server, {"type": "ref/resource", "uri": "skill://{slug}"}, "slug", "g")
    assert skills["values"] == [SKILL]
    assert completion(server, TOOL, "server", "r")["values"][0] == "ralph-wiggum"
    tools = completion(server, TOOL, "tool", "task", {"server": "ralph-wiggum"})["values"]
    assert tools[:4] == ["task_log", "task_result", "task_status", "approve_task"]
    assert "submit_task" in tools
    assert completion(server, TOOL, "tool", "task", {"server": "embeddings"})["values"] == []
    everything = completion(server, TOOL, "tool", "")
    assert len(everything["values"]) == everything["total"] >= 10
    issue = {"type": "ref/prompt", "name": "triage-issue"}
    assert completion(server, issue, "issue_id", ISSUE_ID[:30])["values"] == [ISSUE_ID]


def test_an_argument_that_nothing_has_is_refused(server: StdioServer) -> None:
    wrong = {"ref": ASK, "argument": {"name": "language", "value": ""}}
    code, message, name = refusal(server, "completion/complete", wrong)
    assert (code, name) == (-32602, "INVALID_INPUT")
    assert message.endswith("it has collection, question")


def test_a_completion_is_as_quick_as_typing(server: StdioServer, document_id: str) -> None:
    assert document_id
    times = []
    for _ in range(20):
        started = time.perf_counter()
        completion(server, TOOL, "tool", "s")
        times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.1


def test_a_limit_of_requests_holds_for_reading_and_not_for_completing(home: Path) -> None:
    environ = environment(home, SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE="2")
    with served("aidb", environ) as server:
        for _ in range(2):
            assert "result" in server.ask("resources/read", {"uri": f"skill://{SKILL}"})
        code, message, name = refusal(server, "prompts/get", {"name": "triage-issue", "arguments": {"error": "x"}})
        assert (code, name) == (-32603, "RATE_LIMITED")
        assert "try again in" in message
        assert completion(server, ASK, "collection", "")["total"] >= 6


def test_without_a_database_every_request_says_so(home: Path) -> None:
    environ = environment(home, DATABASE_URL="host=127.0.0.1 port=1 connect_timeout=1")
    with served("aidb", environ) as server:
        for method, params in (
            ("resources/list", {}),
            ("resources/read", {"uri": "kb://documents/00000000-0000-4000-8000-000000000002"}),
            ("prompts/get", {"name": "ask-knowledge-base", "arguments": {"question": "why"}}),
            ("completion/complete", {"ref": ASK, "argument": {"name": "collection", "value": ""}}),
        ):
            code, message, name = refusal(server, method, params)
            assert (code, name) == (-32603, "UNAVAILABLE"), message
        assert len(server.ask("prompts/list")["result"]["prompts"]) == 2
        assert len(server.ask("resources/templates/list")["result"]["resourceTemplates"]) == 3


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_sdk_reads_prompts_and_completes(mode: str, home: Path, document_id: str, tmp_path: Path) -> None:
    command, *arguments = serve_command("aidb")
    parameters = StdioServerParameters(command=command, args=arguments, env=environment(home), cwd=home)
    with (tmp_path / "stderr").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(parameters, errlog=log), mode=mode, read_timeout_seconds=60) as client:
            (content,) = (await client.read_resource(f"kb://documents/{document_id}")).contents
            assert isinstance(content, TextResourceContents)
            assert content.text == NOTE
            assert len((await client.list_resources()).resources) > 1
            result = await client.get_prompt("ask-knowledge-base", {"question": "Fähre"})
            assert isinstance(result.messages[0].content, TextContent)
            prompt = PromptReference(type="ref/prompt", name="ask-knowledge-base")
            found = await client.complete(prompt, {"name": "collection", "value": "fer"})
            assert found.completion.values == ["ferries"]
            template = ResourceTemplateReference(type="ref/resource", uri="tool://{server}/{tool}")
            argument, given = {"name": "tool", "value": "route"}, {"server": "hybrid-coordinator"}
            found = await client.complete(template, argument, given)
            assert found.completion.values[0] == "route_query"


def test_what_is_offered_is_told_when_hands_are_shaken(home: Path) -> None:
    server = StdioServer("aidb", environment(home))
    try:
        assert {"tools", "resources", "prompts", "completions"} <= server.shake_hands()["capabilities"].keys()
    finally:
        server.kill()


def test_the_inspector_lists_and_reads(inspector: list[str], home: Path, document_id: str) -> None:
    environ = environment(home)
    uri = f"kb://documents/{document_id}"
    for options, expected in (
        (["--method", "resources/list"], uri),
        (["--method", "resources/read", "--uri", uri], "Die Fähre nach Köln"),
        (["--method", "prompts/list"], "triage-issue"),
    ):
        done = inspect(inspector, "aidb", environ, *options)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout, options
