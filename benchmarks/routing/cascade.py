"""The local answer first, judged as the coordinator judges it; the worst go to the remote model."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcp_stack.hybrid.confidence.features import Query
from mcp_stack.hybrid.confidence.fitting import fit_outcomes
from mcp_stack.hybrid.confidence.outcome_model import Labelled, Prediction
from mcp_stack.hybrid.quality import fitted, inspect, unfitted

from .curves import curve_of, figures

# Ong et al. 2024 (arXiv:2406.18665), table 3, routers that see the question only, on both halves of GSM8K.
PUBLISHED = {
    "random (published)": {"apgr": 0.497, "cpt50": 50.00, "cpt80": 80.08},
    "matrix factorisation (published)": {"apgr": 0.475, "cpt50": 53.59, "cpt80": 85.24},
    "causal LLM, judge labels added (published)": {"apgr": 0.622, "cpt50": 33.64, "cpt80": 63.26},
}
RANDOM_DRAWS = 20


def measure_cascade(
    rows: Sequence[dict[str, Any]], train: int, seeds: int, queries: Sequence[Query] | None = None
) -> dict[str, Any]:
    """Rank questions by expected gain: P(the strong answer is good), from the question, less that of the weak answer.

    The strong model's answer is not looked at.

    Args:
        rows: With `prompt`, `weak`, `strong` (in [0, 1]) and `weak_response`.
        train: Outcomes to fit from, drawn at random; 0: no label at all, on all rows.
        seeds: Draws.
        queries: The questions as the product reads them: with outcomes, what they say of the question counts too.

    Returns:
        `apgr`, `cpt50` and `cpt80` (percent), means over the draws; `spread`, their standard deviations; `baselines`.

    Raises:
        SystemExit: The rows have no answers, or none is left to test on.
    """
    if any("weak_response" not in row for row in rows):
        raise SystemExit("--cascade judges the weak model's answers, and the file has none (weak_response)")
    if not 0 <= train < len(rows):
        raise SystemExit(f"--train {train} leaves none of {len(rows)} rows to test on")
    features = [inspect(row["prompt"], row["weak_response"]).features for row in rows]
    weak = np.array([row["weak"] for row in rows], float)
    strong = np.array([row["strong"] for row in rows], float)
    runs = []
    for seed in range(seeds if train else 1):
        order = np.random.default_rng(seed).permutation(len(rows))
        seen, unseen = order[:train], order[train:]
        judge = fitted([features[row] for row in seen], [weak[row] > 0.5 for row in seen]) if train else unfitted()
        scores = [
            (1.0 if each is None else each.remote)
            - judge.probability(features[row], predicted=None if each is None else each.local)
            for row, each in zip(unseen, _predicted(queries, weak, strong, seen, unseen), strict=True)
        ]
        runs.append(figures(curve_of(np.array(scores), weak[unseen], strong[unseen])))
    chance = [
        figures(curve_of(np.random.default_rng(seed).random(len(rows)), weak, strong)) for seed in range(RANDOM_DRAWS)
    ]
    return {
        **{key: round(statistics.fmean(run[key] for run in runs), 4) for key in runs[0]},
        "spread": {key: round(statistics.pstdev([run[key] for run in runs]), 4) for key in runs[0]},
        "train": train,
        "test": len(rows) - train,
        "seeds": len(runs),
        "baselines": {
            "random": {key: round(statistics.fmean(run[key] for run in chance), 4) for key in chance[0]},
            **PUBLISHED,
        },
    }


def _predicted(
    queries: Sequence[Query] | None,
    weak: np.ndarray[Any, np.dtype[np.float64]],
    strong: np.ndarray[Any, np.dtype[np.float64]],
    seen: np.ndarray[Any, np.dtype[np.int64]],
    unseen: np.ndarray[Any, np.dtype[np.int64]],
) -> list[Prediction | None]:
    """What the outcomes of the seen questions say of the unseen ones; None if nothing."""
    model = fit_outcomes([Labelled(queries[row], weak[row], strong[row]) for row in seen]) if queries else None
    if model is None or queries is None:
        return [None] * len(unseen)
    return [model.predict(queries[row]) for row in unseen]
