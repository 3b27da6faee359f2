"""What is risky about a change, and which changes touch the tests that verify."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_stack.ralph.changes import LINK, PROGRAM, SUBMODULE, Change, diff_of, parsed
from mcp_stack.ralph.git import Git
from mcp_stack.ralph.risk import MANY, assess, at_least, touched_tests
from mcp_stack.ralph.worktree import Repository, Worktree
from tests.support.ralph import git, make_repository

PLAIN = "100644"
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
sources = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/".join(f"x{part}" for part in parts) + ".py")
paths = st.one_of(sources, st.text(min_size=1, max_size=20).filter(lambda path: "\0" not in path))
changes = st.lists(
    st.builds(
        Change,
        path=paths,
        kind=st.sampled_from(["added", "modified", "deleted"]),
        old_mode=st.sampled_from(["000000", PLAIN, PROGRAM, LINK, SUBMODULE]),
        new_mode=st.sampled_from(["000000", PLAIN, PROGRAM, LINK, SUBMODULE]),
        target=st.none() | paths,
        moved=st.booleans(),
        lost_folder=st.just("") | names,
    ),
    max_size=20,
)


def edited(path: str, *, old_mode: str = PLAIN, new_mode: str = PLAIN, target: str | None = None) -> Change:
    return Change(path, "modified", 1, 1, old_mode, new_mode, target)


def deleted(path: str, folder: str = "", *, moved: bool = False) -> Change:
    return Change(path, "deleted", old_mode=PLAIN, lost_folder=folder, moved=moved)


@given(changes, changes)
def test_more_changes_are_never_less_risky(some: list[Change], more: list[Change]) -> None:
    assert at_least(assess(some + more).level, assess(some).level)


@given(changes)
def test_the_order_of_changes_does_not_count_and_every_risk_has_a_reason(some: list[Change]) -> None:
    risk = assess(some)
    assert assess(list(reversed(some))).level == risk.level
    assert bool(risk.reasons) == (risk.level != "low")
    assert all(reason.isprintable() and len(reason) < 600 for reason in risk.reasons)


@given(st.lists(sources))
def test_edits_of_sources_are_low(some: list[str]) -> None:
    assert assess([edited(path) for path in some]).level == "low"


@given(sources, st.lists(st.sampled_from(["..", ".", "a", "b"]), min_size=1, max_size=8))
def test_a_link_is_high_exactly_if_it_leads_out_of_the_tree(path: str, parts: list[str]) -> None:
    root = "/somewhere/else"
    led = posixpath.normpath(posixpath.join(root, posixpath.dirname(path), *parts))
    inside = led == root or led.startswith(f"{root}/")
    risk = assess([edited(path, new_mode=LINK, target="/".join(parts))])
    assert risk.level == ("low" if inside else "high")


@pytest.mark.parametrize(
    ("change", "level"),
    [
        (edited(".github/workflows/test.yml"), "high"),
        (edited("sub/.gitlab-ci.yml"), "high"),
        (edited("Jenkinsfile"), "high"),
        (edited(".husky/pre-commit"), "high"),
        (edited(".pre-commit-config.yaml"), "high"),
        (edited(".env.production"), "high"),
        (edited(".env.example"), "low"),
        (edited("deploy/id_ed25519"), "high"),
        (edited("src/secrets.py"), "low"),
        (edited("config/client_secret.json"), "high"),
        (edited(".vscode/tasks.json"), "high"),
        (edited("package-lock.json"), "medium"),
        (edited("Requirements-dev.txt"), "medium"),
        (edited("backend/Cargo.toml"), "medium"),
        (edited("Dockerfile"), "medium"),
        (edited("k8s/service.yaml"), "medium"),
        (edited("Makefile"), "medium"),
        (edited("run.txt", new_mode=PROGRAM), "medium"),
        (edited("run.txt", old_mode=PROGRAM, new_mode=PROGRAM), "low"),
        (edited("link", new_mode=LINK, target="/etc/passwd"), "high"),
        (edited("link", new_mode=LINK, target=".git/config"), "high"),
        (Change("link", "added", new_mode=LINK), "high"),
        (edited("docs/link", new_mode=LINK, target="../README.md"), "low"),
        (edited("library", new_mode=SUBMODULE), "high"),
        (deleted("a.py"), "medium"),
        (deleted("a.py", moved=True), "low"),
        (deleted("only/a.py", "only"), "medium"),
    ],
)
def test_one_change_has_its_level(change: Change, level: str) -> None:
    assert assess([change]).level == level


def test_the_loss_of_a_folder_or_of_many_files_is_high() -> None:
    assert assess([deleted(f"a/{n}.py", "a") for n in range(2)]).reasons == ("whole folders deleted: a",)
    assert assess([deleted(f"{n}.py") for n in range(MANY)]).level == "medium"
    many = assess([deleted(f"{n}.py") for n in range(MANY + 1)])
    assert (many.level, many.reasons) == ("high", ("files deleted: 0.py, 1.py, 2.py and 8 more",))


def test_the_gravest_reason_comes_first() -> None:
    risk = assess([edited("package.json"), edited(".github/workflows/ci.yml"), deleted("a.py")])
    assert risk.reasons[0] == "CI configuration: .github/workflows/ci.yml"
    assert len(risk.reasons) == 3


@given(st.lists(paths, unique=True), st.lists(st.text(max_size=20), max_size=3))
def test_touched_tests_are_some_of_the_changed_files(changed: list[str], commands: list[str]) -> None:
    touched = touched_tests(changed, commands)
    assert [path for path in changed if path in touched] == list(touched)
    assert touched_tests(changed, []) == ()
    assert set(touched_tests(changed, commands, new=changed)) <= set(touched)


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("tests/unit/test_a.py", ["pytest -q"]),
        ("test_a.py", ["python -m pytest test_a.py::test_one"]),
        ("pkg/a_test.go", ["go test ./..."]),
        ("src/a.test.ts", ["npm test"]),
        ("src/__tests__/a.js", ["npm test"]),
        ("spec/models/a_spec.rb", ["bundle exec rspec"]),
        ("src/test/java/LoginTest.java", ["mvn test"]),
        ("conftest.py", ["pytest"]),
        ("pyproject.toml", ["python3.12 -m pytest"]),
        ("package.json", ["npm test"]),
        ("Makefile", ["make check"]),
        ("Cargo.toml", ["cargo test"]),
        (".github/workflows/test.yml", ["pytest"]),
        ("check.py", ["python check.py"]),
        ("tools/check.sh", ["./tools/check.sh --all"]),
        ("quality/rules.txt", ["sh -c 'cd x && lint quality/'"]),
    ],
)
def test_an_edit_of_what_verifies_is_touched(path: str, commands: list[str]) -> None:
    assert touched_tests(["src/answer.py", path, "contest.md"], commands) == (path,)


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("pyproject.toml", ["make"]),
        ("package.json", ["pytest"]),
        ("src/latest.java", ["mvn test"]),
        ("python/a.py", ["python b.py"]),
    ],
)
def test_what_others_run_by_is_not_touched(path: str, commands: list[str]) -> None:
    assert touched_tests([path], commands) == ()


def test_a_new_test_is_no_edit_but_new_configuration_of_tests_is() -> None:
    new = ["tests/test_b.py", "tests/conftest.py"]
    assert touched_tests(["tests/test_a.py", *new], ["pytest"], new=new) == ("tests/test_a.py", "tests/conftest.py")


@given(changes)
def test_the_numbers_are_those_of_the_changes(some: list[Change]) -> None:
    assert diff_of(some).files == len(some)


async def test_changes_are_read_from_git(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "one", {"kept.txt": "1\n2\n", "moved.txt": "m\n", "bin": "\0"})
    for name in ("gone/a.txt", "gone/deep/b.txt", "left/a.txt", "left/b.txt"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(name, encoding="utf-8")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "more")
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "rm", "-rq", "gone", "left/a.txt")
    git(repository, "mv", "moved.txt", "tab\tand\nline.txt")
    (repository / "kept.txt").write_text("1\n3\n4\n", encoding="utf-8")
    (repository / "kept.txt").chmod(0o755)
    (repository / "bin").write_bytes(b"\0\1")
    (repository / "out").symlink_to("../../x")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", "change")
    worktree = Worktree(
        Git(os.environ, tmp_path),
        repository=Repository(repository, repository / ".git", repository / ".git" / "objects", "sha1"),
        git_folder=repository / ".git",
        path=repository,
        branch="main",
        base_commit=base,
    )
    found = {change.path: change for change in await worktree.changes(base, "HEAD")}
    assert found["kept.txt"] == Change("kept.txt", "modified", 2, 1, PLAIN, PROGRAM)
    assert found["bin"] == Change("bin", "modified", 0, 0, PLAIN, PLAIN)
    assert (found["out"].target, found["out"].new_mode) == ("../../x", LINK)
    assert found["moved.txt"].moved
    assert found["tab\tand\nline.txt"].kind == "added"
    assert {found["gone/a.txt"].lost_folder, found["gone/deep/b.txt"].lost_folder} == {"gone"}
    assert found["left/a.txt"].lost_folder == ""
    diff = await worktree.diff(base, "HEAD")
    assert diff.stat == git(repository, "diff", "--shortstat", "--no-renames", base, "HEAD").strip()
    assert (diff.files, diff.lines) == (len(found), 9)
    assert parsed("") == ((), {})
