"""A corpus that is made up, of any size, with the statistics that searches depend on.

Words follow Zipf's law, as in any language: the commonest is in nearly every document and half of all are in one only.
Vectors lie in clusters of few dimensions, as those of texts do: evenly spread ones would be equally far from anything.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mcp_stack.ports.documents import Chunk, NewDocument
from mcp_stack.ports.vectors import Point

if TYPE_CHECKING:
    from mcp_stack.ports.embedder import Vector

MODEL = "made-up"
DIMENSIONS = 384
VOCABULARY = 100_000
TOPICS = 200
LATENT = 24
COLLECTIONS = ("codebase-context", "error-solutions", "best-practices", "nixos-docs", "imported")
TAGS = ("linux", "python", "rust", "networking", "storage", "security")

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for.

    Attributes:
        text: Words.
        vector: A unit vector.
    """

    text: str
    vector: Vector


class Corpus:
    """The documents, the same ones for the same arguments.

    Args:
        documents: How many.
        seed: Of the random numbers.
    """

    def __init__(self, documents: int, seed: int = 1) -> None:
        self.size = documents
        self._seed = seed
        chance = np.random.default_rng(seed)
        self._topics = chance.normal(size=(TOPICS, LATENT))
        self._mixing = chance.normal(size=(LATENT, DIMENSIONS)) / np.sqrt(LATENT)

    def documents(self) -> Iterator[tuple[NewDocument, list[Point]]]:
        """Each document with its vectors: as a whole and of each passage."""
        for number in range(self.size):
            yield self._document(number)

    def questions(self, number: int) -> list[Question]:
        """Questions of 4 to 12 words of a document's topic, with a vector near it."""
        chance = np.random.default_rng((self._seed, 2))
        return [
            Question(
                " ".join(self._words(chance, topic, int(chance.integers(4, 13)))),
                self._vectors(chance, self._topics[topic][None, :], 0.6)[0].tolist(),
            )
            for topic in chance.integers(0, TOPICS, size=number)
        ]

    def common_questions(self, number: int) -> list[Question]:
        """Questions of 8 words among the 50 commonest."""
        chance = np.random.default_rng((self._seed, 3))
        return [
            Question(
                " ".join(self._vocabulary[word] for word in chance.choice(50, size=8, replace=False)),
                self._vectors(chance, self._topics[topic][None, :], 0.6)[0].tolist(),
            )
            for topic in chance.integers(0, TOPICS, size=number)
        ]

    def _document(self, number: int) -> tuple[NewDocument, list[Point]]:
        chance = np.random.default_rng((self._seed, 1, number))
        topic = int(chance.integers(0, TOPICS))
        length = int(np.clip(chance.lognormal(4.7, 0.5), 20, 1000))
        words = self._words(chance, topic, length)
        chunks = tuple(
            Chunk(1 + start // 90, f"Part {1 + start // 90}", " ".join(words[start : start + 90]) + ".")
            for start in range(0, length, 90)
        )
        content = "\n\n".join(chunk.content for chunk in chunks)
        identifier = str(uuid.UUID(bytes=hashlib.sha256(f"{self._seed} {number}".encode()).digest()[:16]))
        document = NewDocument(
            id=identifier,
            title=" ".join(self._words(chance, topic, 6)),
            content=content,
            content_hash=hashlib.sha256(f"{number} {content}".encode()).digest(),
            source=f"made-up/{number}",
            collection=COLLECTIONS[int(chance.integers(0, len(COLLECTIONS)))],
            tags=tuple(sorted({TAGS[int(chance.integers(0, len(TAGS)))]})),
            chunks=chunks,
        )
        centre = self._topics[topic] + 0.6 * chance.normal(size=LATENT)
        latent = np.vstack([centre[None, :], centre + 0.3 * chance.normal(size=(len(chunks), LATENT))])
        points = [
            Point(
                str(uuid.uuid5(uuid.UUID(identifier), str(ordinal))),
                vector.tolist(),
                identifier,
                ordinal,
                document.tags,
            )
            for ordinal, vector in enumerate(self._vectors(chance, latent, 0.0))
        ]
        return document, points

    def _words(self, chance: np.random.Generator, topic: int, number: int) -> list[str]:
        """Half of them common to all topics, half shifted to ranks of the topic's own."""
        ranks = self._ranks(chance, number)
        own = (ranks + 1 + topic * 37) % VOCABULARY
        rare = (ranks >= 50) & (chance.random(number) < 0.5)
        return [self._vocabulary[rank] for rank in np.where(rare, own, ranks)]

    def _ranks(self, chance: np.random.Generator, number: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.searchsorted(self._cumulated, chance.random(number))

    def _vectors(self, chance: np.random.Generator, latent: Array, spread: float) -> Array:
        moved = latent + spread * chance.normal(size=latent.shape)
        made = moved @ self._mixing + 0.05 * chance.normal(size=(len(latent), DIMENSIONS))
        unit: Array = made / np.linalg.norm(made, axis=1, keepdims=True)
        return unit

    @cached_property
    def _cumulated(self) -> Array:
        weights = 1.0 / (np.arange(VOCABULARY) + 2.7)  # Zipf's law as Mandelbrot wrote it
        cumulated: Array = np.cumsum(weights) / weights.sum()
        return cumulated

    @cached_property
    def _vocabulary(self) -> list[str]:
        """Words of three or four syllables, the last of them one that English has no ending for, in random order."""
        syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
        endings = ("ko", "ru", "mo", "lu")
        long = ("".join(parts) for parts in itertools.product(syllables, syllables, syllables, endings))
        words = ["".join(parts) for parts in itertools.product(syllables, syllables, endings)]
        words += itertools.islice(long, 0, None, 13)
        order = np.random.default_rng(self._seed).permutation(len(words))
        return [words[number] for number in order[:VOCABULARY]]
