"""`mcp-stack config`."""

from __future__ import annotations

import json

from ..settings import load_settings


def show_config(*, as_json: bool) -> int:
    """Print each setting with its value and origin, secrets masked.

    Args:
        as_json: One JSON object from key to value and origin, rather than a table.

    Raises:
        UsageError: A setting is wrong.
    """
    loaded = load_settings()
    rows = loaded.rows()
    if as_json:
        print(json.dumps({key: {"value": value, "origin": origin} for key, value, origin in rows}, indent=2))
        return 0
    width = max(len(key) for key, _, _ in rows)
    value_width = min(44, max(len(value) for _, value, _ in rows))
    print(f"# configuration folder: {loaded.config_folder}")
    for key, value, origin in rows:
        print(f"{key:<{width}}  {value:<{value_width}}  {origin}")
    return 0
