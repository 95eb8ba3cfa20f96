"""Normalised scores: z = (raw - mean) / std over a population, as the published tables hold them.

Missing values: a raw score without a number is NaN. It is left out of the statistics and stays NaN
in z; whether a table then shows an empty field or 0 (the population's mean) is the caller's
choice, and `count_missing` says how many there are. Nothing here replaces a missing value.
"""

from collections.abc import Iterable

import numpy as np

from ohlora_lib.errors import InputError, rebuild

DECIMALS = 4  # of a published normalised score


def count_missing(raw: np.ndarray) -> int:
    """Return how many scores are NaN or infinite."""
    return int(np.count_nonzero(~np.isfinite(raw)))


def statistics(raw: np.ndarray) -> tuple[float, float]:
    """Return mean and sample standard deviation (ddof 1) of the finite scores.

    Args:
        raw: float64 [N], one property.

    Returns:
        (mean, std); (NaN, NaN) without a finite score, std NaN with a single one.
    """
    finite = np.asarray(raw, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    mean = float(finite.mean()) if len(finite) else float("nan")
    std = float(finite.std(ddof=1)) if len(finite) > 1 else float("nan")
    return mean, std


def units(
    statistics: dict[str, dict[str, float]], names: Iterable[str], source: object
) -> dict[str, tuple[float, float]]:
    """Return what a score unit is: mean and standard deviation of each property's raw scores.

    Args:
        statistics: per property `mean` and `std`, as all_scores_v2.json holds them.
        names: the properties wanted.
        source: the file, for messages.

    Raises:
        InputError: a property is not there.
    """
    names = list(names)
    missing = [name for name in names if name not in statistics]
    if missing:
        raise InputError(f"{source} lacks {', '.join(missing)}; {rebuild(source)}")
    return {name: (statistics[name]["mean"], statistics[name]["std"]) for name in names}


def normalize(raw: np.ndarray, mean: float, std: float, name: str = "these scores") -> np.ndarray:
    """Return z = (raw - mean) / std, rounded to 4 decimals.

    Args:
        raw: float64 [N], one property.
        mean: the population's mean.
        std: the population's sample standard deviation.
        name: what to call the scores in an error, for instance "eyes (v2) of population original".

    Returns:
        float64 [N]; NaN where `raw` is not finite.

    Raises:
        InputError: the mean or the standard deviation is not finite, or the latter is zero.
    """
    # Equal values can miss a standard deviation of exactly 0 by rounding, hence the tiny bound.
    if not (np.isfinite(mean) and np.isfinite(std) and std > 1e-12 * max(1.0, abs(mean))):
        raise InputError(
            f"Cannot normalise {name}: mean {mean} and standard deviation {std} need at least two "
            "different values, so score more images or check their segmentation."
        )
    raw = np.asarray(raw, dtype=np.float64)
    z = (np.where(np.isfinite(raw), raw, np.nan) - mean) / std
    return np.round(z, DECIMALS) + 0.0  # turns -0.0 into 0.0
