"""Named SQL queries: `sql/NAME.sql` holds blocks headed by `-- name: query_name`."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString, cast

_HEAD = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def queries(domain: str) -> dict[str, LiteralString]:
    """The queries of one domain by name.

    Args:
        domain: Name of the file in `sql/`, without its ending.

    Raises:
        ValueError: The file names a query twice.
    """
    text = resources.files(__package__).joinpath("sql", f"{domain}.sql").read_text(encoding="utf-8")
    parts = _HEAD.split(text)
    found: dict[str, LiteralString] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"sql/{domain}.sql names {name} twice")
        # The files ship with the package: their text is as literal as a string in the code.
        found[name] = cast("LiteralString", body.strip())
    return found
