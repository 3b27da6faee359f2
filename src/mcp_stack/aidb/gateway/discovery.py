"""Which tool fits a need."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...errors import UnavailableError
from ...ports.embedder import Embedder, Vector
from ...ports.tools import KnownTool, Tools
from .models import DiscoveryResult, ToolSummary

logger = logging.getLogger(__name__)

# Weight of the vector leg and of the fields, from a comparison on MetaTool, LiveMCPBench and mcpproxy's golden set:
# this convex fusion had the best NDCG@5 and R@5 on each of them.
VECTOR_WEIGHT = 0.7
SERVER_WEIGHT = 0.25
FIELD_WEIGHTS = {"name": 3.0, "description": 1.0, "parameters": 0.3, "server": 0.7}
K1, B = 1.2, 0.75
CHARACTERS_PER_TOKEN = 4  # the usual estimate for English and JSON
SUMMARY_CHARACTERS = 160

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tool, ready to be ranked."""

    tool: KnownTool
    words: dict[str, Counter[str]]
    tokens: int


class ToolIndex:
    """The known tools in memory, ranked by words and meaning.

    The vectors live in this process: a few hundred tools take 1 ms to compare. They are computed once, when the first
    search comes, and again when the list of tools has changed.

    Args:
        tools: The registry.
        embedder: Without one, tools are ranked by words.
        manifests: Tools known beforehand, by server; written to the registry on first use.
    """

    def __init__(self, tools: Tools, embedder: Embedder, manifests: Mapping[str, Sequence[KnownTool]]) -> None:
        self._tools = tools
        self._manifests: Mapping[str, Sequence[KnownTool]] | None = manifests
        self._embedder = embedder
        self._entries: list[_Entry] = []
        self._known: list[KnownTool] = []
        self._refreshing = asyncio.Lock()
        self._views: list[list[Vector]] = []
        self._servers: dict[str, Vector] = {}

    async def discover(
        self, query: str, *, server: str = "", category: str = "", limit: int = 5, with_schema: bool = False
    ) -> DiscoveryResult:
        """The tools that fit best, or the first ones by name if nothing is asked.

        Args:
            query: What is to be done, in words.
            server: Only tools of this server.
            category: Only tools of this category.
            limit: Most tools to return.
            with_schema: Give each tool's input schema.

        Raises:
            UnavailableError: The registry's database is down.
        """
        async with self._refreshing:
            await self._refresh()
        chosen = [
            number
            for number, entry in enumerate(self._entries)
            if server in ("", entry.tool.server) and category in ("", entry.tool.category)
        ]
        notes: list[str] = []
        if query and chosen:
            scores = await self._scores(query, chosen, notes)
            order = sorted(chosen, key=lambda number: (-scores[number], self._entries[number].tool.name))
        else:
            scores = dict.fromkeys(chosen, 0.0)
            order = sorted(chosen, key=lambda number: self._entries[number].tool.name)
        found = [
            summary(self._entries[number].tool, round(scores[number], 4), with_schema=with_schema)
            for number in order[:limit]
        ]
        listing = sum(entry.tokens for entry in self._entries)
        reply = sum(_tokens(each.model_dump_json()) for each in found)
        return DiscoveryResult(tools=found, total=len(self._entries), tokens_saved=max(0, listing - reply), notes=notes)

    async def _refresh(self) -> None:
        tools = await self._tools.all()
        if self._manifests is not None:
            tools = await self._with_manifests(tools, self._manifests)
        if tools != self._known:
            self._entries = [_Entry(tool, _words(tool), _tokens(_listing(tool))) for tool in tools]
            self._views, self._servers = [], {}
            self._known = tools

    async def _with_manifests(
        self, tools: list[KnownTool], manifests: Mapping[str, Sequence[KnownTool]]
    ) -> list[KnownTool]:
        """The registry brought up to date; where nothing can be written, what it would then hold."""
        wanted = {server: sorted(members, key=_by_name) for server, members in manifests.items()}
        stale = [
            server for server, members in wanted.items() if members != [tool for tool in tools if tool.server == server]
        ]
        try:
            for server in stale:
                await self._tools.replace(server, wanted[server])
        except UnavailableError as error:
            logger.warning("the tool registry is not up to date: %s", error)
        else:
            self._manifests = None
        others = [tool for tool in tools if tool.server not in stale]
        return sorted([*others, *(tool for server in stale for tool in wanted[server])], key=_by_name)

    async def _scores(self, query: str, chosen: Sequence[int], notes: list[str]) -> dict[int, float]:
        by_words = _scaled(self._bm25f(query, chosen))
        try:
            by_meaning = _scaled(await self._similarities(query, chosen))
        except UnavailableError as error:
            notes.append(f"ranked by words only: {error.problem}; {error.remedy}")
            return by_words
        return {
            number: VECTOR_WEIGHT * by_meaning[number] + (1 - VECTOR_WEIGHT) * by_words[number] for number in chosen
        }

    async def _similarities(self, query: str, chosen: Sequence[int]) -> dict[int, float]:
        """Best cosine similarity of the tool's three views, plus a share of its server's."""
        async with self._refreshing:
            if not self._views:
                await self._embed_tools()
        vector = await self._embedder.embed_query(query)
        servers = {name: _dot(vector, centroid) for name, centroid in self._servers.items()}
        return {
            number: max(_dot(vector, view) for view in self._views[number])
            + SERVER_WEIGHT * servers[self._entries[number].tool.server]
            for number in chosen
        }

    async def _embed_tools(self) -> None:
        texts = [text for entry in self._entries for text in _texts(entry.tool)]
        vectors = await self._embedder.embed_documents(texts)
        self._views = [vectors[start : start + 3] for start in range(0, len(vectors), 3)]
        grouped: dict[str, list[Vector]] = {}
        for entry, views in zip(self._entries, self._views, strict=True):
            grouped.setdefault(entry.tool.server, []).append(views[0])
        self._servers = {server: _centroid(members) for server, members in grouped.items()}

    def _bm25f(self, query: str, chosen: Sequence[int]) -> dict[int, float]:
        """BM25F as in Zaragoza et al. 2004, "Microsoft Cambridge at TREC 13": fields are weighted, then saturated."""
        entries = self._entries
        means = {
            field: max(1.0, sum(entry.words[field].total() for entry in entries) / len(entries))
            for field in FIELD_WEIGHTS
        }
        scores = dict.fromkeys(chosen, 0.0)
        for term in set(_split(query)):
            holders = sum(any(term in entry.words[field] for field in FIELD_WEIGHTS) for entry in entries)
            if not holders:
                continue
            weight = math.log(1 + (len(entries) - holders + 0.5) / (holders + 0.5))
            for number in chosen:
                words = entries[number].words
                frequency = sum(
                    factor * words[field][term] / (1 - B + B * words[field].total() / means[field])
                    for field, factor in FIELD_WEIGHTS.items()
                )
                scores[number] += weight * frequency * (K1 + 1) / (frequency + K1)
        return scores


def summary(tool: KnownTool, score: float, *, with_schema: bool) -> ToolSummary:
    """What is shown of a tool: its first sentence, and its schema only on demand."""
    sentence = _SENTENCE_END.split(tool.description.strip(), maxsplit=1)[0]
    if len(sentence) > SUMMARY_CHARACTERS:
        sentence = sentence[: SUMMARY_CHARACTERS - 1].rstrip() + "…"
    return ToolSummary(
        name=tool.name,
        summary=sentence,
        score=score,
        server_status=tool.status,
        category=tool.category,
        input_schema=tool.input_schema if with_schema else {},
    )


def _texts(tool: KnownTool) -> list[str]:
    """Three views of a tool: a model that reads 256 tokens must not lose the first sentence in a long description."""
    name = " ".join(_split(tool.tool))
    first = _SENTENCE_END.split(tool.description.strip(), maxsplit=1)[0]
    return [f"{name}: {tool.description}", f"{tool.server} {name}: {tool.description}", f"{name}: {first}"]


def _by_name(tool: KnownTool) -> str:
    return tool.name


def _words(tool: KnownTool) -> dict[str, Counter[str]]:
    properties = tool.input_schema.get("properties", {})
    parameters = " ".join(f"{key} {value.get('description', '')}" for key, value in properties.items())
    return {
        "name": Counter(_split(f"{tool.tool} {tool.title}")),
        "description": Counter(_split(tool.description)),
        "parameters": Counter(_split(parameters)),
        "server": Counter(_split(tool.server)),
    }


def _split(text: str) -> list[str]:
    """Words of a text or an identifier, with a plural s cut so that `documents` finds `document`."""
    words = _WORD.findall(_CAMEL.sub(" ", text).lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words]


def _listing(tool: KnownTool) -> str:
    return json.dumps({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})


def _tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def _scaled(scores: dict[int, float]) -> dict[int, float]:
    least, greatest = min(scores.values()), max(scores.values())
    spread = greatest - least
    return {key: (value - least) / spread if spread > 0 else 0.0 for key, value in scores.items()}


def _dot(one: Vector, other: Vector) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _centroid(vectors: Sequence[Vector]) -> Vector:
    mean = [math.fsum(column) for column in zip(*vectors, strict=True)]
    length = math.sqrt(_dot(mean, mean)) or 1.0
    return [value / length for value in mean]
