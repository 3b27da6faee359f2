"""Which local model suits a machine."""

from __future__ import annotations

import pytest

from mcp_stack.llm.known_models import (
    KNOWN_MODELS,
    SLOW_TOKENS_PER_SECOND,
    Machine,
    expected_tokens_per_second,
    suitable,
)
from mcp_stack.llm.machine import this_machine

GB = 10**9


@pytest.mark.parametrize(
    ("memory_gb", "read_gb_per_second", "name", "reason"),
    [
        (32, 80, "qwen2.5-coder-7b", "about 8.5 tokens/s on 8 cores"),
        (32, 20, "qwen2.5-coder-1.5b", "qwen2.5-coder-7b would write about 2.1 tokens/s, less than 5"),
        (8, 80, "qwen2.5-coder-1.5b", "qwen2.5-coder-7b needs 5.7 GB, more than 50% of 8.0 GB"),
        (4, 80, "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b needs 2.1 GB, more than 50% of 4.0 GB"),
        (1, 1, "qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b is the smallest"),
    ],
)
def test_the_best_model_that_fits_the_memory_and_is_fast_enough_is_chosen_and_says_why(
    memory_gb: int, read_gb_per_second: int, name: str, reason: str
) -> None:
    model, why = suitable(Machine(8, memory_gb * GB, read_gb_per_second * GB))
    assert model.name == name
    assert reason in why


def test_this_machine_is_told_plausibly() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_bytes > GB / 4
    assert GB / 10 < machine.read_bytes_per_second < 10_000 * GB


def test_the_known_models_go_from_the_best_to_the_fastest() -> None:
    machine = Machine(4, 16 * GB, 10 * GB)
    speeds = [expected_tokens_per_second(model.bytes, machine) for model in KNOWN_MODELS]
    assert speeds == sorted(speeds)
    assert speeds[-1] > SLOW_TOKENS_PER_SECOND
