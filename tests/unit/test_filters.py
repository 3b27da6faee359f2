"""Filters that are remembered for a while."""

from __future__ import annotations

from mcp_stack.storage.postgres.filters import MOST_FILTERS, SECONDS, LargeFilters


def test_a_filter_is_remembered_for_a_while_with_its_tags() -> None:
    now = 100.0
    filters = LargeFilters(lambda: now)
    filters.remember("c", ["a", "b"])
    assert filters.knows("c", ["a", "b"])
    assert not filters.knows("c", ["a"])
    assert not filters.knows("c", [])
    now += SECONDS
    assert not filters.knows("c", ["a", "b"])


def test_memory_is_bounded() -> None:
    filters = LargeFilters(lambda: 0.0)
    for number in range(3 * MOST_FILTERS):
        filters.remember(f"c{number}", [])
    assert filters.knows(f"c{3 * MOST_FILTERS - 1}", [])
    assert len(filters._until) <= MOST_FILTERS
