"""The local answer first, judged as the coordinator judges it; the worst go to the remote model."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.routing.curve import apgr, call_share
from mcp_stack.hybrid.quality import fitted, inspect, unfitted

# Ong et al. 2024 (arXiv:2406.18665), table 4: routers that see the question only; CPT50, CPT80, APGR on all of GSM8K.
PUBLISHED = {
    "random": {"cpt50": 50.00, "cpt80": 80.08, "apgr": 0.497},
    "matrix factorisation, no extra labels": {"cpt50": 53.59, "cpt80": 85.24, "apgr": 0.475},
    "causal LLM, judge and gold labels": {"cpt50": 33.64, "cpt80": 63.26, "apgr": 0.622},
}


def measure_cascade(rows: Sequence[dict[str, Any]], train: int, seeds: int) -> dict[str, Any]:
    """Rank questions by how bad the weak model's answer looks.

    Args:
        rows: With `prompt`, `weak`, `strong` (0 or 1) and `weak_response`; the strong model's answer is not looked at.
        train: Outcomes to fit the judge from, drawn at random; 0: the stated weights, on all rows.
        seeds: Draws.

    Returns:
        `apgr`, `cpt50` and `cpt80` (per cent), the mean over the draws; `spread`, their standard deviations; `tested`,
        rows a draw is tested on; `baselines`.

    Raises:
        ValueError: No row is left to test on, or the rows have no answers.
    """
    if any("weak_response" not in row for row in rows):
        raise ValueError("--cascade judges the weak model's answers, and the file has none (weak_response)")
    if train >= len(rows):
        raise ValueError(f"--train {train} leaves none of {len(rows)} rows to test on")
    features = [inspect(row["prompt"], row["weak_response"]).features for row in rows]
    weak = np.array([row["weak"] for row in rows], dtype=np.float64)
    strong = np.array([row["strong"] for row in rows], dtype=np.float64)
    runs: list[dict[str, float]] = []
    for seed in range(seeds if train else 1):
        order = np.random.default_rng(seed).permutation(len(rows)) if train else np.arange(len(rows))
        seen, tested = order[:train], order[train:]
        judge = fitted([features[each] for each in seen], [weak[each] > 0.5 for each in seen]) if train else unfitted()
        scores = [-judge.log_odds(features[each]) for each in tested]
        answers = weak[tested], strong[tested]
        runs.append(
            {
                "apgr": apgr(scores, *answers),
                "cpt50": call_share(scores, *answers, 0.5),
                "cpt80": call_share(scores, *answers, 0.8),
            }
        )
    return {
        **{key: round(statistics.fmean(run[key] for run in runs), 4) for key in runs[0]},
        "spread": {key: round(statistics.pstdev([run[key] for run in runs]), 4) for key in runs[0]},
        "tested": len(rows) - train,
        "baselines": PUBLISHED,
    }
