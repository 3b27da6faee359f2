"""Reading SKILL.md folders that come from anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_stack.aidb.desk import skill_files
from mcp_stack.aidb.desk.skill_files import find_skills, fingerprint, read_skill
from mcp_stack.errors import DeniedError, NotFoundError, UsageError

GOOD = """---
name: PDF filling
description: "Fill in PDF forms: use it for tax forms."
license: MIT
tags: [pdf, forms]
allowed-tools: Read, Bash(pdftk:*) Write
metadata: {author: somebody, version: 1.0}
---
# Filling

Use `fill.py`.
"""


def skill(folder: Path, text: str = GOOD, files: Mapping[str, str | bytes] | None = None) -> Path:
    """A skill's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(text, encoding="utf-8")
    for name, content in (files or {}).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def test_a_skill_is_read_with_its_front_matter_and_files(tmp_path: Path) -> None:
    folder = skill(tmp_path / "x", files={"fill.py": "print()\n", "sub/form.pdf": b"%PDF\0", ".git/HEAD": "ref"})
    slug, content, mark = read_skill(folder)
    assert (slug, content.name, content.license) == ("pdf-filling", "PDF filling", "MIT")
    assert content.description == "Fill in PDF forms: use it for tax forms."
    assert content.tags == ("forms", "pdf")
    assert content.allowed_tools == ("Read", "Bash(pdftk:*)", "Write")
    assert content.content == "# Filling\n\nUse `fill.py`."
    assert [(each.path, each.size, each.content) for each in content.files] == [
        ("fill.py", 8, "print()\n"),
        ("sub/form.pdf", 5, None),
    ]
    assert mark == fingerprint(content)


def test_line_ends_and_a_byte_order_mark_make_no_difference(tmp_path: Path) -> None:
    one = read_skill(skill(tmp_path / "one"))
    other = skill(tmp_path / "other")
    (other / "SKILL.md").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_skill(other)[1] == one[1]


def test_any_change_changes_the_fingerprint(tmp_path: Path) -> None:
    marks = [
        read_skill(skill(tmp_path / "a", files={"a.txt": "1"}))[2],
        read_skill(skill(tmp_path / "b", files={"a.txt": "2"}))[2],
        read_skill(skill(tmp_path / "c", files={"b.txt": "1"}))[2],
        read_skill(skill(tmp_path / "d", GOOD + "more", files={"a.txt": "1"}))[2],
        read_skill(skill(tmp_path / "e", GOOD.replace("Write", "Edit"), files={"a.txt": "1"}))[2],
    ]
    assert len(set(marks)) == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# No front matter", "does not begin with"),
        ("---\nname: x\ndescription: y\n", "does not end"),
        ("---\ndescription: y\n---\nbody", "name is empty"),
        ("---\nname: x\n---\nbody", "description is empty"),
        ("---\nname: x\ndescription: y\n---\n \n", "the text below the front matter is empty"),
        ("---\nname: [x]\ndescription: y\n---\nbody", "name is no text"),
        ("---\nname: x\nname: z\ndescription: y\n---\nbody", "twice, in line 3"),
        ("---\nname: x\ndescription: a: b: c\n---\nbody", "malformed"),
        ("---\n- x\n---\nbody", "no mapping"),
        ("---\nname: '!!!'\ndescription: y\n---\nbody", "no letter a to z"),
        (f"---\nname: {'x' * 65}\ndescription: y\n---\nbody", "name has 65 characters"),
        ("---\nname: x\ndescription: y\n---\nred \x1b[31m", r"U\+001B"),
        ("---\nname: x\ndescription: y\nallowed-tools: {a: b}\n---\nbody", "no list of texts"),
    ],
)
def test_what_is_wrong_with_a_skill_is_said(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        read_skill(skill(tmp_path / "x", text))


@pytest.mark.parametrize(
    "yaml",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
        "name: &n x\ndescription: *n",
        "[" * 10_000,
        "{a: " * 5_000,
        "- " * 5_000,
        "? " * 5_000,
        "x: [" + "y, " * 5_000 + "]",
        "<<: {a: b}\n" * 400,
        "x: " + "y" * 20_000,
        "!!python/object/apply:os.system ['true']: x",
    ],
)
def test_hostile_yaml_is_refused_in_no_time(tmp_path: Path, yaml: str) -> None:
    with pytest.raises(UsageError):
        read_skill(skill(tmp_path / "x", f"---\n{yaml}\n---\nbody"))


def test_a_tag_constructs_nothing(tmp_path: Path) -> None:
    text = "---\nname: x\ndescription: !!python/object/apply:os.getcwd []\n---\nbody"
    with pytest.raises(UsageError, match="description is no text"):
        read_skill(skill(tmp_path / "x", text))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-\n #[]{}&*!|>'\"%@`,?\t"), max_size=80))
def test_any_front_matter_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, yaml: str) -> None:
    folder = skill(tmp_path_factory.getbasetemp() / "any", f"---\n{yaml}\n---\nbody")
    try:
        slug, content, _ = read_skill(folder)
    except UsageError:
        return
    assert slug
    assert content.description


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    folder = skill(tmp_path / "x")
    (folder / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(DeniedError, match=r"notes\.txt is a link"):
        read_skill(folder)


def test_a_linked_folder_and_a_linked_manifest_are_refused(tmp_path: Path) -> None:
    folder = skill(tmp_path / "x")
    (folder / "more").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(DeniedError, match="more is a link"):
        read_skill(folder)
    other = tmp_path / "y"
    other.mkdir()
    (other / "SKILL.md").symlink_to(folder / "SKILL.md")
    with pytest.raises(DeniedError):
        read_skill(other)


def test_a_pipe_does_not_hang_and_is_refused(tmp_path: Path) -> None:
    folder = skill(tmp_path / "x")
    os.mkfifo(folder / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        read_skill(folder)


def test_too_many_and_too_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill_files, "MAX_FILES", 2)
    monkeypatch.setattr(skill_files, "MAX_FILE_BYTES", 10)
    with pytest.raises(UsageError, match="more than 2 files"):
        read_skill(skill(tmp_path / "many", files={"a": "1", "b": "2", "c": "3"}))
    with pytest.raises(UsageError, match="larger than 10 bytes"):
        read_skill(skill(tmp_path / "large", files={"a": "x" * 11}))


def test_only_so_much_text_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill_files, "MAX_SHOWN_BYTES", 10)
    monkeypatch.setattr(skill_files, "MAX_SHOWN_BYTES_IN_ALL", 15)
    files = read_skill(skill(tmp_path / "x", files={"a": "x" * 10, "b": "x" * 11, "c": "x" * 6, "d": "x" * 5}))[1].files
    assert [each.content is not None for each in files] == [True, False, False, True]


def test_every_skill_below_a_folder_is_found_and_hidden_ones_are_not(tmp_path: Path) -> None:
    skill(tmp_path / "skills" / "a")
    skill(tmp_path / "skills" / "deep" / "b", files={"examples/SKILL": "inner"})
    skill(tmp_path / "skills" / "deep" / "b" / "nested")
    skill(tmp_path / ".cache" / "c")
    assert find_skills(tmp_path) == [tmp_path / "skills" / "a", tmp_path / "skills" / "deep" / "b"]
    assert find_skills(tmp_path / "skills" / "a") == [tmp_path / "skills" / "a"]


def test_a_folder_without_a_skill_is_not_found(tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotFoundError):
            find_skills(missing)
