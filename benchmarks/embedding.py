"""The default embedder: loading, memory, one query, bulk; sentence-transformers beside it where it is installed.

    python -m benchmarks.embedding [--threads N] [--texts N] [--json]

Every figure comes from a fresh process, so that none profits from what another has loaded. The texts are docstrings of
Python's standard library. The model's file is made in a temporary folder first and does not count.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import inspect
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mcp_stack.embeddings.minilm_gguf import ensure_minilm
from mcp_stack.embeddings.minilm_weights import find_weights

ROOT = Path(__file__).parents[1]
QUERY = "how do I restart the web server now"
"""10 tokens for the model, [CLS] and [SEP] included."""

_LOAD = """
import asyncio, json, os, sys, time
from pathlib import Path
def resident(): return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
before, begin = resident(), time.perf_counter()
from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
async def main():
    embedder = LlamaCppEmbedder(Path(sys.argv[1]))
    await embedder.embed_query("a")
    loaded = time.perf_counter()
    times = []
    for _ in range(int(sys.argv[3])):
        start = time.perf_counter()
        await embedder.embed_query(sys.argv[2])
        times.append(time.perf_counter() - start)
    after = resident()
    await embedder.close()
    print(json.dumps({"load_ms": 1000 * (loaded - begin), "added_mb": after - before,
                      "p50_ms": 1000 * sorted(times)[len(times) // 2]}))
asyncio.run(main())
"""

_BULK = """
import asyncio, json, sys, time
from pathlib import Path
from benchmarks.embedding import docstrings
kind, path, threads, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
async def main():
    if kind == "llama_cpp":
        from mcp_stack.embeddings.llama_cpp import LlamaCppEmbedder
        embedder = LlamaCppEmbedder(Path(path), threads=threads)
    else:
        import torch
        from mcp_stack.embeddings.sentence_transformers import SentenceTransformersEmbedder
        torch.set_num_threads(threads)
        embedder = SentenceTransformersEmbedder(path)
    texts, best = docstrings(number), 0.0
    await embedder.embed_documents(texts[:64])
    for _ in range(3):
        start = time.perf_counter()
        await embedder.embed_documents(texts)
        best = max(best, number / (time.perf_counter() - start))
    await embedder.close()
    print(json.dumps(best))
asyncio.run(main())
"""


def docstrings(number: int) -> list[str]:
    """The first paragraphs of standard library docstrings, 20 to 1,200 characters each, all different.

    Args:
        number: How many; there are some thousands. The same ones on one Python version.
    """
    found: dict[str, None] = {}
    for name in (
        "argparse",
        "asyncio",
        "collections",
        "datetime",
        "decimal",
        "email",
        "logging",
        "os",
        "pathlib",
        "re",
    ):
        module = importlib.import_module(name)
        names = [name, *(f"{name}.{sub.name}" for sub in pkgutil.iter_modules(getattr(module, "__path__", [])))]
        for each in sorted(set(names)):
            if each.endswith(("__main__", "windows_events", "windows_utils")):
                continue
            for _, thing in sorted(vars(importlib.import_module(each)).items()):
                members = (
                    [thing, *(value for _, value in sorted(vars(thing).items()))] if inspect.isclass(thing) else [thing]
                )
                for member in members:
                    text = " ".join(
                        ((inspect.getdoc(member) or "") if callable(member) else "").split("\n\n")[0].split()
                    )
                    if 20 <= len(text) <= 1200:
                        found[text] = None
                    if len(found) == number:
                        return list(found)
    raise ValueError(f"there are only {len(found)} docstrings")


def embedder_load_ms() -> float:
    """Milliseconds from before the adapter's import to the first vector."""
    return float(_run(_LOAD, str(_models()), QUERY, "1")["load_ms"])


def embed_ms() -> float:
    """Median milliseconds of a query of 10 tokens, on one thread."""
    return float(_run(_LOAD, str(_models()), QUERY, "300")["p50_ms"])


def memory_added_mb() -> float:
    """Megabytes (10^6 bytes) by which the embedder's import, load and queries raise the resident memory."""
    return float(_run(_LOAD, str(_models()), QUERY, "20")["added_mb"])


def bulk_per_second(threads: int, texts: int) -> dict[str, float]:
    """Texts embedded in a second, the best of three rounds, by adapter.

    Args:
        threads: Of either adapter.
        texts: How many docstrings.
    """
    result = {"llama_cpp": float(_run(_BULK, "llama_cpp", str(_models()), str(threads), str(texts)))}
    if importlib.util.find_spec("sentence_transformers"):
        folder = str(find_weights(os.environ))
        result["sentence_transformers"] = float(_run(_BULK, "torch", folder, str(threads), str(texts)))
    return result


def _models() -> Path:
    models = Path(_folder().name)
    ensure_minilm(models, os.environ)
    return models


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removes itself when the process ends."""
    return tempfile.TemporaryDirectory(prefix="mcp-stack-benchmark-")


def _run(script: str, *arguments: str) -> Any:
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=True, stdout=subprocess.PIPE, cwd=ROOT)
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Speed and memory of the default embedder.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    result: dict[str, Any] = {
        "embedder_load_ms": round(embedder_load_ms(), 1),
        "embed_ms": round(embed_ms(), 2),
        "memory_added_mb": round(memory_added_mb(), 1),
        "bulk_per_second": {
            name: round(value, 1) for name, value in bulk_per_second(chosen.threads, chosen.texts).items()
        },
        "threads": chosen.threads,
        "texts": chosen.texts,
    }
    if chosen.json:
        print(json.dumps(result))
        return
    print(f"load     {result['embedder_load_ms']:>8.0f} ms, imports included")
    print(f"query    {result['embed_ms']:>8.2f} ms, 10 tokens, 1 thread, p50")
    print(f"memory   {result['memory_added_mb']:>8.0f} MB added")
    for name, value in result["bulk_per_second"].items():
        print(f"bulk     {value:>8.0f} texts/s, {chosen.threads} threads, {name}")


if __name__ == "__main__":
    main()
