"""Which nodes of a syntax tree are definitions, and what they are called, by language."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a language's tree looks like.

    Attributes:
        module: The package with the parser.
        function: Its function that gives the language.
        leaves: Definitions that have no definitions worth telling apart inside them.
        containers: Definitions that have, such as classes.
        wrappers: Nodes around one definition, such as decorators, `export` or `template`.
        blocks: Nodes around any number of them, such as `extern "C" {}`.
    """

    module: str
    function: str
    leaves: frozenset[str]
    containers: frozenset[str]
    wrappers: frozenset[str]
    blocks: frozenset[str]


def _grammar(
    module: str, leaves: str, containers: str, wrappers: str = "", blocks: str = "", *, function: str = "language"
) -> Grammar:
    kinds = [frozenset(words.split()) for words in (leaves, containers, wrappers, blocks)]
    return Grammar(f"tree_sitter_{module}", function, *kinds)


_JAVASCRIPT = (
    (
        "function_declaration generator_function_declaration method_definition field_definition lexical_declaration "
        "public_field_definition variable_declaration interface_declaration type_alias_declaration enum_declaration "
        "function_signature abstract_method_signature"
    ),
    "class_declaration abstract_class_declaration internal_module module",
    "export_statement ambient_declaration expression_statement",
)
_C_BLOCKS = "linkage_specification declaration_list preproc_ifdef preproc_if preproc_else preproc_elif"
_C = "function_definition struct_specifier enum_specifier union_specifier type_definition preproc_function_def"

GRAMMARS: dict[str, Grammar] = {
    "python": _grammar("python", "function_definition", "class_definition", "decorated_definition"),
    "javascript": _grammar("javascript", *_JAVASCRIPT),
    "typescript": _grammar("typescript", *_JAVASCRIPT, function="language_typescript"),
    "tsx": _grammar("typescript", *_JAVASCRIPT, function="language_tsx"),
    "go": _grammar("go", "function_declaration method_declaration type_declaration", ""),
    "rust": _grammar(
        "rust",
        "function_item function_signature_item struct_item enum_item union_item type_item macro_definition",
        "impl_item trait_item mod_item",
    ),
    "java": _grammar(
        "java",
        "method_declaration constructor_declaration compact_constructor_declaration annotation_type_declaration",
        "class_declaration interface_declaration enum_declaration record_declaration",
    ),
    "c": _grammar("c", _C, "", "", _C_BLOCKS),
    "cpp": _grammar(
        "cpp",
        _C.replace("struct_specifier ", "") + " concept_definition alias_declaration",
        "class_specifier struct_specifier namespace_definition",
        "template_declaration",
        _C_BLOCKS,
    ),
    "bash": _grammar("bash", "function_definition", ""),
}

# Of these only the ones that hold a function are definitions; the others are data.
_MAYBE_FUNCTIONS = frozenset(
    {"lexical_declaration", "variable_declaration", "field_definition", "public_field_definition"}
)
_FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "function", "generator_function", "class"})
_NAME_NODES = frozenset(
    {"identifier", "field_identifier", "type_identifier", "qualified_identifier", "destructor_name", "operator_name"}
)
_LONGEST_NAME = 120


@cache
def parser_of(language: str) -> Parser:
    """The parser of a language.

    Args:
        language: A key of `GRAMMARS`.
    """
    from tree_sitter import Language, Parser  # noqa: PLC0415 - heavy: imported on first use

    grammar = GRAMMARS[language]
    return Parser(Language(getattr(importlib.import_module(grammar.module), grammar.function)()))


def definition_in(node: Node, grammar: Grammar) -> Node | None:
    """The definition that a node is, or that it wraps; None for any other node."""
    for _ in range(8):
        if node.type in grammar.containers:
            return node
        if node.type in grammar.leaves:
            return node if node.type not in _MAYBE_FUNCTIONS or _holds_a_function(node) else None
        if node.type not in grammar.wrappers:
            return None
        inner = node.child_by_field_name("definition") or node.child_by_field_name("declaration")
        if inner is None:
            known = grammar.leaves | grammar.containers | grammar.wrappers
            inner = next((child for child in node.named_children if child.type in known), None)
        if inner is None:
            return None
        node = inner
    return None


def name_of(node: Node) -> str:
    """What a definition is called; empty if it has no name.

    Args:
        node: From `definition_in`.
    """
    match node.type:
        case "impl_item":
            return _text(node.child_by_field_name("type"))
        case "method_declaration" if (receiver := node.child_by_field_name("receiver")) is not None:
            owner = _first(receiver, frozenset({"type_identifier"}))
            return ".".join(part for part in (_text(owner), _text(node.child_by_field_name("name"))) if part)
        case "lexical_declaration" | "variable_declaration" | "type_declaration":
            inner = next((child for child in node.named_children if child.child_by_field_name("name")), None)
            return _text(inner.child_by_field_name("name")) if inner else ""
    for field in ("name", "property"):
        if (named := node.child_by_field_name(field)) is not None:
            return _text(named)
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type not in _NAME_NODES:
        declarator = declarator.child_by_field_name("declarator") or _first(declarator, _NAME_NODES)
    return _text(declarator)


def _holds_a_function(node: Node) -> bool:
    holders = [node, *node.named_children]
    return any(value.type in _FUNCTION_VALUES for holder in holders if (value := holder.child_by_field_name("value")))


def _first(node: Node, types: frozenset[str]) -> Node | None:
    """The first node of a type, in reading order, a few levels down."""
    pending = [(node, 0)]
    while pending:
        current, depth = pending.pop()
        if current.type in types:
            return current
        if depth < 6:
            pending += [(child, depth + 1) for child in reversed(current.named_children)]
    return None


def _text(node: Node | None) -> str:
    if node is None or node.text is None:
        return ""
    name = " ".join(node.text.decode("utf-8", "replace").split())
    return name.replace("::", ".")[:_LONGEST_NAME]
