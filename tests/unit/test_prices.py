"""What a call of Claude costs."""

from __future__ import annotations

import typing

import pytest
from anthropic.types import Model

from mcp_stack.errors import UsageError
from mcp_stack.llm.claude import DEFAULT_MODEL
from mcp_stack.llm.prices import PRICES, Price, Rates, cost_usd, price_of


def test_a_million_tokens_each_way_cost_the_listed_prices() -> None:
    assert cost_usd("claude-sonnet-4-6", 1_000_000, 0) == 3
    assert cost_usd("claude-sonnet-4-6", 0, 1_000_000) == 15
    assert cost_usd("claude-sonnet-4-6", 0, 0, cache_write=1_000_000) == 3.75
    assert cost_usd("claude-sonnet-4-6", 0, 0, cache_read=1_000_000) == 0.3


def test_some_models_have_cheaper_cache_hits_than_a_tenth_of_the_input() -> None:
    assert cost_usd("claude-sonnet-5-5", 0, 0, cache_read=1_000_000) == 0.1
    assert cost_usd("claude-opus-5-5", 0, 0, cache_read=1_000_000) == 0.2
    assert cost_usd("claude-fable-5-1", 0, 0, cache_read=1_000_000) == 0.25


def test_the_parts_of_a_call_add_up_and_are_rounded_to_six_places() -> None:
    # (812 * 1 + 97 * 5 + 1000 * 1.25 + 3000 * 0.1) / 1e6
    assert cost_usd("claude-haiku-4-5", 812, 97, cache_write=1000, cache_read=3000) == 0.002847
    assert cost_usd("claude-haiku-4-5", 0, 0, cache_read=13) == 0.000001


def test_a_long_prompt_makes_every_token_of_the_call_dearer_where_the_model_says_so() -> None:
    assert cost_usd("claude-haiku-5-5", 100_000, 1000) == 0.0105
    assert cost_usd("claude-haiku-5-5", 100_001, 1000) == 0.0525
    assert cost_usd("claude-haiku-5-5", 1, 1000, cache_read=100_000) == 0.007501


def test_a_dated_snapshot_costs_what_its_model_costs() -> None:
    assert price_of("claude-haiku-4-5-20251001") == PRICES["claude-haiku-4-5"]
    assert price_of("claude-sonnet-4-6-latest") == PRICES["claude-sonnet-4-6"]


@pytest.mark.parametrize("model", ["claude-opus-5-9", "claude-sonnet-5-5-turbo", "gpt-5", "", "claude-sonnet"])
def test_an_unknown_model_is_refused_and_the_known_ones_and_the_settings_are_named(model: str) -> None:
    with pytest.raises(UsageError) as refused:
        price_of(model)
    assert "claude-sonnet-5-5" in refused.value.problem
    assert "llm.claude.price_input_per_million" in refused.value.remedy


def test_every_priced_model_is_one_that_the_sdk_knows() -> None:
    literals, _any_text = typing.get_args(Model)
    known = set(typing.get_args(literals))
    assert set(PRICES) <= known
    assert DEFAULT_MODEL in known


def test_given_prices_have_the_usual_cache_prices() -> None:
    assert Price(Rates.of(2, 8)).cost_usd(0, 0, cache_write=1_000_000, cache_read=1_000_000) == 2.7


def test_what_is_cached_for_an_hour_costs_twice_the_input() -> None:
    assert price_of("claude-sonnet-4-6").cost_usd(0, 0, cache_write_hour=1_000_000) == 6
