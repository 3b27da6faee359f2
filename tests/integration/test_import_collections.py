"""Each collection has somebody who fills it, and a question is answered with what is in it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from mcp_stack.aidb.knowledge.answered import FEED_INTERACTIONS, is_worth_keeping, key_of_question
from mcp_stack.aidb.knowledge.models import QueryResult
from mcp_stack.composition import Stack
from mcp_stack.errors import UsageError
from mcp_stack.hybrid.models import CitedSource
from mcp_stack.storage.postgres.feeds import PostgresAnsweredQuestions
from tests.support.scripted_claude import ScriptedClaude
from tests.support.stack import add, open_stack

ADVICE = (
    "Rotate the deploy key with the command keysmith rotate, then restart the gateway and look at its log: the line "
    "that names the new fingerprint says that it is in use."
)


def claude_at(endpoint: ScriptedClaude) -> dict[str, str]:
    return {"ANTHROPIC_API_KEY": "sk-test", "ANTHROPIC_BASE_URL": endpoint.url}


async def ask(stack: Stack, query: str, **details: Any) -> QueryResult:
    arguments: dict[str, Any] = {
        "context": {},
        "use_hybrid": True,
        "include_tools": False,
        "session_id": "",
        "limit": 3,
    }
    return await (await stack.aidb()).knowledge.query(query=query, **{**arguments, **details})


async def cited(stack: Stack, query: str) -> CitedSource:
    """The passage that the answer had before it first."""
    return (await ask(stack, query, use_hybrid=False)).sources[0]


async def documents(stack: Stack, collection: str) -> list[Any]:
    nothing = {"source": "", "query": "", "cursor": ""}
    listed = await (await stack.aidb()).knowledge.list_documents(**nothing, collection=collection, tags=[], limit=50)
    return listed.documents


async def feed_interactions(stack: Stack) -> None:
    """Do the job, without the minute that an answer has to settle."""
    stack._stores.__dict__["answered"] = PostgresAnsweredQuestions(stack._stores.database, seconds_to_settle=0)
    await stack._knowledge.handlers[FEED_INTERACTIONS]()


async def test_a_folder_of_code_is_the_context_of_the_code_base(conninfo: str, tmp_path: Path) -> None:
    (tmp_path / "app" / "billing").mkdir(parents=True)
    (tmp_path / "app" / "billing" / "invoice.py").write_text(
        "class Invoice:\n    def dunning_level(self, days):\n        '''How often a debtor was reminded.'''\n"
        "        return days // 14\n" + "\n    # more\n" * 60
    )
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, path=str(tmp_path / "app"))
        source = await cited(stack, "How is the dunning level of a debtor computed?")
        assert source.collection == "codebase-context"
        assert "return days // 14" in source.excerpt
        assert source.title == "billing/invoice.py"


async def test_curated_imports_are_best_practices(conninfo: str, tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("# Reviews\n\nA reviewer answers within one working day.")
    async with open_stack(conninfo, tmp_path) as stack:
        await add(stack, path=str(tmp_path / "rules.md"), collection="best-practices", tags=["team"])
        assert (await cited(stack, "How fast does a reviewer answer?")).collection == "best-practices"
        (document,) = await documents(stack, "best-practices")
        assert (document.tags, document.origin) == (["curated", "team"], "user")


async def test_the_manuals_and_options_of_nixos_are_imported_by_their_preset(conninfo: str, tmp_path: Path) -> None:
    manual = tmp_path / "manual"
    manual.mkdir()
    (manual / "firewall.md").write_text(
        "# Firewall {#sec-firewall}\n\nThe {option}`networking.firewall` drops what is not asked for.\n"
    )
    options = {
        f"services.{service}.{name}": {
            "declarations": ["nixos/modules/x.nix"],
            "description": f"Whether {service} shall {name} at night.",
            "type": "boolean",
        }
        for service in ("lamp", "heater", "pump")
        for name in ("enable", "glow")
    }
    (manual / "options.json").write_text(json.dumps(options))
    async with open_stack(conninfo, tmp_path) as stack:
        result = await add(stack, path=str(manual), collection="nixos-docs")
        assert (result.documents, result.skipped) == (4, [])
        source = await cited(stack, "Shall the heater glow at night?")
        assert (source.collection, source.title) == ("nixos-docs", "services.heater options")
        assert "Whether heater shall glow" in source.excerpt
        assert source.source.endswith("options.json#services.heater")
        firewall = await cited(stack, "What does the firewall drop?")
        assert firewall.excerpt == "The `networking.firewall` drops what is not asked for."
        # One option changes: its group is replaced, the others stay as they are.
        options["services.pump.glow"]["description"] = "Whether the pump shall shine."
        (manual / "options.json").write_text(json.dumps(options))
        changed = await add(stack, path=str(manual / "options.json"), collection="nixos-docs")
        assert (changed.documents, changed.replaced, changed.duplicates) == (1, 1, 2)


@pytest.mark.parametrize("collection", ["error-solutions", "skills-patterns"])
async def test_what_is_fed_is_cited_and_the_same_key_again_replaces_it(
    conninfo: str, tmp_path: Path, collection: str
) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        feeder = stack._knowledge.feeder
        entry: dict[str, Any] = {
            "collection": collection,
            "key": "issue:1",
            "title": "The spool stalls",
            "tags": ["P1"],
        }
        first = await feeder.feed(**entry, text="Clean the spool with a dry brush.")
        assert await feeder.feed(**entry, text="Clean the spool with a dry brush.") == first
        source = await cited(stack, "The spool stalls, what can I do?")
        assert (source.collection, source.source) == (collection, "issue:1")
        assert source.excerpt == "Clean the spool with a dry brush."
        second = await feeder.feed(**entry, text="Replace the spool.")
        other = await feeder.feed(**{**entry, "key": "issue:2"}, text="Order a new spool.")
        assert len({first, second, other}) == 3
        kept = {document.id: document for document in await documents(stack, collection)}
        assert kept.keys() == {second, other}
        assert kept[second].origin == "user"  # who resolved the issue wants to keep it
        for wrong in ({"text": " "}, {"key": ""}, {"collection": ""}, {"title": "a\0b"}):
            with pytest.raises(UsageError):
                await feeder.feed(**{**entry, "text": "words", **wrong})


async def test_a_text_that_brings_its_own_title_has_it_once(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        entry: dict[str, Any] = {"collection": "error-solutions", "key": "k", "title": "A title", "tags": []}
        document_id = await stack._knowledge.feeder.feed(**entry, text="# A title\n\nThe words.")
        knowledge = (await stack.aidb()).knowledge
        assert (
            await knowledge.get_document(document_id=document_id, offset=0, limit=100)
        ).content == "# A title\n\nThe words."


async def test_an_answered_question_is_cited_later(conninfo: str, tmp_path: Path, claude: ScriptedClaude) -> None:
    claude.always_answers(f"{ADVICE} [1]")
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        await ask(stack, "How do I rotate the deploy key?")
        await feed_interactions(stack)
        (document,) = await documents(stack, "interaction-history")
        assert (document.title, document.origin) == ("How do I rotate the deploy key?", "fed")
        source = await cited(stack, "keysmith rotate")
        assert source.collection == "interaction-history"
        assert source.excerpt == ADVICE  # the number stood for a passage that nobody sees any more


async def test_what_is_not_worth_keeping_is_not_kept(conninfo: str, tmp_path: Path, claude: ScriptedClaude) -> None:
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        claude.answers(ADVICE)
        await ask(stack, "How do I rotate the deploy key?", context={"password": "private"})
        claude.answers("I do not know the answer to that.")
        await ask(stack, "What is the airspeed of a swallow?")
        claude.answers("Yes.")
        await ask(stack, "Is the gateway running today?")
        claude.answers(ADVICE)
        await ask(stack, "And that?")
        await ask(stack, "Which passages are there?", use_hybrid=False)
        await feed_interactions(stack)
        assert await documents(stack, "interaction-history") == []


async def test_the_same_question_again_replaces_its_answer_and_an_answer_never_feeds_on_itself(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.always_answers(ADVICE)
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        await ask(stack, "How do I rotate the deploy key?")
        await ask(stack, "how do I rotate the deploy KEY")
        await feed_interactions(stack)
        (document,) = await documents(stack, "interaction-history")
        # This one has the first answer before it.
        claude.always_answers(f"As said before: {ADVICE}")
        answer = await ask(stack, "Please tell me how I rotate the deploy key of the gateway?")
        assert answer.sources[0].collection == "interaction-history"
        await feed_interactions(stack)
        assert [each.id for each in await documents(stack, "interaction-history")] == [document.id]


async def test_each_answer_is_read_once_and_cached_answers_stay_valid(
    conninfo: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    claude.always_answers(ADVICE)
    async with open_stack(conninfo, tmp_path, **claude_at(claude)) as stack:
        await ask(stack, "How do I rotate the deploy key?")
        await feed_interactions(stack)
        assert (await ask(stack, "How do I rotate the deploy key?")).cached
        (document,) = await documents(stack, "interaction-history")
        knowledge = (await stack.aidb()).knowledge
        await knowledge.delete_document(document_id=document.id)
        await feed_interactions(stack)
        assert await documents(stack, "interaction-history") == []


async def test_many_answers_are_read_in_portions_and_none_twice(conninfo: str, tmp_path: Path) -> None:
    async with open_stack(conninfo, tmp_path) as stack:
        rows = [
            (str(uuid.uuid4()), f"How does part number {number} work?", f"{ADVICE} Part {number}.")
            for number in range(230)
        ]
        async with stack._stores.database.write() as connection, connection.cursor() as cursor:
            # All at the same instant: the id decides which come after the mark.
            await cursor.executemany(
                "insert into interactions (id, query, response, route, confidence, latency_ms, tokens_in, tokens_out, "
                "cost_usd, saved_usd, value_score, learned) "
                "values (%s, %s, %s, 'remote', 0.5, 1, 1, 1, 0, 0, 0.8, true)",
                rows,
            )
        await feed_interactions(stack)
        assert await stack._stores.documents.count() == 230
        await feed_interactions(stack)
        assert await stack._stores.documents.count() == 230


def test_a_question_is_the_same_in_other_case_and_punctuation() -> None:
    assert key_of_question("How do I  open it?") == key_of_question("how do i open IT")
    assert key_of_question("How do I open it?") != key_of_question("How do I close it?")
    assert is_worth_keeping("How do I open it?", ADVICE, ("imported",))
    assert not is_worth_keeping("How do I open it?", ADVICE, ("imported", "interaction-history"))
    assert not is_worth_keeping("x " * 400, ADVICE, ())
