"""Paths and files that cannot be imported: each has its code and its words, and nothing of it is found afterwards."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.stdio import Reply, StdioServer, environment, served

MARKER = "xylophonium"
MAX_BYTES = 100_000


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[StdioServer]:
    with served("aidb", environment(home, SECURITY__MAX_DOCUMENT_BYTES=str(MAX_BYTES))) as running:
        yield running


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A folder of the test's own in an allowed root."""
    made = home / "files" / tmp_path.name
    made.mkdir(parents=True)
    return made


def test_a_good_file_is_imported_and_found(server: StdioServer, folder: Path) -> None:
    (folder / "good.md").write_text("# Instruments\n\nThe balalaika has three strings.\n", encoding="utf-8")
    assert server.must("import_document", {"path": str(folder / "good.md")})["chunks"] == 1
    assert server.must("search_knowledge", {"query": "balalaika"})["hits"]


def test_a_path_that_does_not_exist_is_not_found(server: StdioServer, folder: Path) -> None:
    _refused(server, folder / "absent.md", "NOT_FOUND: ", "does not exist; check the path")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/", "/proc/self/environ", "/dev/null", "../../../../../../../../etc/passwd", "~root/../../etc"],
)
def test_a_path_outside_the_roots_is_denied(server: StdioServer, path: str) -> None:
    _refused(server, path, "DENIED: ", "is outside the allowed folders; use a path below one of them")


def test_whether_a_path_outside_the_roots_exists_is_not_told(server: StdioServer, tmp_path: Path) -> None:
    there, absent = tmp_path / "there.md", tmp_path / "gone.md"
    there.write_text(MARKER, encoding="utf-8")
    replies = [_refused(server, path, "DENIED: ", "is outside the allowed folders") for path in (there, absent)]
    assert replies[0].text.replace("there.md", "") == replies[1].text.replace("gone.md", "")


def test_a_link_out_of_the_roots_is_denied(server: StdioServer, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text(f"{MARKER} secret", encoding="utf-8")
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / "folder").symlink_to(outside)
    for path in (folder / "link.md", folder / "folder", folder / "folder" / "secret.md"):
        _refused(server, path, "DENIED: ", "is outside the allowed folders")


def test_links_in_a_folder_are_not_followed(server: StdioServer, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text(f"{MARKER} secret", encoding="utf-8")
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / "folder").symlink_to(outside)
    (folder / "round").symlink_to(folder)
    _refused(server, folder, "INVALID_INPUT: ", "has no text files")


def test_a_link_to_itself_is_refused(server: StdioServer, folder: Path) -> None:
    (folder / "loop.md").symlink_to(folder / "loop.md")
    reply = server.call("import_document", {"path": str(folder / "loop.md")})
    assert reply.is_error
    assert reply.text.startswith(("INVALID_INPUT: ", "NOT_FOUND: ")), reply.text


@pytest.mark.parametrize("name", [".ssh/id_ed25519", ".env", ".config/app/settings.md"])
def test_hidden_files_are_denied(server: StdioServer, home: Path, name: str) -> None:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(f"{MARKER} hidden", encoding="utf-8")
    try:
        _refused(server, home / name, "DENIED: ", "is hidden; hidden files often hold secrets")
        _refused(server, f"~/{name}", "DENIED: ", "is hidden; hidden files often hold secrets")
    finally:
        (home / name).unlink()


def test_a_hidden_folder_is_denied_and_passed_over_in_its_parent(server: StdioServer, folder: Path) -> None:
    hidden = folder / ".secrets"
    hidden.mkdir()
    (hidden / "key.md").write_text(f"{MARKER} key", encoding="utf-8")
    _refused(server, hidden, "DENIED: ", "is hidden")
    _refused(server, folder, "INVALID_INPUT: ", "has no text files")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG\r\n\x1a\n" + MARKER.encode() + bytes(range(256)), "is binary or not UTF-8; convert it to UTF-8"),
        (MARKER.encode() + b"\0\0\0", "is binary; name a text file"),
        (f"{MARKER} grün".encode("latin-1"), "is binary or not UTF-8; convert it to UTF-8 text first"),
        (b"\xff\xfe" + MARKER.encode("utf-16-le") + b"\0", "is binary or not UTF-8"),
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (f"{MARKER} \x1b[31mred".encode(), "has the control character U+001B"),
        (MARKER.encode() + b"x" * MAX_BYTES, f"at most {MAX_BYTES} can be imported"),
    ],
    ids=["image", "NUL", "latin-1", "half UTF-16", "empty", "blank", "control character", "too large"],
)
def test_a_file_that_is_no_text_is_refused(server: StdioServer, folder: Path, content: bytes, words: str) -> None:
    (folder / "bad.md").write_bytes(content)
    _refused(server, folder / "bad.md", "INVALID_INPUT: ", words)


def test_bad_files_of_a_folder_are_skipped_with_the_reason_and_the_good_ones_imported(
    server: StdioServer, folder: Path
) -> None:
    (folder / "a-binary.md").write_bytes(MARKER.encode() + b"\0")
    (folder / "b-good.md").write_text(f"# Oboe\n\nThe oboe has {folder.name} keys.\n", encoding="utf-8")
    (folder / "c-large.txt").write_bytes(MARKER.encode() + b"x" * MAX_BYTES)
    (folder / "d-picture.png").write_bytes(MARKER.encode())
    os.mkfifo(folder / "e-pipe.md")
    result = server.must("import_document", {"path": str(folder)})
    assert (result["documents"], result["duplicates"]) == (1, 0)
    assert [each.partition(": ")[0] for each in result["skipped"]] == [
        "a-binary.md",
        "c-large.txt",
        "d-picture.png",
        "e-pipe.md",
    ]
    assert all(each.partition(": ")[2] for each in result["skipped"])
    assert _found(server) == []


def test_an_empty_folder_is_refused(server: StdioServer, folder: Path) -> None:
    _refused(server, folder, "INVALID_INPUT: ", "has no text files")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket may have 107 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def _device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero: endless if it were read
    except PermissionError:
        pytest.skip("only root may make device files")


@pytest.mark.parametrize("make", [_pipe, _socket, _device])
def test_what_is_no_regular_file_is_refused_at_once(
    server: StdioServer, folder: Path, make: Callable[[Path], None]
) -> None:
    make(folder / "special.md")
    reply = server.call("import_document", {"path": str(folder / "special.md")}, timeout_seconds=5)
    assert reply.is_error
    assert reply.text.startswith("INVALID_INPUT: "), reply.text
    assert "; name a" in reply.text


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(server: StdioServer, folder: Path) -> None:
    with (folder / "sparse.md").open("wb") as file:
        file.truncate(1 << 40)
    reply = server.call("import_document", {"path": str(folder / "sparse.md")}, timeout_seconds=5)
    assert reply.is_error
    assert f"at most {MAX_BYTES} can be imported" in reply.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["file", "folder", "file in a folder"])
def test_what_may_not_be_read_is_denied_or_skipped(server: StdioServer, folder: Path, what: str) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "private.md").write_text(f"{MARKER} private", encoding="utf-8")
    locked = inner if what == "folder" else inner / "private.md"
    locked.chmod(0)
    try:
        reply = server.call("import_document", {"path": str(locked if what == "file" else inner)})
    finally:
        locked.chmod(0o700)
    if what == "file":
        assert reply.text.startswith("DENIED: "), reply.text
    elif what == "folder":
        assert reply.text.startswith(("DENIED: ", "INVALID_INPUT: ")), reply.text
    else:
        assert reply.structured["skipped"] == ["private.md: " + f"{inner / 'private.md'} may not be read"]
    assert _found(server) == []


def test_a_file_that_changes_to_something_else_is_refused_by_what_it_is_when_read(
    server: StdioServer, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text(f"{MARKER} outside", encoding="utf-8")
    parent = folder / "parent"
    parent.mkdir()
    (parent / "file.md").write_text(f"# Inside\n\n{folder.name} is inside.\n", encoding="utf-8")
    assert server.must("import_document", {"path": str(parent)})["documents"] == 1
    (parent / "file.md").unlink()
    (parent / "file.md").symlink_to(outside)
    _refused(server, parent / "file.md", "DENIED: ", "is outside the allowed folders")


def _refused(server: StdioServer, path: Path | str, code: str, words: str) -> Reply:
    before = _documents(server)
    reply = server.call("import_document", {"path": str(path)})
    assert reply.is_error, reply.text
    assert reply.text.startswith(code), reply.text
    assert words in reply.text, reply.text
    assert MARKER not in reply.text
    assert _found(server) == []
    assert _documents(server) == before
    return reply


def _found(server: StdioServer) -> list[str]:
    hits = server.must("search_knowledge", {"query": MARKER, "mode": "lexical"})["hits"]
    return [hit["source"] for hit in hits]


def _documents(server: StdioServer) -> str:
    dependencies = server.must("health", {})["dependencies"]
    return str(next(each["detail"] for each in dependencies if each["name"] == "postgresql"))
