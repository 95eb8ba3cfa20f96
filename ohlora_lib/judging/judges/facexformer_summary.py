"""What the judge `facexformer` says of a method: how far heads turn, what else of a face changes.

Its pictures are those of the grid `levels`: one property at a time, from -2 to 2.

What the summary holds; a `stat` is {"mean", "low", "high"} with a bootstrap 95 % interval over
latents:

- `angles`: per angle the signed correlation with the requested pose over all nine levels, and the
  slope in degrees per unit over requests of at most 1.5. Yaw > 0 should turn the nose to the right
  of the picture (see `facexformer_decoder.FaceOutput`), as a higher pose does. The property itself
  is measured by the slope of the line through the eyes, so a method may obey it by roll instead.
- `change`: per controlled property and attribute, the probability at 2 less that at -2, mean over
  latents. Some is wanted: an open mouth is in `Mouth_Slightly_Open`.
- `movers`: the five attributes that change most, by property.
- `leakage_mean`: the mean of |change| of one latent over the 40 attributes, by property: a stat.
- `groups`: for `age` (eight groups) and `gender` (two classes), by property: `change`, as above, of
  each group's probability, and `moved`, the share of probability that one latent moves between
  groups, half the sum of |change|: a stat. Which group is which was not published.

`missing` counts the pictures in which no face was found: they are left out.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.judging import metrics
from ohlora_lib.judging.grids import LEVEL_ROWS, LEVELS, REBUILD, check_rows, grid_rows
from ohlora_lib.judging.protocol import FITTED
from ohlora_lib.networks.facexformer_heads import ANGLES, ATTRIBUTES, WIDTHS
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.tables import read_table, write_json, write_table

MOVERS = 5  # attributes named per property
GRID = "levels"
COLUMNS = (
    *ANGLES,
    *ATTRIBUTES,
    *(f"{head}_{group}" for head in ("age", "gender") for group in range(WIDTHS[head])),
)


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
    """Write what FaceXFormer's measurements of one method come to.

    Args:
        requests_path: see `draw.draw_pictures`.
        measured_path: see `measure.score_pictures`.
        attributes_path: not needed, see `protocol.judge_method`.
        quality_path: the same.
        per_latent_path: table to write: `latent`, `missing`, `<angle>_correlation`, `<angle>_slope`
            and `<property>_leakage`.
        summary_path: JSON to write, see the head of this module.
        method: its name.
        judge: its name.
        bootstrap: samples of each interval.
        seed: the run's seed.

    Raises:
        InputError: the files are damaged or not of one evaluation.
    """
    requests = read_table(requests_path, ("row", "latent", "grid", *CONTROLLED))
    check_rows(requests, requests_path)
    measured = read_table(measured_path, ("row", *COLUMNS))
    latents, places = grid_rows(requests, GRID, requests_path)
    rows = measured["row"].to_numpy()
    if not np.array_equal(np.sort(places.ravel()), np.sort(rows)):
        raise InputError(f"{measured_path} holds other pictures than {requests_path}; {REBUILD}")
    values = np.full((len(requests), len(COLUMNS)), np.nan)
    values[rows] = measured[list(COLUMNS)].to_numpy(np.float64)
    ends = np.cumsum(list(WIDTHS.values()))[:-1]
    seen = dict(zip(WIDTHS, np.split(values, ends, axis=1), strict=True))
    samples = metrics.resamples(len(latents), bootstrap, rng(seed, "judging", "bootstrap"))
    missing = np.isnan(seen["angles"][places]).any(axis=2).sum(axis=1)
    columns: dict[str, np.ndarray] = {"latent": latents, "missing": missing}

    stepped = places[:, LEVEL_ROWS]  # [L, 25] -> [L, property, level]
    turned = seen["angles"][stepped[:, CONTROLLED.index("pose")]].swapaxes(
        1, 2
    )  # [L, angle, level]
    levels = np.array(LEVELS)
    correlation = metrics.correlation(levels, turned)
    slope = metrics.line_fit(levels[FITTED], turned[..., FITTED])[0]
    obeyed: dict[str, dict[str, metrics.Stat]] = {}
    for index, angle in enumerate(ANGLES):
        found = {"correlation": correlation[:, index], "slope": slope[:, index]}
        columns |= {f"{angle}_{name}": values for name, values in found.items()}
        obeyed[angle] = {name: metrics.interval(values, samples) for name, values in found.items()}

    # of each output from -2 to 2: [L, property, outputs]
    changes = {
        name: values[stepped[:, :, -1]] - values[stepped[:, :, 0]] for name, values in seen.items()
    }
    change = changes["attributes"]
    mean = metrics.known_mean(change, axis=0)
    leaked = metrics.known_mean(np.abs(change), axis=2)
    columns |= {f"{name}_leakage": leaked[:, i] for i, name in enumerate(CONTROLLED)}
    by_property = {
        name: metrics.by_name(ATTRIBUTES, row) for name, row in zip(CONTROLLED, mean, strict=True)
    }
    write_table(per_latent_path, pd.DataFrame(columns))
    write_json(
        summary_path,
        {
            "method": method,
            "judge": judge,
            "latents": len(latents),
            "pictures": places.size,
            "missing": int(missing.sum()),
            "angles": obeyed,
            "change": by_property,
            "movers": {name: _movers(row) for name, row in by_property.items()},
            "leakage_mean": {
                name: metrics.interval(leaked[:, i], samples) for i, name in enumerate(CONTROLLED)
            },
            "groups": {head: _moved(changes[head], samples) for head in ("age", "gender")},
        },
    )


def _moved(change: np.ndarray, samples: np.ndarray) -> dict[str, dict]:
    """Return what of [L, property, groups] changes of probability the summary says, by property."""
    mean = metrics.known_mean(change, axis=0)
    moved = np.abs(change).sum(axis=2) / 2
    return {
        name: {"change": mean[i], "moved": metrics.interval(moved[:, i], samples)}
        for i, name in enumerate(CONTROLLED)
    }


def _movers(change: dict[str, float]) -> list[str]:
    """Return the attributes that change most, the most first; none where nothing is known."""
    known = [name for name in change if np.isfinite(change[name])]
    return sorted(known, key=lambda name: -abs(change[name]))[:MOVERS]
