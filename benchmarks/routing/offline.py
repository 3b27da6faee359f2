"""A model fitted to some outcomes, measured on the others."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcp_stack.hybrid.confidence.calibration import expected_calibration_error
from mcp_stack.hybrid.confidence.features import Query
from mcp_stack.hybrid.confidence.fitting import fit_outcomes
from mcp_stack.hybrid.confidence.outcome_model import Labelled

from .curves import curve_of, figures

# Ong et al. 2024, tables 1 to 3: CPT50, CPT80 and APGR, on both halves of the questions.
PUBLISHED = {
    "mmlu": {
        "random (published)": (50.07, 79.93, 0.500),
        "matrix factorisation (published)": (45.00, 76.86, 0.524),
        "similarity-weighted, gold labels added (published)": (35.40, 71.55, 0.603),
    },
    "gsm8k": {
        "random (published)": (50.00, 80.08, 0.497),
        "matrix factorisation (published)": (53.59, 85.24, 0.475),
        "causal LLM, judge labels added (published)": (33.64, 63.26, 0.622),
    },
}


def measure(rows: Sequence[dict[str, Any]], queries: Sequence[Query], train: int, seeds: int) -> dict[str, Any]:
    """Fit to a random part and measure on the rest, once a seed; means, and standard deviations under `spread`.

    Args:
        rows: With weak and strong in [0, 1].
        queries: The rows as the product reads them.
        train: How many outcomes are fitted to.
        seeds: How many times.
    """
    weak = np.array([row["weak"] for row in rows], float)
    strong = np.array([row["strong"] for row in rows], float)
    runs, randomly, by_length = [], [], []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(rows))
        seen, unseen = order[:train], order[train:]
        began = time.perf_counter()
        model = fit_outcomes([Labelled(queries[row], weak[row], strong[row]) for row in seen])
        seconds = time.perf_counter() - began
        assert model is not None, "the command line asks for as many labels as a model takes"
        began = time.perf_counter()
        predicted = [model.predict(queries[row]) for row in unseen]
        milliseconds = (time.perf_counter() - began) * 1000 / len(unseen)
        local = np.array([each.local for each in predicted])
        gain = np.array([each.gain for each in predicted])
        good, base = weak[unseen], float(weak[unseen].mean())
        run = figures(curve_of(gain, good, strong[unseen]))
        run |= {
            "ece": expected_calibration_error(local, good),
            "ece_15": expected_calibration_error(local, good, bins=15),
            "brier": float(((local - good) ** 2).mean()),
            "brier_base": float(((base - good) ** 2).mean()),
            "fit_seconds": seconds,
            "predict_ms": milliseconds,
        }
        runs.append({**run, "brier_ratio": run["brier"] / run["brier_base"]})
        chance = np.random.default_rng(seed).random(len(unseen))
        randomly.append(figures(curve_of(chance, good, strong[unseen])))
        length = np.array([len(rows[row]["prompt"]) for row in unseen], float)
        by_length.append(figures(curve_of(length, good, strong[unseen])))
    return {
        **_over(runs, statistics.fmean),
        "spread": _over(runs, _deviation),
        "baselines": {
            "random": _over(randomly, statistics.fmean),
            "prompt length": _over(by_length, statistics.fmean),
        },
        "train": train,
        "test": len(rows) - train,
        "seeds": seeds,
    }


def published(name: str) -> dict[str, dict[str, float]]:
    """The published rows on the data of a file.

    Args:
        name: Of the file.
    """
    found = next((table for data, table in PUBLISHED.items() if data in name), {})
    return {router: {"apgr": apgr, "cpt50": cpt50, "cpt80": cpt80} for router, (cpt50, cpt80, apgr) in found.items()}


def _over(runs: Sequence[dict[str, float]], sum_up: Any) -> dict[str, float]:
    return {name: round(sum_up([run[name] for run in runs]), 4) for name in runs[0]}


def _deviation(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0
