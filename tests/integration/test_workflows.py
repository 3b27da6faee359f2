"""The workflows of the reference: a client's question, and every step of its way in the telemetry, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_claude import ScriptedClaude
from tests.support.stdio import environment, served, wait_until_database_is_gone
from tests.support.tiny_gguf import write_knowing_gguf

pytestmark = pytest.mark.timeout(180)

ATLAS = "# France\n\nThe capital of France is Paris."


def events(home: Path, server: str) -> list[dict[str, Any]]:
    lines = (home / "data" / "telemetry" / f"{server}-events.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def steps(event: dict[str, Any]) -> list[str]:
    times = [step["ms"] for step in event["steps"]]
    assert times == sorted(times)
    return [step["step"] for step in event["steps"]]


def test_a_repeated_question_is_validated_admitted_and_answered_from_the_cache(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served("aidb", environment(home, EMBEDDINGS__PROVIDER="llama_cpp")) as server:
        server.must("import_document", {"text": ATLAS, "source": "nixos-docs/ssh.md"})
        question = {"query": "What is the capital of France?"}
        first = server.must("query", question)
        again = server.must("query", question)
    wait_until_database_is_gone(home)
    assert (first["cached"], again["cached"], again["route"], again["cost"]) == (False, True, "cache", 0)
    assert again["response"] == first["response"]
    hit = events(home, "aidb")[-1]
    assert (hit["event_type"], hit["cost"], hit["interaction_id"]) == ("cache_hit", 0, again["interaction_id"])
    assert hit["latency_ms"] == again["latency_ms"]
    assert steps(hit) == ["validated", "admitted", "cache_hit"]
    # The coordinator tells of the same request.
    assert [event["trace_id"] for event in events(home, "hybrid")][-1] == hit["trace_id"]


def test_a_question_to_the_full_stack_leaves_every_step_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    model = write_knowing_gguf(tmp_path / "knowing.gguf")
    settings = {
        "EMBEDDINGS__PROVIDER": "llama_cpp",
        "LLM__LOCAL__PATH": str(model),
        "LLM__LOCAL__CONTEXT_TOKENS": "4096",
    }
    with served("aidb", environment(home, **settings)) as server:
        server.must("import_document", {"text": ATLAS, "source": "atlas"})
        answer = server.must("query", {"query": "Is it true that the capital of France is Paris?"})
    wait_until_database_is_gone(home)
    assert answer["route"] == "local"
    assert [source["source"] for source in answer["sources"]] == ["atlas"]
    (asked,) = (event for event in events(home, "aidb") if event["event_type"] == "query")
    (completed,) = events(home, "hybrid")
    way = ["validated", "admitted", "cache_missed", "retrieved", "scored", "answered:local", "cached", "recorded"]
    assert steps(completed) == way
    assert steps(asked) == way
    assert completed["trace_id"] == asked["trace_id"]
    assert asked["context_size"] == 1
    assert asked["result"]["interaction_id"] == completed["interaction_id"] == answer["interaction_id"]
    assert completed["timestamp"] <= asked["timestamp"]


FIREWALL_ANSWER = "Set networking.firewall.enable and list the ports in networking.firewall.allowedTCPPorts [1]."


def nixos_home(folder: Path) -> tuple[Path, dict[str, str]]:
    """A home whose local model is sure of everything on the NixOS firewall, and unsure of all else."""
    model = write_knowing_gguf(folder / "nixos.gguf", facts={"firewall": "NixOS"}, answer=FIREWALL_ANSWER)
    local = {"LLM__LOCAL__PATH": str(model), "LLM__LOCAL__CONTEXT_TOKENS": "4096"}
    return folder / "home", {"EMBEDDINGS__PROVIDER": "llama_cpp", **local}


def import_all(server: Any, **sources: str) -> None:
    for name, text in sources.items():
        collection, _, file = name.partition("__")
        collection = collection.replace("_", "-")
        server.must("import_document", {"text": text, "source": f"{collection}/{file}.md", "collection": collection})


def test_a_simple_question_is_answered_by_the_local_model_from_three_collections_and_learned_from(
    tmp_path: Path,
) -> None:
    home, settings = nixos_home(tmp_path)
    question = {"query": "How to configure firewall in NixOS?"}
    with served("aidb", environment(home, **settings)) as server:
        import_all(
            server,
            nixos_docs__networking="NixOS opens a port of its firewall with networking.firewall.allowedTCPPorts.",
            best_practices__firewall="Configure the firewall of NixOS before the services: open only what they need.",
            error_solutions__firewall_config="A firewall of NixOS that blocks a service lacks its port. Add the port.",
        )
        answer = server.must("query", question)
        again = server.must("query", question)
    wait_until_database_is_gone(home)
    assert (answer["route"], answer["cost"], answer["cached"]) == ("local", 0, False)
    assert answer["confidence"] >= 0.85
    assert answer["response"] == FIREWALL_ANSWER
    assert {source["collection"] for source in answer["sources"]} == {"nixos-docs", "best-practices", "error-solutions"}
    assert answer["value_score"] >= 0.7
    assert answer["learned"]
    assert (again["route"], again["response"]) == ("cache", FIREWALL_ANSWER)
    completed, repeated = events(home, "hybrid")
    way = ["validated", "admitted", "cache_missed", "retrieved", "scored", "answered:local", "cached", "recorded"]
    assert steps(completed) == way
    for field in ("route", "confidence", "cost", "learned", "value_score", "interaction_id"):
        assert completed[field] == answer[field], field
    assert completed["latency_ms"] > 0
    assert (repeated["route"], repeated["cost"]) == ("cache", 0)
    asked = [event for event in events(home, "aidb") if event["event_type"] == "query"]
    assert [(event["trace_id"], event["context_size"]) for event in asked] == [(completed["trace_id"], 3)]


def test_a_complex_question_is_answered_by_claude_and_its_cost_is_counted(tmp_path: Path) -> None:
    home, settings = nixos_home(tmp_path)
    question = {"query": "Design a multi-tier deployment with HA and monitoring"}
    with ScriptedClaude() as claude:
        design = " ".join(f"Tier {number} has {number + 1} machines and monitoring [1]." for number in range(9))
        claude.answers(design, tokens_in=850, tokens_out=1200)
        settings |= {"LLM__CLAUDE__API_KEY": "sk-test", "LLM__CLAUDE__URL": claude.url}
        with served("aidb", environment(home, **settings)) as server:
            import_all(
                server,
                best_practices__deployment="A deployment of several tiers has monitoring in each of them.",
                skills_patterns__ha_setup="HA needs two proxies, and a check that moves the address between them.",
            )
            answer = server.must("query", question)
        (received,) = claude.received
    wait_until_database_is_gone(home)
    assert (answer["route"], answer["tokens_in"], answer["tokens_out"]) == ("remote", 850, 1200)
    assert answer["confidence"] < 0.7
    assert answer["cost"] == pytest.approx((850 * 2 + 1200 * 10) / 1e6)
    assert answer["value_score"] == pytest.approx(0.85)
    assert answer["learned"]
    prompt = json.dumps(received.body["messages"])
    assert "moves the address" in prompt
    assert "monitoring in each" in prompt
    (completed,) = events(home, "hybrid")
    way = ["validated", "admitted", "cache_missed", "retrieved", "scored", "answered:remote", "cached", "recorded"]
    assert steps(completed) == way
    for field in ("route", "confidence", "cost", "learned", "value_score", "interaction_id"):
        assert completed[field] == answer[field], field
