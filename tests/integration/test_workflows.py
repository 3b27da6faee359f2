"""The workflows of the reference: a client's question, and every step of its way in the telemetry, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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
