"""What past outcomes say of a new question: is the local answer good, is the remote one, and what is gained by it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ...errors import UsageError
from .calibration import log_odds, sigmoid
from .features import FEATURES_VERSION, Query
from .landmarks import Inputs, Kernel, Scale, similarity

Array: TypeAlias = npt.NDArray[np.floating[Any]]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with what is known of its answers.

    Attributes:
        query: The question.
        local: How good the local answer was, in [0, 1]; None if nobody knows.
        remote: How good the remote answer was, in [0, 1]; None if nobody knows.
        propensity: Probability in (0, 1] that the remote answer was to be had; its inverse weighs the outcome.
        p_true: The local model's own judgement before it answered, in [0, 1]; None if it was not asked.
    """

    query: Query
    local: float | None
    remote: float | None
    propensity: float = 1.0
    p_true: float | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is expected of a question.

    Attributes:
        local: Calibrated probability that the local answer is good.
        remote: Calibrated probability that the remote answer is good.
        gain: Expected good of the remote answer over the local one, in [-1, 1]; questions are ranked by it.
    """

    local: float
    remote: float
    gain: float


class Seen(NamedTuple):
    """How many labels a model has seen."""

    local: int
    remote: int


class OutcomeModel:
    """Fitted to outcomes, or read back; never changed afterwards.

    Args:
        arrays: Everything it knows, by name, as `fit` makes it.
    """

    def __init__(self, arrays: dict[str, Array]) -> None:
        self._arrays = arrays
        self._scale = Scale(*(arrays[f"scale_{name}"] for name in ("centre", "mean", "spread", "rarity")))
        self._kernel = Kernel(*(float(part) for part in arrays["kernel"]))

    @property
    def seen(self) -> Seen:
        """How many labels it has seen."""
        return Seen(*(int(count) for count in self._arrays["seen"]))

    def predict(self, query: Query) -> Prediction:
        """What is expected of one question."""
        local, remote, gain = self.predict_many([query])
        return Prediction(float(local[0]), float(remote[0]), float(gain[0]))

    def predict_many(self, queries: Sequence[Query]) -> tuple[Array, Array, Array]:
        """What is expected of some questions: local, remote and gain, each of shape (n,)."""
        inputs = self._scale.inputs(queries, self._kernel.features)
        landmarks = Inputs(self._arrays["points"], inputs.words[:0])
        alike = similarity(Kernel(self._kernel.width, self._kernel.features, 0.0), inputs, landmarks)
        local, remote = (self._said(name, alike, inputs.words) for name in ("local", "remote"))
        return self._calibrated("local", local), self._calibrated("remote", remote), remote - local

    def _said(self, name: str, alike: Array, words: Array) -> Array:
        """The mean of what the fits of one target say, each through its curve."""
        arrays = self._arrays
        scores = alike @ arrays[f"{name}_weights"] + words @ arrays[f"{name}_words"] + arrays[f"{name}_means"]
        slopes, intercepts = arrays[f"{name}_curves"].T
        return np.asarray(sigmoid(scores * slopes + intercepts).mean(axis=1))

    def _calibrated(self, name: str, said: Array) -> Array:
        scores, values = self._arrays[f"{name}_calibrated"]
        return np.asarray(np.interp(said, scores, values))

    def combined(self, local: float, p_true: float) -> float:
        """The probability that the local answer is good, given the local model's own judgement too.

        A logistic curve over the log-odds of both, fitted to outcomes once enough of them had a judgement; before
        that their mean, in which the outcome model counts the more the more it has seen.

        Args:
            local: From `predict`.
            p_true: The judgement, in [0, 1].
        """
        both = log_odds(np.array([local, p_true]))
        combination = self._arrays["combination"]
        return float(sigmoid(np.array([both @ combination[:2] + combination[2]]))[0])

    def to_bytes(self) -> bytes:
        """The model as NumPy's own archive; read by `from_bytes`."""
        file = io.BytesIO()
        version = np.array([FORMAT, FEATURES_VERSION])
        np.savez_compressed(file, allow_pickle=False, version=version, **self._arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> OutcomeModel:
        """Read a model back.

        Raises:
            UsageError: It is none, or one of another version.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            version = arrays.pop("version").tolist()
            if version != [FORMAT, FEATURES_VERSION]:
                raise UsageError(f"the outcome model is of version {version}", "wait until it is fitted anew")
            return cls(arrays)
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UsageError(f"the outcome model cannot be read ({error})", "wait until it is fitted anew") from error
