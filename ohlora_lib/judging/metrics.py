"""Numbers that say how well requests are obeyed and what else they change; numpy, no pictures.

Arrays hold one latent per row of their first axis, and pictures along their last one. A measurement
may be missing (NaN: no face was found): it is left out together with its request, and a number that
needs more measurements than there are is NaN. Gates are stricter: a latent with a missing
measurement fails them.
"""

from collections.abc import Callable, Mapping

import numpy as np

CORRELATIONS_V3 = (0.77, 0.85, 0.82)  # published gates of FineTune-v3, at least
MAES_V3 = (1.0, 0.6, 1.4)  # at most
CORRELATIONS_V8 = (0.92, 0.88, 0.88)  # published gates of VectorFind-v8

CONSTANT = 1e-9  # deviation, relative to a mean above 1: measurements below it do not vary
NO_CONTROL = 0.1  # score units per unit requested: below it saturation and ratios mean nothing

Stat = dict[str, float]  # mean, low, high


# ---- obedience


def correlation(requested: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the signed Pearson correlation along the last axis.

    Args:
        requested: [..., n], broadcast against `measured`.
        measured: [..., n], NaN where missing.

    Returns:
        [...] in [-1, 1]; 0 where either does not vary, as a picture that ignores its request is no
        better than chance; NaN with fewer than two measurements.
    """
    return _line(requested, measured)["correlation"]


def mean_absolute_error(requested: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return the mean of |measured - requested| along the last axis; NaN without a measurement."""
    return known_mean(np.abs(measured - requested), axis=-1)


def line_fit(
    requested: np.ndarray, measured: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit measured = bias + slope * requested by least squares along the last axis.

    Args:
        requested: [..., n], broadcast against `measured`.
        measured: [..., n], NaN where missing.

    Returns:
        (slope, bias, r2), each [...]. r2 is the share of the measurements' variance that the line
        explains, 0 where they do not vary. All NaN where fewer than two different requests were
        measured.
    """
    line = _line(requested, measured)
    explained = np.where(np.isfinite(line["slope"]), line["correlation"] ** 2, np.nan)
    return line["slope"], line["bias"], explained


def side_slopes(levels: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how steeply a property follows near the middle and near the ends.

    Args:
        levels: [n] requests from -2 to 2.
        measured: [..., n].

    Returns:
        (inner, outer), each [...]: inner is the least-squares slope over the levels of at most 1;
        outer is the mean of the slopes over those of at least 1 and over those of at most -1.
    """
    levels = np.asarray(levels, np.float64)
    parts = (np.abs(levels) <= 1, levels >= 1, levels <= -1)
    middle, right, left = (line_fit(levels[part], measured[..., part])[0] for part in parts)
    return middle, (right + left) / 2


def _line(requested: np.ndarray, measured: np.ndarray) -> dict[str, np.ndarray]:
    measured = np.asarray(measured, np.float64)
    known = np.isfinite(measured)
    count = known.sum(axis=-1)

    def centred(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean of the known values, what they miss it by, and whether they vary."""
        values = np.where(known, values, 0.0)
        mean = values.sum(axis=-1) / np.maximum(count, 1)
        rest = np.where(known, values - mean[..., None], 0.0)
        bound = CONSTANT * np.maximum(np.abs(mean), 1)
        return mean, rest, (rest**2).sum(axis=-1) > count * bound**2

    t_mean, t, t_varies = centred(np.broadcast_to(requested, measured.shape))
    s_mean, s, s_varies = centred(measured)
    product = (t * s).sum(axis=-1)
    t_square, s_square = (t**2).sum(axis=-1), (s**2).sum(axis=-1)
    scale = np.where(t_varies & s_varies, np.sqrt(t_square) * np.sqrt(s_square), 1.0)
    r = np.where(t_varies & s_varies, np.clip(product / scale, -1, 1), 0.0)
    slope = np.where(t_varies, product / np.where(t_varies, t_square, 1.0), np.nan)
    return {
        "correlation": np.where(count >= 2, r, np.nan),
        "slope": slope,
        "bias": s_mean - slope * t_mean,
    }


def known_mean(values: np.ndarray, axis: int | tuple[int, ...] | None) -> np.ndarray:
    """Return the mean of the values that are not NaN; NaN without any, and no warning."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


# ---- gates and ranks


def gates_v3(correlations: np.ndarray, errors: np.ndarray, complete: np.ndarray) -> np.ndarray:
    """Return which latents pass the six published gates of FineTune-v3.

    Args:
        correlations: [L, 3] of eyes, mouth, pose over grid50.
        errors: [L, 3] mean absolute errors over grid50.
        complete: bool [L], whether no measurement of the latent is missing.

    Returns:
        bool [L].
    """
    obeyed = (correlations >= CORRELATIONS_V3) & (errors <= MAES_V3)
    return obeyed.all(axis=-1) & complete


def gates_v8(correlations: np.ndarray, complete: np.ndarray) -> np.ndarray:
    """Return which latents pass the published gates of VectorFind-v8, signed; see `gates_v3`."""
    return (correlations >= CORRELATIONS_V8).all(axis=-1) & complete


def best_median_worst(correlations: np.ndarray) -> tuple[int, int, int]:
    """Return three places [0, L) by the smallest of a latent's correlations, the lower median.

    A latent without a correlation ranks last; equal ones keep their order, the first being worse.

    Args:
        correlations: [L, 3].
    """
    weakest = np.nan_to_num(correlations, nan=-np.inf, neginf=-np.inf).min(axis=-1)
    order = np.argsort(weakest, kind="stable")
    return int(order[-1]), int(order[(len(order) - 1) // 2]), int(order[0])


# ---- what else changes


def leakage(requested: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return by how much every column changes when one property is raised by one unit.

    Args:
        requested: [n] levels of the property that is stepped.
        measured: [L, P, C, n]: per latent, stepped property and column, in units of the column's
            standard deviation.

    Returns:
        [L, P, C]: least-squares slopes. In their mean over latents, what changes one way with some
        faces and the other way with others cancels out.
    """
    return line_fit(requested, measured)[0]


def off_diagonal(matrix: np.ndarray, own: np.ndarray, matched: bool = False) -> np.ndarray:
    """Return the mean of |leakage| of all columns but the stepped property's own.

    Args:
        matrix: [..., P, C], means over latents.
        own: int [P], the column of each stepped property.
        matched: divide every row by its own slope first, so that weak control does not look clean;
            NaN where a slope is below NO_CONTROL.

    Returns:
        [...].
    """
    rows = np.arange(len(own))
    values = np.abs(matrix)
    if matched:
        slopes = values[..., rows, own]
        values = values / np.where(slopes >= NO_CONTROL, slopes, np.nan)[..., None]
    rest = np.ones(matrix.shape[-2:], bool)
    rest[rows, own] = False
    return values[..., rest].mean(axis=-1)


def flips(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often an attribute's answer (probability of at least one half) changes.

    Args:
        before: [L, A] probabilities of the all-zero request.
        after: [L, K, A] of K edits of it.

    Returns:
        (share of a latent's pictures per attribute [L, A], share in which any attribute changes
        [L]).
    """
    changed = (before >= 0.5)[:, None] != (after >= 0.5)
    return changed.mean(axis=1), changed.any(axis=-1).mean(axis=1)


# ---- uncertainty


def resamples(count: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return how often each of `count` latents occurs in each bootstrap sample: [draws, count]."""
    return rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)


def interval(values: np.ndarray, weights: np.ndarray, per: np.ndarray | None = None) -> Stat:
    """Return the mean over latents and its bootstrap 95 % interval (percentiles).

    Args:
        values: [L]; NaN is left out.
        weights: [draws, L], see `resamples`.
        per: [L]; if given, the number is the ratio mean(values) / mean(per) instead, NaN where the
            mean of `per` is smaller than NO_CONTROL.

    Returns:
        `mean`, `low`, `high`; NaN where no value is known.
    """
    values = np.asarray(values, np.float64)
    below = np.ones_like(values) if per is None else np.asarray(per, np.float64)
    known = np.isfinite(values) & np.isfinite(below)
    top, bottom = np.where(known, values, 0.0), np.where(known, below, 0.0)
    if not known.any() or abs(bottom.sum()) < NO_CONTROL * known.sum():
        return _stat(np.nan, np.array([]))
    totals = weights @ bottom
    samples = (weights @ top)[totals != 0] / totals[totals != 0]
    return _stat(top.sum() / bottom.sum(), samples)


def interval_of(
    function: Callable[[np.ndarray], np.ndarray], values: np.ndarray, weights: np.ndarray
) -> Stat:
    """Return a function of means over latents, and its bootstrap 95 % interval.

    Args:
        function: [..., *shape] to [...].
        values: [L, *shape]; NaN is left out of the means.
        weights: [draws, L], see `resamples`.
    """
    known = np.isfinite(values).reshape(len(values), -1)
    totals = weights @ np.where(known, values.reshape(known.shape), 0.0)
    counts = weights @ known
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    samples = function(means.reshape(len(weights), *values.shape[1:]))
    return _stat(float(function(known_mean(values, axis=0))), samples)


def pooled_correlation(requested: np.ndarray, measured: np.ndarray, weights: np.ndarray) -> Stat:
    """Return the correlation over all pictures together; the interval is over latents.

    Args:
        requested: [L, n].
        measured: [L, n], NaN where missing.
        weights: [draws, L], see `resamples`.
    """
    known = np.isfinite(measured)
    s = np.where(known, measured - known_mean(measured, axis=None), 0.0)
    t = np.where(known, requested - known_mean(requested, axis=None), 0.0)
    sums = np.stack([known, t, s, t * t, s * s, t * s]).sum(axis=-1)  # [6, L]
    count, t, s, tt, ss, ts = sums @ weights.T  # each [draws]
    count = np.maximum(count, 1)
    t_square, s_square = tt - t * t / count, ss - s * s / count
    varies = np.minimum(t_square, s_square) > count * CONSTANT**2
    scale = np.sqrt(np.where(varies, t_square * s_square, 1.0))
    samples = np.where(varies, np.clip((ts - t * s / count) / scale, -1, 1), 0.0)
    return _stat(float(correlation(requested.ravel(), measured.ravel())), samples)


def _stat(mean: float, samples: np.ndarray) -> Stat:
    """Return a number with the percentiles of its bootstrap samples; NaN if it is."""
    if not np.isfinite(mean):
        return dict.fromkeys(("mean", "low", "high"), float("nan"))
    samples = samples[np.isfinite(samples)]
    low, high = np.percentile(samples, (2.5, 97.5)) if len(samples) else (mean, mean)
    # rounding may put the interval of equal values a bit beside them
    return {"mean": float(mean), "low": float(min(low, mean)), "high": float(max(high, mean))}


def by_name(names: tuple[str, ...], values: np.ndarray) -> Mapping[str, float]:
    """Return {name: value} of a vector."""
    return {name: float(value) for name, value in zip(names, values, strict=True)}
