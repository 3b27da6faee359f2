"""Model files from a host with the mishaps of real ones, by the command that people type."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_stack.cli import main
from mcp_stack.errors import ConflictError, DeniedError, NotFoundError, StackError, UnavailableError, UsageError
from mcp_stack.file_locks import FileLock
from mcp_stack.llm.download.download import MOST_FRUITLESS_TRIES, Downloaded, download
from mcp_stack.llm.download.source import Source
from tests.support.file_host import FileHost, Serve
from tests.support.tiny_gguf import write_tiny_gguf

TOKEN = "hf_very_secret_0123456789"
HALF = 200_000


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real model file of about half a megabyte."""
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf").read_bytes()


@pytest.fixture
def host(content: bytes) -> Iterator[FileHost]:
    with FileHost(content) as running:
        yield running


class Pull:
    """Downloads to one place, without waiting between tries."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.pauses: list[float] = []
        self.seen: list[tuple[int, int]] = []

    def __call__(self, url: str, *, sha256: str = "", token: str = "") -> Downloaded:
        return download(
            Source(url, token),
            self.target,
            sha256=sha256,
            progress=lambda here, total: self.seen.append((here, total)),
            pause=self.pauses.append,
        )

    @property
    def parts(self) -> list[Path]:
        return sorted(self.target.parent.glob("*.part"))


@pytest.fixture
def pull(tmp_path: Path) -> Pull:
    return Pull(tmp_path / "models" / "tiny.gguf")


def test_a_file_arrives_whole_and_checked_with_its_progress_told(host: FileHost, pull: Pull, content: bytes) -> None:
    done = pull(f"{host.url}/tiny.gguf")
    assert done == Downloaded(pull.target, len(content), hashlib.sha256(content).hexdigest(), verified=True)
    assert pull.target.read_bytes() == content
    assert pull.seen[0] == (0, len(content))
    assert pull.seen[-1] == (len(content), len(content))
    assert pull.parts == []


def test_cut_connections_are_continued_where_they_were_cut(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(cut_after=HALF), Serve(cut_after=10_000), Serve())
    pull(host.url)
    assert host.ranges == ["", f"bytes={HALF}-", f"bytes={HALF + 10_000}-"]
    assert pull.target.read_bytes() == content


def test_a_download_given_up_is_continued_by_the_next_call(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(cut_after=HALF), *[Serve(status=503)] * MOST_FRUITLESS_TRIES)
    with pytest.raises(UnavailableError, match=r"the 0\.2 MB that are here are kept"):
        pull(host.url)
    assert not pull.target.exists()
    pull(host.url)
    assert host.ranges[-1] == f"bytes={HALF}-"
    assert pull.target.read_bytes() == content


def test_a_host_that_ignores_ranges_sends_all_of_it_again(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(cut_after=HALF), Serve(ranges=False))
    pull(host.url)
    assert host.ranges[-1] == f"bytes={HALF}-"
    assert pull.target.read_bytes() == content


def test_a_host_that_sends_another_range_is_not_believed(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(cut_after=HALF), Serve(starts_elsewhere=True), Serve())
    pull(host.url)
    assert pull.target.read_bytes() == content


@pytest.mark.parametrize("told", [100, 10_000_000])
def test_a_host_that_lies_about_the_length_is_tried_again_and_then_given_up(
    host: FileHost, pull: Pull, content: bytes, told: int
) -> None:
    host.then(Serve(told_bytes=told))
    pull(host.url)
    assert pull.target.read_bytes() == content
    pull.target.unlink()
    host.then(*[Serve(told_bytes=told, ranges=False, checksum="")] * 20)
    with pytest.raises(UnavailableError):
        pull(host.url)
    assert not pull.target.exists()


def test_a_wrong_checksum_leaves_nothing_behind(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(checksum="0" * 64))
    with pytest.raises(UnavailableError, match="has the SHA-256"):
        pull(host.url)
    with pytest.raises(UnavailableError, match="but should have abc"):
        pull(host.url, sha256="abc")
    assert list(pull.target.parent.iterdir()) == []
    assert pull(host.url, sha256=hashlib.sha256(content).hexdigest().upper()).verified


def test_a_file_that_changed_since_its_beginning_came_is_fetched_anew(
    host: FileHost, pull: Pull, content: bytes, tmp_path: Path
) -> None:
    host.then(Serve(cut_after=HALF), *[Serve(status=503)] * MOST_FRUITLESS_TRIES)
    with pytest.raises(UnavailableError):
        pull(host.url)
    host.content = write_tiny_gguf(tmp_path / "other.gguf", seed=7).read_bytes()
    pull(host.url)
    assert pull.target.read_bytes() == host.content != content


def test_without_a_checksum_it_says_so_and_does_not_continue_what_an_earlier_call_began(
    host: FileHost, pull: Pull, content: bytes
) -> None:
    host.then(Serve(cut_after=HALF, checksum=""), *[Serve(status=503)] * MOST_FRUITLESS_TRIES)
    with pytest.raises(UnavailableError):
        pull(host.url)
    host.then(*[Serve(checksum="")] * 3)
    done = pull(host.url)
    assert not done.verified
    assert host.ranges[-2:] == [f"bytes={HALF}-", ""]
    assert pull.target.read_bytes() == content


def test_a_length_that_nobody_tells_is_no_obstacle(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(chunked=True, checksum=""))
    pull(host.url)
    assert pull.target.read_bytes() == content
    assert pull.seen[-1] == (len(content), 0)


def test_what_is_here_whole_is_not_sent_again(host: FileHost, pull: Pull, content: bytes) -> None:
    host.then(Serve(cut_after=len(content), told_bytes=len(content) + 1))
    pull(host.url)
    assert host.ranges == ["", f"bytes={len(content)}-"]
    assert pull.target.read_bytes() == content


def test_a_page_instead_of_a_model_is_refused_and_removed(pull: Pull) -> None:
    with FileHost(b"<html>Please log in</html>" * 100) as host, pytest.raises(UnavailableError, match="GGUF"):
        pull(host.url)
    assert list(pull.target.parent.iterdir()) == []


def test_redirects_are_followed_but_the_token_stays_with_its_host(host: FileHost, pull: Pull, content: bytes) -> None:
    with FileHost(content) as storage:
        storage.then(Serve(checksum=""))
        host.then(Serve(location=f"{storage.url}/blob?signature=abc"))
        assert pull(f"{host.url}/tiny.gguf", token=TOKEN).verified
        assert host.authorizations == [f"Bearer {TOKEN}"]
        assert storage.authorizations == [""]
        assert storage.paths == ["/blob?signature=abc"]


def test_a_checksum_of_where_it_is_sent_to_is_not_believed(host: FileHost, pull: Pull, content: bytes) -> None:
    with FileHost(content) as storage:
        host.then(Serve(location=f"{storage.url}/blob", checksum=""))
        assert not pull(host.url).verified


def test_redirects_that_never_end_or_leave_https_are_refused(host: FileHost, pull: Pull) -> None:
    host.then(*[Serve(location=f"{host.url}/again")] * 20)
    with pytest.raises(UnavailableError, match="leads on more than"):
        pull(host.url)
    host.then(*[Serve(location="http://models.example.com/tiny.gguf?key=secret")] * 20)
    with FileHost(b"") as other:
        other.then(Serve(location="http://models.example.com/tiny.gguf?key=secret"))
        with pytest.raises(UnavailableError, match="which is not https") as refused:
            pull(other.url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://models.example.com/a.gguf", "ftp://localhost/a.gguf", "file:///etc/passwd", ""]
)
def test_only_https_or_this_machine_is_asked(url: str) -> None:
    with pytest.raises(UsageError):
        Source(url)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, DeniedError, "HF_TOKEN"),
        (403, DeniedError, "HF_TOKEN"),
        (404, NotFoundError, "there is no"),
        (418, UnavailableError, "HTTP 418"),
    ],
)
def test_refusals_have_their_own_codes_and_are_not_repeated(
    host: FileHost, pull: Pull, status: int, kind: type[StackError], words: str
) -> None:
    host.then(Serve(status=status))
    with pytest.raises(kind, match=words) as refused:
        pull(f"{host.url.replace('//', '//user:hidden@')}/a.gguf?key=hidden", token=TOKEN)
    assert "hidden" not in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert len(host.paths) == 1


def test_a_busy_host_is_asked_again_when_it_wants(host: FileHost, pull: Pull) -> None:
    host.then(Serve(status=429, retry_after="7"), Serve(status=500))
    pull(host.url)
    assert pull.pauses == [7, 2.0]
    assert pull.target.exists()


def test_a_full_disk_is_noticed_before_the_first_byte(
    host: FileHost, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = shutil.disk_usage(pull.target.parents[1])._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: free)
    with pytest.raises(UnavailableError, match="GB are needed"):
        pull(host.url)
    assert pull.seen == []


def test_two_downloads_of_one_file_do_not_mix(host: FileHost, pull: Pull) -> None:
    host.then(Serve(cut_after=HALF), *[Serve(status=503)] * MOST_FRUITLESS_TRIES)
    with pytest.raises(UnavailableError):
        pull(host.url)
    other = FileLock(pull.parts[0])
    other.take()
    with pytest.raises(ConflictError, match="another process"):
        pull(host.url)
    other.release()
    pull(host.url)


# The command


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, and nobody's configuration."""
    folder = tmp_path / "data"
    (tmp_path / "config").mkdir()
    for name, value in (("DATA", folder), ("CONFIG", tmp_path / "config"), ("SECRETS", tmp_path / "none")):
        monkeypatch.setenv(f"MCP_STACK_{name}", str(value))
    return folder


def test_pull_without_a_name_says_which_model_suits_the_machine_and_list_shows_it(
    data: Path, host: FileHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", host.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert main(["models", "list"]) == 0
    assert "There is no local model" in capsys.readouterr().out
    assert main(["models", "path"]) == 1
    capsys.readouterr()
    assert main(["models", "pull"]) == 0
    shown = capsys.readouterr()
    assert "suits this machine: " in shown.out
    assert "as it should be" in shown.out
    assert TOKEN not in shown.out + shown.err
    assert host.authorizations == [f"Bearer {TOKEN}"]
    (file,) = (data / "models").iterdir()
    assert host.paths == [
        f"/Qwen/Qwen2.5-Coder-{file.name.split('-')[2].upper()}-Instruct-GGUF/resolve/main/{file.name}"
    ]
    assert main(["models", "path"]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    assert main(["models", "list"]) == 0
    listed = capsys.readouterr().out
    assert "here, not used yet" in listed
    assert "The local model is unloaded." in listed
    assert main(["models", "pull", file.name.removesuffix("-instruct-q4_k_m.gguf")]) == 0
    assert "is here already" in capsys.readouterr().out
    assert len(host.paths) == 1


def test_a_hub_that_tells_no_checksum_is_refused(
    data: Path, host: FileHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", host.url)
    host.then(Serve(checksum=""))
    assert main(["models", "pull", "qwen2.5-coder-0.5b"]) == 1
    assert "tells no checksum" in capsys.readouterr().err


def test_another_address_gives_the_file_its_name_and_is_used_when_it_is_named(
    data: Path, host: FileHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host.then(Serve(checksum=""))
    assert main(["models", "pull", "--url", f"{host.url}/some/mine.gguf?download=true"]) == 0
    assert "it is not verified" in capsys.readouterr().out
    assert main(["models", "path"]) == 1
    monkeypatch.setenv("MCP_STACK_LLM__LOCAL__MODEL", "mine")
    capsys.readouterr()
    assert main(["models", "path"]) == 0
    assert capsys.readouterr().out == f"{data}/models/mine.gguf\n"


@pytest.mark.parametrize("name", ["../outside", "a/b.gguf"])
def test_a_name_cannot_lead_out_of_the_folder(
    data: Path, host: FileHost, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["models", "pull", name, "--url", host.url]) == 2
    assert "is no name of a model" in capsys.readouterr().err
    assert host.paths == []
