"""Correlation of the scores of algorithms v1 and v2."""

import numpy as np
import pandas as pd

from ohlora_lib.scores import ALGORITHMS

BOTH = tuple(name for name in ALGORITHMS["v1"] if name in ALGORITHMS["v2"])


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Return the correlation over the pairs without NaN; NaN where it is not defined."""
    valid = np.isfinite(x) & np.isfinite(y)
    x, y = x[valid], y[valid]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def correlations(scores_v1: pd.DataFrame, scores_v2: pd.DataFrame) -> dict[str, float]:
    """Return the correlation of v1 and v2 for each property of both; images are matched by id."""
    both = scores_v1.merge(scores_v2, on="id", suffixes=("_v1", "_v2"))
    return {
        name: pearson(
            both[f"{name}_score_v1"].to_numpy(float), both[f"{name}_score_v2"].to_numpy(float)
        )
        for name in BOTH
    }
