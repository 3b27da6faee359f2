"""Markdown with front matter, reStructuredText, AsciiDoc, tables, data, notebooks and the manuals of NixOS."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.aidb.knowledge.formats.kinds import kind_of, passed_over
from mcp_stack.aidb.knowledge.formats.nixos import plain_markdown, read_options
from mcp_stack.aidb.knowledge.formats.parsed import Parsed
from mcp_stack.aidb.knowledge.formats.reading import Source, read
from mcp_stack.errors import UsageError


def parsed(name: str, text: str, collection: str = "") -> Parsed:
    (only,) = read(Source(name, collection), text.encode())
    return only


def passages(found: Parsed) -> list[tuple[str, str]]:
    return [(chunk.heading, chunk.content) for chunk in found.chunks]


def test_the_title_in_front_matter_counts_and_what_it_describes_is_found() -> None:
    found = parsed("skill.md", "---\ntitle: 'Rolling back'\ndescription: undo a release\n---\n# Steps\n\nGo back.\n")
    assert found.title == "Rolling back"
    assert passages(found) == [("", "title: 'Rolling back'\ndescription: undo a release"), ("Steps", "Go back.")]


def test_headings_of_restructuredtext_are_lines_with_a_line_below() -> None:
    text = (
        "=====\nGuide\n=====\n\nintro\n\nInstall\n-------\nuse pip\n\nOn Linux\n~~~~~~~~\nuse apt\n\nUse\n---\nrun it\n"
    )
    found = parsed("guide.rst", text)
    assert found.title == "Guide"
    assert passages(found) == [
        ("Guide", "intro"),
        ("Guide > Install", "use pip"),
        ("Guide > Install > On Linux", "use apt"),
        ("Guide > Use", "run it"),
    ]


def test_a_table_of_restructuredtext_is_no_heading() -> None:
    found = parsed("table.rst", "=====  =====\nport   use\n=====  =====\n22     ssh\n=====  =====\n")
    assert all(chunk.heading == "" for chunk in found.chunks)


def test_headings_of_asciidoc_begin_with_equals_signs_but_not_in_listings() -> None:
    found = parsed("guide.adoc", "= Guide\n\nintro\n\n== Install\n\n----\n= not a heading\n----\n")
    assert found.title == "Guide"
    assert [chunk.heading for chunk in found.chunks] == ["Guide", "Guide > Install"]
    assert "= not a heading" in found.chunks[1].content


def test_the_columns_of_a_table_stand_above_each_of_its_passages() -> None:
    rows = "\n".join(f"{number},port {number},open" for number in range(200))
    found = parsed("ports.csv", f"number,name,state\n{rows}\n")
    assert len(found.chunks) > 1
    assert {chunk.heading for chunk in found.chunks} == {"number,name,state"}
    assert found.title == "ports.csv"


def test_a_comment_in_a_configuration_is_no_heading() -> None:
    found = parsed("config.yaml", "# The port\nport: 80\n\n# The host\nhost: here\n")
    assert {chunk.heading for chunk in found.chunks} == {""}
    assert found.title == "config.yaml"


def test_a_notebook_gives_its_cells_without_outputs() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Analysis\n", "of rain"]},
        {"cell_type": "code", "source": "rain.mean()", "outputs": [{"data": {"image/png": "iVBORw0KGgo" * 50}}]},
    ]
    found = parsed("rain.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    assert found.title == "Analysis"
    assert "rain.mean()" in found.content
    assert "iVBOR" not in found.content
    with pytest.raises(UsageError, match="no Jupyter notebook"):
        parsed("bad.ipynb", "[1, 2]")


def test_the_flavour_of_the_manuals_of_nixos_becomes_plain_markdown() -> None:
    text = (
        "# Firewall {#sec-firewall}\n\nSet {option}`networking.firewall.enable` ([see here]{#anchor-1}).\n\n"
        "::: {.warning}\nDo not lock yourself out.\n:::\n\n::: {#ex-ports .example}\n### Ports\n\n"
        "```nix\n{ a = ::: ; }\n```\n:::\n\n```{=include=} chapters\nother.md\n```\nend\n"
    )
    assert plain_markdown(text).splitlines()[:5] == [
        "# Firewall",
        "",
        "Set `networking.firewall.enable` (see here).",
        "",
        "**Warning:**",
    ]
    plain = plain_markdown(text)
    assert "{ a = ::: ; }" in plain
    assert "other.md" not in plain
    found = parsed("firewall.md", text, "nixos-docs")
    assert found.title == "Firewall"
    assert "Firewall > Ports" in {chunk.heading for chunk in found.chunks}
    assert "{#sec-firewall}" in parsed("firewall.md", text).title


OPTIONS = {
    "services.nginx.enable": {
        "declarations": ["nixos/modules/services/web-servers/nginx"],
        "default": {"_type": "literalExpression", "text": "false"},
        "description": "Whether to enable {command}`nginx`.",
        "example": True,
        "loc": ["services", "nginx", "enable"],
        "readOnly": False,
        "type": "boolean",
    },
    "services.nginx.package": {"declarations": [], "type": "package", "readOnly": True},
    "boot.loader.timeout": {"declarations": [], "description": "Seconds.", "default": None, "type": "int"},
}


def test_options_are_one_document_a_group_and_one_passage_an_option() -> None:
    groups = read(Source("options.json", "nixos-docs"), json.dumps(OPTIONS).encode())
    assert [(group.title, group.fragment) for group in groups] == [
        ("boot.loader options", "boot.loader"),
        ("services.nginx options", "services.nginx"),
    ]
    enable, package = groups[1].chunks
    assert enable.heading == "services.nginx.enable"
    assert enable.content == "Whether to enable `nginx`.\n\nType: boolean\n\nDefault: false\n\nExample: true"
    assert package.content.endswith("Read only.")


def test_the_same_file_is_plain_data_in_another_collection() -> None:
    assert len(read(Source("options.json"), json.dumps(OPTIONS).encode())) == 1


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"a": 1}', "[" * 100_000])
def test_a_list_of_options_that_is_none_says_so(text: str) -> None:
    with pytest.raises(UsageError, match=r"options\.json"):
        read_options(text)


@given(st.text(max_size=400), st.sampled_from(["a.md", "a.rst", "a.adoc", "a.csv", "a.json", "a.txt", "a"]))
def test_any_text_gives_passages_within_the_bound_or_an_error_of_ours(text: str, name: str) -> None:
    try:
        found = read(Source(name, "nixos-docs"), text.encode("utf-8", "replace"))
    except UsageError:
        return
    assert all(0 < len(chunk.content) <= 600 for document in found for chunk in document.chunks)


def test_page_breaks_become_spaces_and_in_code_all_control_characters_do() -> None:
    assert parsed("old.txt", "one\x0ctwo\x1b[1mthree").content == "one two\x1b[1mthree"
    assert parsed("old.c", "int a;\x0cint b; // \x1b").content == "int a; int b; //  "


def test_files_are_known_by_their_names_and_their_bytes() -> None:
    assert kind_of("README", b"plain words") == "text"
    assert kind_of("photo.JPG", b"") is None
    assert kind_of("data.unknown", bytes(range(256))) is None
    assert kind_of("page.HTML", b"") == "html"
    assert passed_over("package-lock.json") == "generated"
    assert passed_over("app.min.js") == "generated"
    assert passed_over("server.pem") == "may hold a secret"
    assert passed_over("logo.png") == "binary"
    assert passed_over("main.py") == ""
