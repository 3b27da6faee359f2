"""Arguments that are taken as they are: none too many, none of another type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from mcp.server.mcpserver.utilities.func_metadata import func_metadata
from pydantic import ConfigDict

if TYPE_CHECKING:
    from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
    from pydantic_core import ErrorDetails


def strict_metadata(function: Callable[..., Any], skipped: Sequence[str] = ()) -> FuncMetadata:
    """What the SDK finds out about a function, with a strict model of its arguments.

    Args:
        function: Its arguments are a tool's or a prompt's.
        skipped: Arguments that the client does not give.
    """
    metadata = func_metadata(function, skip_names=skipped)
    namespace = {"model_config": ConfigDict(extra="forbid", strict=True)}
    name = metadata.arg_model.__name__
    metadata.arg_model = cast("type[ArgModelBase]", type(name, (metadata.arg_model,), namespace))
    return metadata


def described(errors: list[ErrorDetails], owner: str = "tool") -> str:
    """What is wrong with arguments, without repeating values that may be long or secret.

    Args:
        errors: As pydantic found them.
        owner: What they are arguments of.
    """
    problems = []
    for error in errors[:5]:
        name = ".".join(str(part) for part in error["loc"])[:80] or "arguments"
        match error["type"]:
            case "extra_forbidden":
                problems.append(f"{name} is not an argument of this {owner}")
            case "missing":
                problems.append(f"{name} is required")
            case _:
                problems.append(f"{name}: {error['msg'].removeprefix('Value error, ')}")
    return ", ".join(problems)


def encodable(text: str) -> str:
    """A text that came from a client, as it can be sent back: JSON allows halves of characters, UTF-8 does not."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
