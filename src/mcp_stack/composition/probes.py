"""How the health of each dependency is asked for."""

from __future__ import annotations

from ..aidb.desk.health import Probe
from ..errors import UnavailableError
from ..settings import Settings
from .models import ModelAdapters
from .stores import Stores


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
        await models.embedder.embed_query("ping")
        return models.embedder.model

    async def local() -> str:
        if not llm.local.url and not models.local_file.is_file():
            raise UnavailableError(f"there is no file {models.local_file}", "correct llm.local.path")
        return models.local.name if models.local else ""

    async def claude() -> str:
        return models.remote.name if models.remote else ""

    return [
        Probe("postgresql", required=True, check=postgres),
        Probe("vectors", required=False, check=vectors),
        Probe("cache", required=False, check=cache),
        Probe(
            "embedder",
            required=False,
            check=embedder if embeds else None,
            detail="set embeddings.provider to llama_cpp",
        ),
        Probe(
            "local-model",
            required=False,
            check=local if llm.local.path or llm.local.url else None,
            detail="set llm.local.path to a GGUF file, or llm.local.url to an endpoint",
        ),
        Probe(
            "claude",
            required=False,
            check=claude if llm.claude.api_key.get_secret_value() else None,
            detail="set ANTHROPIC_API_KEY",
        ),
    ]
