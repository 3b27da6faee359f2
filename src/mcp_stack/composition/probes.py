"""How the health of each dependency is asked for, and what the stack does with it."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ..aidb.desk.health import Capability, Probe
from ..errors import UnavailableError
from ..settings import Settings
from .models import ModelAdapters, local_model_state
from .stores import Stores

SECONDS_TO_CONNECT = 3.0
CLAUDE = "https://api.anthropic.com"

CAPABILITIES = (
    Capability("This server answers: its tools are listed, and health is told."),
    Capability("Documents are imported, and found by their words.", ("postgresql",)),
    Capability("Documents are found by their meaning.", ("postgresql", "vectors", "embedder")),
    Capability("Questions are answered with the best passages and their sources.", ("postgresql",)),
    Capability("Questions are answered by the local model.", ("postgresql", "local-model")),
    Capability("Questions are answered by Claude.", ("postgresql", "claude")),
    Capability("Answers are remembered, and requests are limited.", ("cache",)),
    Capability("Tools of other servers are found and called.", ("postgresql",)),
    Capability("Issues, skills, systems and points of interest are kept.", ("postgresql",)),
    Capability("Coding tasks are accepted and done.", ("postgresql",)),
    Capability("Texts are embedded by the embeddings server.", ("embedder",)),
)


def probes(settings: Settings, stores: Stores, models: ModelAdapters) -> list[Probe]:
    """One probe for each store and model; the models are asked nothing that costs money.

    Args:
        settings: Say which are configured.
        stores: The stores.
        models: The models.
    """
    llm = settings.llm
    embeds = settings.embeddings.provider != "none"

    async def postgres() -> str:
        await stores.database.ping()
        return f"{stores.link.kind}, {await stores.documents.count()} documents"

    async def vectors() -> str:
        await stores.vectors.ping()
        return f"{type(stores.vectors).__name__}, {await stores.vectors.count()} vectors"

    async def cache() -> str:
        await stores.cache.ping()
        return type(stores.cache).__name__

    async def embedder() -> str:
        if models.embedder_is_loaded:
            return await embed()
        return f"{models.embedder.model}, not loaded yet; {await asyncio.to_thread(models.embedder_weights)}"

    async def embed() -> str:
        await models.embedder.embed_documents(["ping"])  # not a query: that might come from the cache
        return models.embedder.model

    async def local() -> str:
        if llm.local.url:
            return f"{models.local.name if models.local else ''}, {await _reached(llm.local.url, 'llm.local.url')}"
        from ..llm.gguf_header import check_gguf

        if (file := models.local_file) is None:
            return ""
        await asyncio.to_thread(check_gguf, file)
        state = await local_model_state(models.files)
        advice = await asyncio.to_thread(models.files.advice, file)
        return f"{file.stem}, {state.status}" + (f"; {advice}" if advice else "")

    async def claude() -> str:
        reached = await _reached(llm.claude.url or CLAUDE, "the network, or ANTHROPIC_BASE_URL")
        return f"{models.remote.name if models.remote else ''}, {reached}"

    return [
        Probe("postgresql", required=True, check=postgres),
        Probe("vectors", required=False, check=vectors),
        Probe("cache", required=False, check=cache),
        Probe(
            "embedder",
            required=False,
            check=embedder if embeds else None,
            detail="set embeddings.provider to llama_cpp",
            thorough=embed if embeds else None,
        ),
        Probe(
            "local-model",
            required=False,
            check=local if models.local_file or llm.local.url else None,
            detail="mcp-stack models pull, or set llm.local.path to a GGUF file, or llm.local.url to an endpoint",
        ),
        Probe(
            "claude",
            required=False,
            check=claude if llm.claude.api_key.get_secret_value() else None,
            detail="set ANTHROPIC_API_KEY",
        ),
    ]


async def _reached(url: str, remedy: str) -> str:
    """See whether somebody listens at an address; nothing is asked, so nothing is paid for.

    Raises:
        UnavailableError: Nobody does.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    through = ""
    proxy = getproxies().get(parts.scheme, "")
    if proxy and not proxy_bypass(host):
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        host, port, through = address.hostname or "", address.port or 80, " through the proxy"
    try:
        async with asyncio.timeout(SECONDS_TO_CONNECT):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        reason = (os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)) or "no answer"
        raise UnavailableError(f"{host}:{port} cannot be reached ({reason})", f"start it, or check {remedy}") from error
    writer.close()
    return f"reached{through}; it was asked nothing"
