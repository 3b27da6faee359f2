"""The vectors of answered questions in this process, and the nearest of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...ports.answer_index import Changes, Indexed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

ROWS_OF_A_BLOCK = 4_096
MOST_ENTRIES = 30_000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An answered question that is near.

    Attributes:
        sequence: Of its entry.
        group: Of the answers that agree with its own.
        similarity: Cosine.
    """

    sequence: int
    group: int
    similarity: float


class Neighbours:
    """A copy of the index's vectors, as float32: 1.5 kB an entry of 384 dimensions.

    It only grows by what was added since; what has expired is passed over, what was removed is told by `drop`, and the
    oldest give way to the newest when it is full. The rows lie in blocks, so that growing copies nothing.

    Args:
        most: Entries at most.
        clock: Seconds that go by.
    """

    def __init__(self, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self.clear(0)

    def clear(self, generation: int) -> None:
        """Forget everything, because the index was emptied."""
        self.generation = generation
        self.newest = 0
        self._blocks: list[_Block] = []
        self._scopes: dict[bytes, int] = {}
        self._next_scope = 0
        self._added = 0

    def add(self, changes: Changes, dimensions: int) -> None:
        """Take over what was added to the index; another generation empties the copy, which then begins anew.

        Args:
            changes: From `AnswerIndex.changes`, asked for what is behind `newest`.
            dimensions: Length of the vectors; others, of another model, are left out.
        """
        if changes.generation != self.generation:
            asked_for_all = self.newest == 0
            self.clear(changes.generation)
            if not asked_for_all:
                return
        self.newest = changes.newest
        now = self._clock()
        for entry in changes.entries:
            if len(entry.vector) != 2 * dimensions:
                continue
            slot = self._added % self._most
            self._added += 1
            number, row = divmod(slot, ROWS_OF_A_BLOCK)
            if number == len(self._blocks):
                self._blocks.append(_Block(min(ROWS_OF_A_BLOCK, self._most - slot), dimensions))
            self._blocks[number].put(row, entry, self._number_of(entry.scope), now + entry.seconds_left)
        if len(self._scopes) > 2 * self._most:
            self._forget_scopes()

    def nearest(self, vector: Sequence[float], scope: bytes, number: int) -> list[Neighbour]:
        """The most similar ones of a scope.

        Args:
            vector: Of length 1.
            scope: Entries of others are passed over.
            number: How many at most.

        Returns:
            The most similar first; of equals the newest.
        """
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        if (wanted := self._scopes.get(scope)) is None:
            return []
        asked = np.asarray(vector, dtype=np.float32)
        now = self._clock()
        found = [each for block in self._blocks for each in block.nearest(asked, wanted, now, number)]
        return sorted(found, key=lambda each: (-each.similarity, -each.sequence))[:number]

    def drop(self, sequences: Sequence[int]) -> None:
        """Forget entries that are no longer in the index."""
        for block in self._blocks:
            block.drop(sequences)

    def _number_of(self, scope: bytes) -> int:
        if scope not in self._scopes:
            self._scopes[scope] = self._next_scope
            self._next_scope += 1
        return self._scopes[scope]

    def _forget_scopes(self) -> None:
        """Forget the scopes that no entry has any more."""
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        used = {int(scope) for block in self._blocks for scope in np.unique(block.scopes)}
        self._scopes = {scope: number for scope, number in self._scopes.items() if number in used}


class _Block:
    """Rows of vectors with what belongs to each; a free row has the scope -1."""

    def __init__(self, rows: int, dimensions: int) -> None:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        self.vectors = np.zeros((rows, dimensions), dtype=np.float32)
        self.scopes = np.full(rows, -1, dtype=np.int64)
        self.sequences = np.zeros(rows, dtype=np.int64)
        self.groups = np.zeros(rows, dtype=np.int64)
        self.expires = np.zeros(rows, dtype=np.float64)
        self.used = 0

    def put(self, row: int, entry: Indexed, scope: int, expires: float) -> None:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        self.vectors[row] = np.frombuffer(entry.vector, dtype="<f2")
        self.scopes[row], self.expires[row] = scope, expires
        self.sequences[row], self.groups[row] = entry.sequence, entry.group
        self.used = max(self.used, row + 1)

    def nearest(self, asked: Floats, scope: int, now: float, number: int) -> list[Neighbour]:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        used = self.used
        similarity = self.vectors[:used] @ asked
        similarity[(self.scopes[:used] != scope) | (self.expires[:used] <= now)] = -2
        best = np.argpartition(-similarity, min(number, len(similarity)) - 1)[:number]
        return [
            Neighbour(int(self.sequences[row]), int(self.groups[row]), float(similarity[row]))
            for row in best
            if similarity[row] > -2
        ]

    def drop(self, sequences: Sequence[int]) -> None:
        import numpy as np  # noqa: PLC0415 - heavy: imported on first use

        self.scopes[np.isin(self.sequences, sequences)] = -1
