"""The judge `facexformer`: head pose in degrees, and what else of a face changes.

It exists where real faces are segmented with FaceXFormer, whose other heads it asks. It says what
the two judges of `judges` cannot: how far a head turns, and what else an edit does to a face. Its
pictures are those of the grid `levels`: one property at a time, from -2 to 2.

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
from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.judging import metrics
from ohlora_lib.judging.grids import LEVEL_ROWS, LEVELS, REBUILD, check_rows, grid_rows
from ohlora_lib.judging.protocol import FITTED
from ohlora_lib.networks.facexformer import ANGLES, ATTRIBUTES
from ohlora_lib.networks.facexformer_segmenter import READ_WIDTHS, FaceXFormerSegmenter
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import rng
from ohlora_lib.store.gallery import iter_gallery, read_rows
from ohlora_lib.store.tables import read_table, write_json, write_table

MOVERS = 5  # attributes named per property


def judge_faces(
    segmenter: FaceXFormerSegmenter,
    requests_path: str | Path,
    pictures_path: str | Path,
    per_latent_path: str | Path,
    summary_path: str | Path,
    method: str,
    bootstrap: int,
    seed: int,
) -> None:
    """Write what FaceXFormer sees in one method's pictures.

    Args:
        segmenter: finds and reads the faces.
        requests_path: see `pictures.draw_pictures`.
        pictures_path: the same.
        per_latent_path: table to write: `latent`, `missing`, `<angle>_correlation`, `<angle>_slope`
            and `<property>_leakage`.
        summary_path: JSON to write, see the head of this module.
        method: its name.
        bootstrap: samples of each interval.
        seed: the run's seed.

    Raises:
        InputError: the files are damaged or not of one evaluation.
    """
    requests = read_table(requests_path, ("row", "latent", "grid", *CONTROLLED))
    check_rows(requests, requests_path)
    if not np.array_equal(requests["row"], read_rows(pictures_path)):
        raise InputError(f"{pictures_path} holds other pictures than {requests_path}; {REBUILD}")
    latents, places = grid_rows(requests, "levels", requests_path)
    seen = {name: np.full((len(requests), width), np.nan) for name, width in READ_WIDTHS.items()}
    with tqdm(total=places.size, desc="faces", unit="img", mininterval=5) as progress:
        for rows, images in iter_gallery(pictures_path):
            wanted = np.isin(rows, places)
            reading = segmenter.read(images[wanted])
            for name, values in seen.items():
                values[rows[wanted]] = getattr(reading, name)
            progress.update(int(wanted.sum()))
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
            "judge": "facexformer",
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
