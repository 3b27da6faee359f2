"""The layers that settings are read from, each as a flat map from key path to value and origin."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_origin

from pydantic import BaseModel

from ..errors import UsageError
from ..ports.upstreams import STARTED_BY_A_GATEWAY
from .tree import Settings

KeyPath: TypeAlias = tuple[str, ...]

PREFIX = "MCP_STACK_"
# Variables that say where settings are, or who started us; they are not settings.
LOCATIONS = frozenset({"MCP_STACK_CONFIG", "MCP_STACK_CONFIG_MAP", "MCP_STACK_SECRETS", STARTED_BY_A_GATEWAY})
# The .env file of a working folder may come with somebody else's project. It may set thresholds; it may not say which
# programs run, which folders are open, or where questions and keys are sent.
SETTABLE_BY_ANY_PROJECT = ("hybrid",)
# Short names.
GENERIC: dict[str, KeyPath] = {
    "DATABASE_URL": ("database", "url"),
    "REDIS_URL": ("database", "redis", "url"),
    "QDRANT_URL": ("database", "qdrant", "url"),
    "QDRANT_API_KEY": ("database", "qdrant", "api_key"),
    "POSTGRES_PASSWORD": ("database", "postgres", "password"),
    "ANTHROPIC_API_KEY": ("llm", "claude", "api_key"),
    "ANTHROPIC_BASE_URL": ("llm", "claude", "url"),
}
SHORT: dict[str, KeyPath] = {
    "MCP_STACK_DATA": ("data",),
    "LOCAL_CONFIDENCE_THRESHOLD": ("hybrid", "local_confidence_threshold"),
    "FALLBACK_THRESHOLD": ("hybrid", "fallback_threshold"),
    "HIGH_VALUE_THRESHOLD": ("hybrid", "high_value_threshold"),
    "VALUE_SCORE_THRESHOLD": ("hybrid", "learning", "value_score_threshold"),
    "SIMILARITY_THRESHOLD": ("hybrid", "cache", "similarity_threshold"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value as a layer gives it, and where it stands."""

    raw: Any
    origin: str


Layer: TypeAlias = dict[KeyPath, Value]


def leaves(model: type[BaseModel] = Settings, prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every settable key with its annotation, depth first."""
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from leaves(annotation, (*prefix, name))
        else:
            yield (*prefix, name), annotation


def variables() -> dict[str, KeyPath]:
    """Every environment variable that sets a key, short and long forms."""
    long_forms = {PREFIX + "__".join(path).upper(): path for path, _ in leaves()}
    return {**GENERIC, **SHORT, **long_forms}


def read_yaml(file: Path, root: KeyPath = ()) -> Layer:
    """Read a YAML file.

    Args:
        file: The file; a missing one gives an empty layer.
        root: Where its keys hang in the tree, `("ralph",)` for ralph.yaml.

    Raises:
        UsageError: It is not readable, not YAML, or has an unknown key.
    """
    import yaml  # noqa: PLC0415 - heavy: imported on first use

    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}", "make it a readable UTF-8 file") from error
    try:
        # libyaml where the package was built with it: ten times as fast, and every server reads two files at its start.
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        # Only the place and the parser's words: the text around it may hold a key or a password.
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "it cannot be read"
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(f"{file} is not valid YAML{place}: {problem}", "correct the file") from None
    if content is None:
        return {}
    known = {path for path, _ in leaves()}
    groups = {path[:depth] for path in known for depth in range(len(path))}
    layer: Layer = {}

    def walk(node: object, path: KeyPath) -> None:
        if path in known:
            layer[path] = Value(node, str(file))
        elif path not in groups:
            shown = ".".join(path[len(root) :])
            siblings = sorted({other[len(path) - 1] for other in known if other[: len(path) - 1] == path[:-1]})
            raise UsageError(f"{file}: unknown key {shown!r}", _suggest(path[-1], siblings))
        elif node is None:
            return
        elif isinstance(node, dict):
            for key, value in node.items():
                walk(value, (*path, str(key)))
        else:
            shown = ".".join(path[len(root) :]) or "the file"
            kind = type(node).__name__
            raise UsageError(
                f"{file}: {shown} must be a group of keys, not a value ({kind})", "indent its keys below it"
            )

    walk(content, root)
    return layer


def read_variables(environ: Mapping[str, str], label: str, *, trusted: bool = True) -> Layer:
    """Read environment variables.

    Args:
        environ: Names and values.
        label: Put before the name in the origin.
        trusted: Take every key, rather than those of `SETTABLE_BY_ANY_PROJECT`.

    Raises:
        UsageError: A variable starts with MCP_STACK_ and names no key, or its JSON is broken.
    """
    known = variables()
    annotations = dict(leaves())
    layer: Layer = {}
    # Long forms first, then short ones: where both are set the long, more specific one wins.
    for name in sorted(environ, key=lambda name: name.upper().startswith(PREFIX)):
        path = known.get(name.upper())
        if path is None:
            if name.upper().startswith(PREFIX) and name.upper() not in LOCATIONS:
                raise UsageError(f"{label} {name}: no such setting", _suggest(name.upper(), sorted(known)))
            continue
        if not trusted and path[0] not in SETTABLE_BY_ANY_PROJECT:
            continue
        if environ[name] == "" and annotations[path] is not str:
            continue
        layer[path] = Value(_parse(environ[name], annotations[path], f"{label} {name}"), f"{label} {name}")
    return layer


def read_folder(folder: Path, label: str) -> Layer:
    """Read a folder of mounted secrets or of a config map: one file a variable, named like it.

    Raises:
        UsageError: As `read_variables`.
    """
    if not folder.is_dir():
        return {}
    values: dict[str, str] = {}
    for file in sorted(folder.iterdir()):
        if file.name.upper() in variables() or file.name.upper().startswith(PREFIX):
            try:
                values[file.name.upper()] = file.read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"cannot read {file}: {error}", "make it a readable UTF-8 file") from error
    return read_variables(values, f"{label} {folder}{os.sep}")


def read_dotenv(file: Path, *, trusted: bool) -> Layer:
    """Read a .env file; a missing one gives an empty layer.

    Args:
        file: The file.
        trusted: See `read_variables`.

    Raises:
        UsageError: As `read_variables`.
    """
    if not file.is_file():
        return {}
    from dotenv import dotenv_values  # noqa: PLC0415 - heavy: imported on first use

    try:
        values = {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}", "make it a readable UTF-8 file") from error
    return read_variables(values, str(file), trusted=trusted)


def _parse(text: str, annotation: Any, origin: str) -> Any:
    """Lists are JSON or comma-separated, maps are JSON, the rest is left to pydantic."""
    if get_origin(annotation) is dict:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            # Not the parser's words, nor the text: it may hold a key.
            raise UsageError(f"{origin}: not JSON", "write one JSON object") from None
    if get_origin(annotation) is not tuple:
        return text
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{origin}: not a JSON list ({error})", "write a JSON list, or items with commas") from error


def _suggest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
