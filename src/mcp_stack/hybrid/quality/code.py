"""Whether the code in an answer parses."""

from __future__ import annotations

import ast
import importlib
import json
import re
import textwrap
import tomllib
import warnings
from functools import cache
from typing import TYPE_CHECKING

from .findings import Finding
from .text import Block, blocks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Parser

MAX_CHARACTERS = 20_000
"""A longer block is not parsed: it is no snippet."""
MAX_BLOCKS = 12
# A grammar's parser goes on after an error: the share of the text it could make nothing of.
BROKEN_SHARE = 0.1

# Words after the fence: the module of the grammar and its function; the packages are dependencies.
_GRAMMARS = {
    "bash": ("tree_sitter_bash", "language"),
    "sh": ("tree_sitter_bash", "language"),
    "shell": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "c++": ("tree_sitter_cpp", "language"),
    "go": ("tree_sitter_go", "language"),
    "golang": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "js": ("tree_sitter_javascript", "language"),
    "jsx": ("tree_sitter_javascript", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "rs": ("tree_sitter_rust", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "ts": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
}
# A snippet may be the inside of a function or a class.
_AROUND = {
    "c": ("void f(void) {\n%s\n}",),
    "cpp": ("void f() {\n%s\n}", "class A {\n%s\n};"),
    "c++": ("void f() {\n%s\n}", "class A {\n%s\n};"),
    "go": ("package p\nfunc f() {\n%s\n}", "package p\n%s"),
    "golang": ("package p\nfunc f() {\n%s\n}", "package p\n%s"),
    "java": ("class A {\n%s\n}", "class A { void f() {\n%s\n} }"),
    "rust": ("fn f() {\n%s\n}",),
    "rs": ("fn f() {\n%s\n}",),
    "javascript": ("async function f() {\n%s\n}", "class A {\n%s\n}"),
    "js": ("async function f() {\n%s\n}", "class A {\n%s\n}"),
    "typescript": ("async function f() {\n%s\n}", "class A {\n%s\n}"),
    "ts": ("async function f() {\n%s\n}", "class A {\n%s\n}"),
}
# What a writer leaves out, in any language: such a snippet is not meant to parse.
_LEFT_OUT = re.compile(
    r"^\s*(?:\.\.\.|…)|(?:\.\.\.|…)\s*$|<[a-z][a-z _-]{2,30}>|\[\.\.\.\]|\{\s*\.\.\.\s*\}", re.IGNORECASE | re.MULTILINE
)
_PROMPT = re.compile(r"^(?:>>>|\.\.\.) ?", re.MULTILINE)
_MAGIC = re.compile(r"^\s*[%!].*$", re.MULTILINE)
_CODE_ASKED = re.compile(
    r"\b(?:write|implement|create|give me|show me|provide|generate|code)\b[^.?!\n]{0,60}?"
    r"\b(?:function|class|script|program|method|code|snippet|query|regex|regular expression|component|module"
    r"|unit tests?)\b",
    re.IGNORECASE,
)
_LOOKS_LIKE_CODE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|function |const |let |var |public |fn |func "
    r"|#include|select\b.+\bfrom\b)|[;{}]\s*$"
    r"|\w+\([^)\n]*\)|=>|`[^`\n]+`|[\\^$*+?]{2}|^ {4}\S",
    re.IGNORECASE | re.MULTILINE,
)


def code(question: str, answer: str) -> list[Finding]:
    """What is wrong with the code of an answer.

    Args:
        question: What was asked.
        answer: What was answered.
    """
    blocks = [block for block in blocks_of(answer) if block.closed][:MAX_BLOCKS]
    findings = [
        Finding("broken_code", 0.7, f"has {problem}")
        for block in blocks
        if len(block.code) <= MAX_CHARACTERS and (problem := _problem(block))
    ]
    if not blocks and _CODE_ASKED.search(question[-8000:]) and not _LOOKS_LIKE_CODE.search(answer[:MAX_CHARACTERS]):
        findings.append(Finding("no_code", 0.7, "has no code, which was asked for"))
    return findings


def parsed_blocks(answer: str) -> int:
    """How many blocks of an answer are of a language that is checked, and parse.

    Args:
        answer: What was answered.
    """
    known = {"python", "py", "python3", "json", "yaml", "yml", "toml", *_GRAMMARS}
    blocks = [block for block in blocks_of(answer) if block.closed and block.language in known][:MAX_BLOCKS]
    return sum(len(block.code) <= MAX_CHARACTERS and not _problem(block) for block in blocks)


def _problem(block: Block) -> str:
    """What is wrong, as in "Python that does not parse: ..."; empty if nothing is."""
    if not block.code.strip():
        return "an empty block of code"
    check: Callable[[str], str] | None = {
        "python": _python, "py": _python, "python3": _python, "json": json_problem, "yaml": yaml_problem,
        "yml": yaml_problem, "toml": _toml,
    }.get(block.language)  # fmt: skip
    problem = check(block.code) if check else _by_grammar(block)
    return "" if problem and _LEFT_OUT.search(block.code) else problem


def _python(text: str) -> str:
    plain = _MAGIC.sub("", _PROMPT.sub("", text)) if ">>>" in text or "%" in text or "!" in text else text
    reason = ""
    for attempt in (text, textwrap.dedent(text), textwrap.dedent(plain), _inside(text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(attempt)
        except SyntaxError as error:
            reason = reason or f"{error.msg}, line {error.lineno}"
        except (ValueError, RecursionError, MemoryError):
            return "Python that does not parse"
        else:
            return ""
    return f"Python that does not parse: {reason}"


def _inside(text: str) -> str:
    """The text as the inside of a function, for a `return`, `yield` or `await` of its own."""
    return "async def f():\n" + textwrap.indent(textwrap.dedent(text), " ")


def json_problem(text: str) -> str:
    """Why a text is no JSON, or no JSON lines.

    Args:
        text: JSON; comments are allowed in a block of code.
    """
    bare = re.sub(r"^\s*(?://|#)[^\n]*$", "", text, flags=re.MULTILINE)
    bare = re.sub(r"(?<=[,{\[\d\"\]}el])[ \t]+//[^\n]*$", "", bare, flags=re.MULTILINE)
    try:
        json.loads(bare)
    except RecursionError:
        return "JSON that is nested too deep"
    except ValueError as error:
        try:
            for line in filter(str.strip, bare.splitlines()):
                json.loads(line)
        except (ValueError, RecursionError):
            return f"JSON that does not parse: {error}"
    return ""


def yaml_problem(text: str) -> str:
    """Why a text is no YAML.

    Args:
        text: One or more documents. Only the grammar is read: no tag is acted on, no alias followed.
    """
    import yaml  # noqa: PLC0415 - on first use: most answers have none

    try:
        for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return f"YAML that does not parse: {str(error).splitlines()[0]}"
    return ""


def _toml(text: str) -> str:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return f"TOML that does not parse: {error}"
    return ""


def _by_grammar(block: Block) -> str:
    if block.language not in _GRAMMARS:
        return ""
    parser = _parser(*_GRAMMARS[block.language])
    attempts = (block.code, *(around % block.code for around in _AROUND.get(block.language, ())))
    broken = min(_broken_share(parser, attempt) for attempt in attempts)
    return f"{block.language} that does not parse" if broken > BROKEN_SHARE else ""


def _broken_share(parser: Parser, text: str) -> float:
    """The share of a text's bytes in parts that the grammar could make nothing of."""
    data = text.encode(errors="replace")
    tree = parser.parse(data)
    if not tree.root_node.has_error:
        return 0.0
    broken = 0
    pending = [tree.root_node]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            # Something that is not there counts as a bracket's worth.
            broken += max(node.end_byte - node.start_byte, 1)
        elif node.has_error:
            pending.extend(node.children)
    return max(broken / max(len(data), 1), BROKEN_SHARE * 1.01 if broken * 20 > len(data) else 0.0)


@cache
def _parser(module: str, function: str) -> Parser:
    from tree_sitter import Language, Parser  # noqa: PLC0415 - heavy: on first use

    return Parser(Language(getattr(importlib.import_module(module), function)()))
