"""Source code is cut into functions and classes, and nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.aidb.knowledge.formats.code import MAX_CODE_CHARACTERS, module_of, read_code
from mcp_stack.aidb.knowledge.formats.grammars import GRAMMARS
from mcp_stack.aidb.knowledge.formats.kinds import LANGUAGES, kind_of, language_of

LONG = "\n".join(f"        total += step_{number}(total, {number})" for number in range(12))

PYTHON = f'''"""Billing."""
import decimal

RATE = 3


# Rounds up.
@cache
def rounded(amount):
    """To whole cents."""
    return amount


class Invoice(Document):
    """What a customer owes."""

    currency = "EUR"

    def total(self):
{LONG}
        return total

    async def send(self, address):
        await post(address)
'''

FILLER = "  // filler\n" * 40
SOURCES = {
    "typescript": (
        "/** A config. */\nexport interface Config { name: string }\n\n"
        "export const add = (a: number): number => a + 1;\n\n"
        "export default class Server extends Base {\n  private port = 80;\n"
        + FILLER
        + "  start(): void { listen(); }\n}\n",
        {"a.Config", "a.add", "a.Server", "a.Server.start"},
    ),
    "javascript": (
        "const x = 1;\nfunction go() { return x; }\nclass Thing {\n" + FILLER + "  run() { return 1; }\n}\n",
        {"a", "a.go", "a.Thing", "a.Thing.run"},
    ),
    "go": (
        (
            "package a\n\n// Server serves.\ntype Server struct{ Port int }\n"
            "func (s *Server) Start() error { return nil }\nfunc New() *Server { return nil }\n"
        ),
        {"a", "a.Server", "a.Server.Start", "a.New"},
    ),
    "rust": (
        "use std::fmt;\n#[derive(Debug)]\npub struct Point { x: i32 }\nimpl Point {\n"
        + "    // filler\n" * 40
        + "    pub fn new() -> Self { todo!() }\n}\nfn free() {}\n",
        {"a", "a.Point", "a.Point.new", "a.free"},
    ),
    "java": (
        "package a;\npublic class Shop {\n" + FILLER + "  int price() { return 1; }\n  Shop() { }\n}\n",
        {"a", "a.Shop", "a.Shop.price"},
    ),
    "c": (
        "#include <stdio.h>\nstruct point { int x; };\nstatic char *name_of(int x) { return 0; }\n",
        {"a", "a.point", "a.name_of"},
    ),
    "cpp": (
        "namespace geo {\n"
        + "// filler\n" * 50
        + "template <typename T> class Box {\n"
        + FILLER
        + " public:\n  T get() const { return v; }\n};\nint Box<int>::other() { return 1; }\n}\n",
        {"a.geo", "a.geo.Box", "a.geo.Box.get"},
    ),
    "bash": ("set -e\n# greets\ngreet() {\n  echo hi\n}\nfunction bye { echo bye; }\n", {"a", "a.greet", "a.bye"}),
}


def headings(text: str, language: str) -> list[str]:
    return [chunk.heading for chunk in read_code(text, "a.x", language).chunks]


def test_functions_and_methods_stand_whole_under_their_qualified_names() -> None:
    found = read_code(PYTHON, "src/shop/billing.py", "python")
    by_heading = {chunk.heading: chunk.content for chunk in found.chunks}
    assert list(by_heading) == [
        "shop.billing",
        "shop.billing.rounded",
        "shop.billing.Invoice",
        "shop.billing.Invoice.total",
        "shop.billing.Invoice.send",
    ]
    assert by_heading["shop.billing.rounded"].startswith("# Rounds up.\n@cache\ndef rounded")
    assert by_heading["shop.billing.Invoice"].endswith('currency = "EUR"')
    assert by_heading["shop.billing.Invoice.total"].startswith("def total(self):\n    total += step_0")
    assert found.title == "src/shop/billing.py"


def test_a_short_class_is_one_passage() -> None:
    text = "class Point:\n    x = 0\n\n    def move(self):\n        self.x += 1\n"
    assert headings(text, "python") == ["a.Point"]


@pytest.mark.parametrize("language", SOURCES)
def test_definitions_of_other_languages_are_named(language: str) -> None:
    text, wanted = SOURCES[language]
    assert wanted <= set(headings(text, language))


def test_a_function_that_is_too_long_is_cut_but_keeps_its_name() -> None:
    body = "\n\n".join(f"    step_{number} = compute({number})" for number in range(200))
    found = read_code(f"def long():\n{body}\n", "a.py", "python")
    assert len(found.chunks) > 1
    assert {chunk.heading for chunk in found.chunks} == {"a.long"}


def test_a_language_without_a_parser_is_cut_by_its_indentation() -> None:
    modules = "\n\n".join(
        f"  services.unit{number} = {{\n" + "".join(f"    option{line} = {line};\n" for line in range(20)) + "  };"
        for number in range(8)
    )
    found = read_code(f"{{ config, lib, ... }}:\n{{\n{modules}\n}}\n", "modules/web.nix", "nix")
    assert {f"modules.web.services.unit{number}" for number in range(8)} <= {chunk.heading for chunk in found.chunks}
    assert all(chunk.content.count("option") <= 40 for chunk in found.chunks)


def test_blocks_of_ruby_are_named_by_their_first_line() -> None:
    methods = "\n\n".join(f"  def method_{n}(a)\n" + "    a += 1\n" * 12 + "  end" for n in range(10))
    found = read_code(f"class Cart\n{methods}\nend\n", "app/cart.rb", "")
    assert {f"app.cart.Cart.method_{n}" for n in range(10)} <= {chunk.heading for chunk in found.chunks}


code_lines = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "def f(x):",
                "    return x",
                "class A:",
                "    def g(self):",
                "        pass",
                "}",
                "fn main() {",
                "{",
                "",
                "end",
                "func (s *T) M() {",
                "namespace n {",
                '"""',
                "/*",
                "*/",
                "#if X",
                "#endif",
                "const f = () => {",
                "  x = {",
            ]
        ),
        st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=80),
        st.just("word " * 500),
    ),
    max_size=40,
).map("\n".join)


@settings(deadline=None, max_examples=150)
@given(code_lines, st.sampled_from([*GRAMMARS, "", "nix"]))
def test_no_character_but_white_space_is_lost_in_any_language(text: str, language: str) -> None:
    found = read_code(text, "a.x", language)
    assert "".join("".join(chunk.content.split()) for chunk in found.chunks) == "".join(text.split())
    assert all(0 < len(chunk.content) <= MAX_CODE_CHARACTERS for chunk in found.chunks)
    assert [chunk.ordinal for chunk in found.chunks] == list(range(1, len(found.chunks) + 1))


@pytest.mark.parametrize("language", ["python", "cpp", "javascript", ""])
def test_hostile_nesting_ends_in_time(language: str) -> None:
    deep = "".join(f"{' ' * depth}class A{depth} {{\n" for depth in range(1500))
    for text in ("(" * 100_000, "{" * 100_000, deep):
        assert read_code(text, "a.x", language).chunks


def test_the_module_is_named_after_its_path_without_the_folder_of_all_sources() -> None:
    assert module_of("src/shop/billing.py") == "shop.billing"
    assert module_of("shop/__init__.py") == "shop"
    assert module_of("main.go") == "main"
    assert module_of("lib/a/index.ts") == "a"


def test_the_language_is_told_by_the_ending_or_the_first_line() -> None:
    assert language_of("tool", b"#!/usr/bin/env python3\n") == "python"
    assert language_of("tool", b"#!/bin/sh -e\n") == "bash"
    assert language_of("tool", b"plain") == ""
    assert kind_of("tool", b"#!/bin/sh\n") == "code"
    assert kind_of("Makefile", b"") == "code"
    assert kind_of("notes", "Grüße".encode()[:3]) == "text"
    assert kind_of("notes", b"\xff\x00\x12") is None
    assert set(GRAMMARS) <= set(LANGUAGES.values())
