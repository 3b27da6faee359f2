"""The models of one process."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UnavailableError
from ..ports.chat import ChatModel, ModelState
from ..ports.embedder import Embedder
from ..settings import Settings
from .stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..hybrid.decision import Models
    from ..llm.prices import Price
    from .model_files import ModelFiles

EMBEDDING_TTL_SECONDS = 86_400


class ModelAdapters:
    """The embedder, the local model and Claude, as far as they are configured.

    Args:
        settings: Which ones.
        stores: Where embeddings are cached.
    """

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self._others: dict[Path, ChatModel] = {}

    @cached_property
    def embedder(self) -> Embedder:
        """The configured embedder behind a cache."""
        if self._settings.embeddings.provider == "none":
            from ..embeddings.none import NoEmbedder

            return NoEmbedder()
        from ..embeddings.caching import CachingEmbedder

        return CachingEmbedder(
            self._inner_embedder,
            self._stores.cache,
            ttl_seconds=EMBEDDING_TTL_SECONDS,
            memory_entries=self._settings.hybrid.cache.embedding_cache_size,
        )

    @property
    def embedder_is_loaded(self) -> bool:
        """Whether it can embed at once: an endpoint can, a model in this process once it was used."""
        return bool(getattr(self._inner_embedder, "loaded", True))

    def embedder_weights(self) -> str:
        """Where the embedder's model will be loaded from, as far as that can be told without loading it.

        Raises:
            UnavailableError: It is not on this machine.
        """
        is_default = self._settings.embeddings.provider == "llama_cpp"
        package, extra = ("llama_cpp", "local") if is_default else ("sentence_transformers", "sentence-transformers")
        if importlib.util.find_spec(package) is None:
            raise UnavailableError(f"the package {package} is not installed", f'pip install "mcp-stack[{extra}]"')
        if not is_default:
            return "it is loaded with the first use"
        from ..embeddings.minilm_gguf import weights_at_hand

        return f"its weights are in {weights_at_hand(self._settings.models_folder, os.environ)}"

    @cached_property
    def local(self) -> ChatModel | None:
        """The local model: an endpoint, or llama.cpp in the one process of this machine that holds it."""
        local = self._settings.llm.local
        if local.url:
            from ..llm.openai_compatible import OpenAICompatibleChat

            return OpenAICompatibleChat(
                local.url,
                local.model,
                local.api_key.get_secret_value(),
                timeout_seconds=local.timeout_seconds,
                price_input_per_million=local.price_input_per_million,
                price_output_per_million=local.price_output_per_million,
            )
        if (file := self.local_file) is None:
            return None
        return self._shared(file)

    def pulled(self, name: str) -> tuple[ChatModel, Path]:
        """A local model and its file: the one that this machine uses, or another that was pulled.

        Args:
            name: Of a pulled model, or of a file in their folder; empty for the one that is used.

        Raises:
            UnavailableError: It is not on this machine.
            UsageError: That is no name of a model.
        """
        file = self.files.path_of(name) if name else self.local_file
        if file is None or not file.is_file():
            missing = f"the model {name!r} is not on this machine" if name else "there is no local model"
            raise UnavailableError(missing, f"mcp-stack models pull {name}".rstrip())
        if file == self.local_file and (used := self.local) is not None:
            return used, file
        if file not in self._others:
            self._others[file] = self._shared(file)
        return self._others[file], file

    def _shared(self, file: Path) -> ChatModel:
        from ..llm.llama_cpp import LlamaCppChat
        from ..llm.sharing.shared_model import SharedModel

        local = self._settings.llm.local
        model = LlamaCppChat(file, context_tokens=local.context_tokens, threads=local.threads)
        return SharedModel(model, self.files.meeting_point(file), timeout_seconds=local.timeout_seconds)

    @cached_property
    def files(self) -> ModelFiles:
        """The files of local models."""
        from .model_files import ModelFiles

        return ModelFiles(self._settings)

    @cached_property
    def local_file(self) -> Path | None:
        """The GGUF file of the local model; None if that is an endpoint, or if there is none."""
        return self.files.chosen

    @cached_property
    def remote(self) -> ChatModel | None:
        """Claude, if there is a key.

        Raises:
            UsageError: The price of the configured model is not known.
        """
        claude = self._settings.llm.claude
        if not claude.api_key.get_secret_value():
            return None
        from ..llm.claude import ClaudeChat

        return ClaudeChat(
            claude.api_key.get_secret_value(),
            model=claude.model,
            base_url=claude.url,
            timeout_seconds=claude.timeout_seconds,
            max_retries=claude.max_retries,
            price_input_per_million=claude.price_input_per_million,
            price_output_per_million=claude.price_output_per_million,
        )

    @cached_property
    def all(self) -> Models:
        """The models as the router sees them.

        Raises:
            UsageError: The price of the configured model is not known.
        """
        from ..hybrid.decision import Models

        price = claude_price(self._settings, self._settings.llm.claude.model)
        return Models(self.local, self.remote, price.cost_usd, self._fingerprint(), self._local_price())

    def _local_price(self) -> Callable[[int, int], float]:
        """What the local model costs: nothing, unless it is an endpoint with a price."""
        from ..llm.prices import Price, Rates

        local = self._settings.llm.local
        given = (local.price_input_per_million, local.price_output_per_million)
        return Price(Rates.of(*given) if local.url else Rates.of(0, 0)).cost_usd

    def _fingerprint(self) -> str:
        """Everything about models that an answer depends on: names, the file behind a local one, the thresholds."""
        identity = [each.name if each else "" for each in (self.local, self.remote)]
        identity += [self.embedder.model, self._settings.llm.local.url]
        if (path := self.local_file) is not None and path.is_file():
            file = path.stat()
            identity += [str(path), str(file.st_size), str(file.st_mtime_ns)]
        identity.append(self._settings.hybrid.model_dump_json())
        return hashlib.sha256("\0".join(identity).encode()).hexdigest()[:16]

    async def load_local(self) -> None:
        """Load the local model now, if it is one that is loaded here or by another process of this machine.

        Raises:
            UnavailableError: It cannot be loaded.
        """
        from ..llm.sharing.shared_model import SharedModel

        if isinstance(self.local, SharedModel):
            await self.local.load()

    async def close(self) -> None:
        """Free what was loaded."""
        for name in ("embedder", "local", "remote"):
            if (part := self.__dict__.pop(name, None)) is not None:
                await part.close()
        while self._others:
            await self._others.popitem()[1].close()

    @cached_property
    def _inner_embedder(self) -> Embedder:
        chosen = self._settings.embeddings
        match chosen.provider:
            case "sentence_transformers":
                from ..embeddings.sentence_transformers import SentenceTransformersEmbedder

                return SentenceTransformersEmbedder(chosen.model, dimensions=chosen.dimensions)
            case "remote":
                from ..embeddings.remote import RemoteEmbedder

                return RemoteEmbedder(
                    chosen.url,
                    chosen.model,
                    dimensions=chosen.dimensions,
                    api_key=chosen.api_key.get_secret_value(),
                    timeout_seconds=chosen.timeout_seconds,
                )
            case _:
                from ..embeddings.llama_cpp import LlamaCppEmbedder

                return LlamaCppEmbedder(self._settings.models_folder, os.environ)


def claude_price(settings: Settings, model: str) -> Price:
    """What a model of Claude's costs: as configured for the configured one, else as published.

    Args:
        settings: Of everything.
        model: Its name.

    Raises:
        UsageError: The price is not known.
    """
    from ..llm.prices import Price, Rates, price_of

    claude = settings.llm.claude
    given = claude.price_input_per_million, claude.price_output_per_million
    return Price(Rates.of(*given)) if all(given) and model == claude.model else price_of(model)


async def local_model_state(files: ModelFiles) -> ModelState:
    """How the model in the chosen file is, wherever on this machine it is held; looking loads nothing.

    Args:
        files: Say which file is chosen.
    """
    from ..llm.sharing.asking import state_at

    return await state_at(files.meeting_point(files.chosen)) if files.chosen else ModelState("unloaded")
