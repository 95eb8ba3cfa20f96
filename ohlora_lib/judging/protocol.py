"""The evaluation of one method by one judge: from requests and measurements to the summary.

What the summary holds, all in standard deviations of the population unless said otherwise; a `stat`
is {"mean", "low", "high"} with a bootstrap 95 % interval over latents (of `random`: over pictures).
Absolute values (`leakage_mean`) are larger where there is more noise, so their intervals reach up.

- `grid50`: correlation and MAE per latent, the shares of latents that pass the published gates, and
  the best, median and worst latent by the smallest of its three correlations.
- `grid8`: correlation and MAE over all pictures of ten latents together, as published.
- `levels`: correlation over all nine levels; MAE, slope, bias (measured at a request of 0), R2 and
  leakage over requests of at most 1.5; saturation = slope over the outer levels (1 to 2 and -2 to
  -1) divided by that over the inner ones (-1 to 1), both means over latents. `leakage`: row = the
  stepped property, column = change per unit, of an attribute in standard deviations of its log odds
  over the filtered set. `leakage_mean`: mean of its absolute values in the seven property columns
  but the row's own; `leakage_matched_mean`: the same with every row divided by its own slope.
  `flips`: share of the pictures at -2 and 2 in which the answer for an attribute differs from the
  latent's all-zero picture; `any`: for one that makes another person (gender, age, glasses; not
  quality). `identity_drift`: 1 - cosine of the embedding (see `picture_attributes`) to that of the
  all-zero picture, over the pictures that have one;
  `identity_drift_ends`: its mean over the pictures at -2 and 2 of all three. `elsewhere`: change at
  -2 and 2 outside the part of the picture that shows the property, in grey levels.
- `joint`: correlation, MAE and slope per latent over all combinations of five levels.
- `random`: shares of attributes, quality and diversity of one picture each of many latents, from
  `picture_attributes.read_attributes`; `correlation` is over all its pictures together.

`missing` counts the pictures in which a score is missing: they are left out, except that their
latent fails the gates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohlora_lib.attributes import ATTRIBUTES, PERSON, SHARES
from ohlora_lib.errors import InputError
from ohlora_lib.judging import metrics
from ohlora_lib.judging.grids import (
    FIXED,
    LEVEL_ROWS,
    LEVELS,
    REBUILD,
    check_rows,
    grid_rows,
)
from ohlora_lib.networks.answers import log_odds
from ohlora_lib.scores import ALGORITHMS, CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

MEASURED = ALGORITHMS["v1"]  # the seven properties of a judge, in canonical order
OWN = np.array([MEASURED.index(name) for name in CONTROLLED])
FITTED = np.abs(LEVELS) <= 1.5  # levels that MAE, slope, bias, R2 and leakage are taken over


@dataclass(frozen=True)
class Evaluation:
    """What one judge says of one method.

    Attributes:
        per_latent: one row per latent of grid50 and levels: `latent`, `missing` (of its pictures in
            those grids), `gates_v3`, `gates_v8`, and `<grid>_<metric>_<property>`.
        summary: see the head of this module.
    """

    per_latent: pd.DataFrame
    summary: dict[str, Any]


def judge_method(
    requests_path: str | Path,
    measured_path: str | Path,
    attributes_path: str | Path,
    quality_path: str | Path,
    per_latent_path: str | Path,
    summary_path: str | Path,
    method: str,
    judge: str,
    bootstrap: int,
    seed: int,
) -> None:
    """Write what one judge's measurements of one method come to.

    Args:
        requests_path: see `draw.draw_pictures`.
        measured_path: see `judges.score_pictures`.
        attributes_path: see `picture_attributes.read_attributes`.
        quality_path: the same.
        per_latent_path: table to write, see `Evaluation`.
        summary_path: JSON to write, see the head of this module.
        method: its name.
        judge: its name.
        bootstrap: samples of each interval.
        seed: the run's seed.

    Raises:
        InputError: the files are not of one evaluation.
    """
    requests = read_table(requests_path, ("row", "latent", "grid", *CONTROLLED))
    measured = read_table(measured_path, ("row", *MEASURED))
    if not np.array_equal(requests["row"], measured["row"]):
        raise InputError(f"{measured_path} holds other pictures than {requests_path}; {REBUILD}")
    attributes, quality = read_table(attributes_path), read_json(quality_path)
    known = set(ATTRIBUTES) & set(attributes.columns)
    complete = {"drift", "elsewhere"} <= set(attributes.columns)
    if not known <= set(quality.get("log_odds_std", {})) or not complete:
        raise InputError(f"{quality_path} does not belong to {attributes_path}; {REBUILD}")
    found = evaluate(
        requests,
        measured[list(MEASURED)].to_numpy(np.float64),
        attributes,
        quality,
        bootstrap,
        seed,
        requests_path,
    )
    write_table(per_latent_path, found.per_latent)
    write_json(summary_path, {"method": method, "judge": judge, **found.summary})


def evaluate(
    requests: pd.DataFrame,
    measured: np.ndarray,
    attributes: pd.DataFrame,
    quality: dict[str, Any],
    bootstrap: int,
    seed: int,
    source: str | Path = "the requests",
) -> Evaluation:
    """Join requests, measurements and attributes into the numbers of one method and judge.

    Args:
        requests: see `grids.build_requests`.
        measured: [rows, 7] scores, NaN where missing.
        attributes: `row`, a probability per attribute that can be read, `drift` (NaN where there is
            no embedding or no face), `elsewhere`.
        quality: what `picture_attributes.read_attributes` says of the random pictures.
        bootstrap: samples of each interval.
        seed: the run's seed.
        source: the file of the requests, for messages.

    Raises:
        InputError: the tables are not of one evaluation.
    """
    rows = requests["row"].to_numpy()
    check_rows(requests, source)
    if not np.array_equal(rows, attributes["row"].to_numpy()) or len(measured) != len(rows):
        raise InputError(f"{source} lists other pictures than were judged; {REBUILD}")
    names = [name for name in ATTRIBUTES if name in attributes.columns]
    probabilities = attributes[names].to_numpy(np.float64)
    drift = attributes["drift"].to_numpy(np.float64)
    controlled = measured[:, OWN]

    latents, places = grid_rows(requests, "grid50", source)
    same, level_places = grid_rows(requests, "levels", source)
    if not np.array_equal(latents, same):
        raise InputError(f"{source} has other latents in grid50 than in levels; {REBUILD}")
    samples = metrics.resamples(len(latents), bootstrap, rng(seed, "judging", "bootstrap"))
    columns: dict[str, np.ndarray] = {"latent": latents}

    requested = FIXED["grid50"]()
    fifty = _obedience(requested, controlled[places], columns, "grid50", ("correlation", "mae"))
    complete = np.isfinite(controlled[places]).all(axis=(1, 2))
    passed = {
        "gates_v3": metrics.gates_v3(fifty["correlation"], fifty["mae"], complete),
        "gates_v8": metrics.gates_v8(fifty["correlation"], complete),
    }
    ranked = metrics.best_median_worst(fifty["correlation"])
    chosen = {
        rank: {
            "latent": int(latents[place]),
            "correlation": metrics.by_name(CONTROLLED, fifty["correlation"][place]),
            "mae": metrics.by_name(CONTROLLED, fifty["mae"][place]),
        }
        for rank, place in zip(("best", "median", "worst"), ranked, strict=True)
    }
    grid50 = {
        **_stats(fifty, samples),
        **{name: metrics.interval(values, samples) for name, values in passed.items()},
        **chosen,
    }

    # [L, 25, ...] -> [L, property, level, ...]
    stepped = level_places[:, LEVEL_ROWS]
    single = _levels(controlled[stepped], columns, samples)
    leaked = _leakage(measured[stepped], probabilities[stepped], names, quality)
    seven = leaked[..., : len(MEASURED)]
    ends = level_places[:, LEVEL_ROWS[:, [0, -1]].ravel()]
    before = probabilities[level_places[:, LEVEL_ROWS[0, LEVELS.index(0.0)]]]
    after = probabilities[ends]
    person = [names.index(name) for name in PERSON if name in names]
    shares, _ = metrics.flips(before, after)
    _, share = metrics.flips(before[:, person], after[..., person])
    drifts = drift[stepped]
    elsewhere = attributes["elsewhere"].to_numpy(np.float64)[stepped[:, :, [0, -1]]]
    single |= {
        "leakage": {
            name: _intervals((*MEASURED, *names), leaked[:, i], samples)
            for i, name in enumerate(CONTROLLED)
        },
        "leakage_mean": metrics.interval_of(partial(metrics.off_diagonal, own=OWN), seven, samples),
        "leakage_matched_mean": metrics.interval_of(
            partial(metrics.off_diagonal, own=OWN, matched=True), seven, samples
        ),
        "flips": {
            **_intervals(names, shares, samples),
            "any": metrics.interval(share, samples),
        },
        "identity_drift": {
            name: _intervals([f"{level:g}" for level in LEVELS], drifts[:, i], samples)
            for i, name in enumerate(CONTROLLED)
        },
        "identity_drift_ends": metrics.interval(
            metrics.known_mean(drifts[..., [0, -1]], axis=(1, 2)), samples
        ),
        "elsewhere": _intervals(CONTROLLED, elsewhere.mean(axis=2), samples),
    }

    few, joint_places = grid_rows(requests, "joint", source)
    again = metrics.resamples(len(few), bootstrap, rng(seed, "judging", "bootstrap", "joint"))
    joined: dict[str, np.ndarray] = {"latent": few}
    together = _obedience(
        FIXED["joint"](),
        controlled[joint_places],
        joined,
        "joint",
        ("correlation", "mae", "slope"),
    )
    eights, eight_places = grid_rows(requests, "grid8", source)
    eighth = metrics.resamples(len(eights), bootstrap, rng(seed, "judging", "bootstrap", "grid8"))
    lost = ~np.isfinite(measured).all(axis=1)
    columns["missing"] = lost[places].sum(axis=1) + lost[level_places].sum(axis=1)
    table = pd.DataFrame(columns | passed).merge(pd.DataFrame(joined), how="left", on="latent")
    summary = {
        "latents": len(latents),
        "pictures": len(requests),
        "missing": int(lost.sum()),
        "grid50": grid50,
        "grid8": _pooled(requests, controlled, eight_places, eighth),
        "levels": single,
        "joint": _stats(together, again),
        "random": _random(requests, controlled, attributes, quality, bootstrap, seed),
    }
    first = ["latent", "missing", *passed]
    return Evaluation(table[[*first, *table.columns.difference(first, sort=False)]], summary)


def _obedience(
    requested: np.ndarray,
    measured: np.ndarray,
    columns: dict[str, np.ndarray],
    grid: str,
    names: tuple[str, ...],
) -> dict[str, np.ndarray]:
    """Return each metric [L, 3] of [n, 3] requests and [L, n, 3] scores; also as columns."""
    t, s = requested.T, measured.swapaxes(1, 2)
    slope, bias, r2 = metrics.line_fit(t, s)
    every = {
        "correlation": metrics.correlation(t, s),
        "mae": metrics.mean_absolute_error(t, s),
        "slope": slope,
        "bias": bias,
        "r2": r2,
    }
    wanted = {name: every[name] for name in names}
    _add(columns, grid, wanted)
    return wanted


def _levels(
    measured: np.ndarray, columns: dict[str, np.ndarray], samples: np.ndarray
) -> dict[str, Any]:
    """Return the obedience of one property at a time; scores [L, property, level, property]."""
    own = np.arange(len(CONTROLLED))
    s = measured[:, own, :, own].swapaxes(0, 1)  # [L, property, level]
    t = np.array(LEVELS)
    slope, bias, r2 = metrics.line_fit(t[FITTED], s[..., FITTED])
    inner, outer = metrics.side_slopes(t, s)
    found = {
        "correlation": metrics.correlation(t, s),
        "mae": metrics.mean_absolute_error(t[FITTED], s[..., FITTED]),
        "slope": slope,
        "bias": bias,
        "r2": r2,
    }
    _add(columns, "levels", found | {"inner_slope": inner, "outer_slope": outer})
    saturation = {
        name: metrics.interval(outer[:, i], samples, per=inner[:, i])
        for i, name in enumerate(CONTROLLED)
    }
    return {**_stats(found, samples), "saturation": saturation}


def _leakage(
    measured: np.ndarray, probabilities: np.ndarray, names: list[str], quality: dict[str, Any]
) -> np.ndarray:
    """Return [L, 3, 7 + attributes]; scores [L, property, level, 7], probabilities alike."""
    scales = [quality["log_odds_std"][name] or np.nan for name in names]
    odds = log_odds(probabilities) / np.array(scales, np.float64)
    every = np.concatenate([measured, odds], axis=-1).swapaxes(2, 3)
    return metrics.leakage(np.array(LEVELS)[FITTED], every[..., FITTED])


def _pooled(
    requests: pd.DataFrame, controlled: np.ndarray, places: np.ndarray, samples: np.ndarray
) -> dict[str, Any]:
    """Return correlation and MAE over all pictures of a grid together; rows [L, n]."""
    found: dict[str, dict[str, metrics.Stat]] = {"correlation": {}, "mae": {}}
    for i, name in enumerate(CONTROLLED):
        t, s = requests[name].to_numpy()[places], controlled[places, i]
        errors, known = np.abs(s - t), np.isfinite(s)
        total = np.where(known, errors, 0.0).sum(axis=1)
        found["correlation"][name] = metrics.pooled_correlation(t, s, samples)
        found["mae"][name] = metrics.interval(total, samples, per=known.sum(axis=1))
    return found


def _random(
    requests: pd.DataFrame,
    controlled: np.ndarray,
    attributes: pd.DataFrame,
    quality: dict[str, Any],
    bootstrap: int,
    seed: int,
) -> dict[str, Any]:
    chosen = (requests["grid"] == "random").to_numpy()
    count = int(chosen.sum())
    samples = metrics.resamples(count, bootstrap, rng(seed, "judging", "bootstrap", "random"))
    shares: dict[str, Any] = {}
    for attribute, share in SHARES.items():
        shares[share] = None
        if attribute in attributes.columns:
            answers = attributes.loc[chosen, attribute].to_numpy() >= 0.5
            shares[share] = metrics.interval(answers, samples)
    pooled = _pooled(requests, controlled, np.flatnonzero(chosen)[:, None], samples)
    return {"images": count, **shares, **pooled, **quality["random"]}


def _stats(found: dict[str, np.ndarray], samples: np.ndarray) -> dict[str, Any]:
    """Return {metric: {property: stat}} of metrics [L, 3]."""
    return {metric: _intervals(CONTROLLED, values, samples) for metric, values in found.items()}


def _intervals(
    names: Sequence[str], values: np.ndarray, samples: np.ndarray
) -> dict[str, metrics.Stat]:
    """Return {name: stat} of values [L, names]."""
    return {name: metrics.interval(values[:, i], samples) for i, name in enumerate(names)}


def _add(columns: dict[str, np.ndarray], grid: str, found: dict[str, np.ndarray]) -> None:
    for metric, values in found.items():
        for i, name in enumerate(CONTROLLED):
            columns[f"{grid}_{metric}_{name}"] = values[:, i]
