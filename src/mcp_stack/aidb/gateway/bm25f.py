"""BM25 over documents of several fields, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

K1 = 1.2
# Less than the usual 0.75: a tool that is described at length is not the less fit.
B = 0.4


class Bm25f:
    """BM25F as in Zaragoza et al. 2004, "Microsoft Cambridge at TREC 13": fields are weighted, then saturated.

    What a term contributes to a document is computed beforehand, so a search adds a few slices of an array.

    Args:
        documents: Each one's words, by field.
        weights: Of each field.
    """

    def __init__(self, documents: Sequence[Mapping[str, Sequence[str]]], weights: Mapping[str, float]) -> None:
        self._size = len(documents)
        self._vocabulary: dict[str, int] = {}
        keys: list[npt.NDArray[np.int64]] = []
        frequencies: list[npt.NDArray[np.float64]] = []
        for field, weight in weights.items():
            holders, words = self._numbered([document.get(field, ()) for document in documents])
            lengths = np.bincount(holders, minlength=self._size)
            key, counts = np.unique(words * self._size + holders, return_counts=True)
            keys.append(key)
            normal = 1 - B + B * lengths / max(1.0, float(lengths.mean()) if self._size else 1.0)
            frequencies.append(weight * counts / normal[key % self._size])
        posting, where = np.unique(np.concatenate(keys), return_inverse=True)
        frequency = np.bincount(where, np.concatenate(frequencies), minlength=len(posting))
        self._holders = posting % self._size if self._size else posting
        term = posting // self._size if self._size else posting
        self._starts = np.searchsorted(term, np.arange(len(self._vocabulary) + 1))
        holding = np.diff(self._starts)
        rarity = np.log(1 + (self._size - holding + 0.5) / (holding + 0.5))
        self._impact = (rarity[term] * frequency * (K1 + 1) / (frequency + K1)).astype(np.float32)

    def scores(self, query: Iterable[str]) -> npt.NDArray[np.float32]:
        """Of every document, in order; 0 for one that has none of the words.

        Args:
            query: Words; repetitions do not count.
        """
        found = np.zeros(self._size, np.float32)
        for word in dict.fromkeys(query):
            number = self._vocabulary.get(word)
            if number is not None:
                postings = slice(self._starts[number], self._starts[number + 1])
                found[self._holders[postings]] += self._impact[postings]
        return found

    def _numbered(self, texts: Sequence[Sequence[str]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """For each word of each text: the number of the text, and that of the word."""
        vocabulary = self._vocabulary
        words = [vocabulary.setdefault(word, len(vocabulary)) for text in texts for word in text]
        holders = np.repeat(np.arange(len(texts), dtype=np.int64), [len(text) for text in texts])
        return holders, np.array(words, np.int64)
