"""Which latents of a method make the best people: ranked by all judges, looks and identity drift.

The score of a latent is the product of three terms, each from 0 to 1:

- `control`: the smallest correlation of requested and measured on grid50, over all judges and the
  three properties; 0 where one is negative or missing.
- `looks`: the mean over the pictures of `levels` of P(good) · P(woman) · P(young) · P(no glasses).
- `sameness`: 1 - drift, at least 0, where drift is the mean over the six pictures at -2 and 2.

A term that the domain cannot measure (no attribute, no embedding) is 1 for every latent, sameness
that cannot be measured for one latent (no face at 0, or none at -2 and 2) is 0 for it, and an
attribute that it cannot measure is left out of `looks`. The weakest correlation of latents that
pass the gates differs by little, so among them looks and sameness decide: a latent that shows a
broken picture, a man or glasses falls back, and so does one whose face turns into another.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ohlora_lib.attributes import ATTRIBUTES, PERSON, WANTED
from ohlora_lib.errors import InputError
from ohlora_lib.judging.grids import LEVEL_ROWS, LEVELS, REBUILD, check_rows, grid_rows
from ohlora_lib.judging.metrics import CORRELATIONS_V8, flips, known_mean
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.tables import read_json, read_table, write_json, write_table

SCORE = (
    "control (smallest grid50 correlation over judges and properties) x looks (mean probability of"
    " a good picture of a young woman without glasses over the levels pictures) x sameness"
    " (1 - mean identity drift at -2 and 2), each from 0 to 1"
)
TOP = 20  # latents that the summary names
ENDS = LEVEL_ROWS[:, [0, -1]].ravel()  # where in `levels` the pictures at -2 and 2 stand
ZERO = int(LEVEL_ROWS[0, LEVELS.index(0.0)])  # and the all-zero one


def rank_identities(
    evaluation: str | Path,
    judges: Sequence[str],
    path: str | Path,
    summary_path: str | Path,
    gates: Sequence[float] = CORRELATIONS_V8,
) -> None:
    """Rank the latents of grid50 and levels: those that all judges pass, then the others.

    Within both parts the better score comes first, see the head of this module; latents of equal
    score keep the order of their numbers.

    Args:
        evaluation: folder of a method, with `requests.parquet`, `attributes.parquet`, and of each
            judge `measured.parquet`, `per_latent.csv` and `summary.json`.
        judges: names of its subfolders.
        path: table to write, a row per latent: `rank` (from 1), `latent`, `score`, `passes`,
            `control`, `looks`, `sameness`, and per judge `passes_{judge}` and `weakest_{judge}`
            (correlation); `mae` (mean over judges and properties, in scores), `gender`, `quality`,
            `age` and `glass` (mean probability over its pictures of `levels`), `drift`, and `flips`
            (share of its pictures at -2 and 2 in which gender, age or glasses differ from the
            all-zero picture). NaN is what the domain cannot measure.
        summary_path: JSON to write: `method`, `judges`, `gates`, `judged` and `passed` (counts; the
            latter by judge and of `all`), `score` (its definition), and the `top` 20 that pass.
        gates: least correlation of eyes, mouth and pose on grid50; a latent with a missing
            measurement in it fails, too.

    Raises:
        InputError: the files are damaged or not of one evaluation.
    """
    folder = Path(evaluation)
    requests_path = folder / "requests.parquet"
    requests = read_table(requests_path, ("row", "latent", "grid", *CONTROLLED))
    check_rows(requests, requests_path)
    latents, places = grid_rows(requests, "levels", requests_path)
    method = _method(folder, judges)

    columns: dict[str, np.ndarray] = {}
    weakest, errors, passed = [], [], {}
    for judge in judges:
        correlations, maes, complete = _judged(folder / judge, requests, latents)
        passed[judge] = (correlations >= np.asarray(gates)).all(axis=1) & complete
        weakest.append(correlations.min(axis=1))
        errors.append(maes)
        columns |= {f"passes_{judge}": passed[judge], f"weakest_{judge}": weakest[-1]}
    control = np.clip(np.nan_to_num(np.min(weakest, axis=0)), 0, 1)
    shown = _shown(folder / "attributes.parquet", requests, places)
    passes = np.logical_and.reduce(list(passed.values()))
    terms = {"control": control, "looks": shown.pop("looks"), "sameness": shown.pop("sameness")}
    table = pd.DataFrame(
        {"latent": latents, "score": np.prod(list(terms.values()), axis=0), "passes": passes}
        | terms
        | columns
        | {"mae": known_mean(np.concatenate(errors, axis=1), axis=1)}
        | shown
    )
    table = table.sort_values(
        ["passes", "score", "latent"], ascending=[False, False, True], ignore_index=True
    )
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    summary: dict[str, Any] = {
        "method": method,
        "judges": list(judges),
        "gates": dict(zip(CONTROLLED, gates, strict=True)),
        "judged": len(table),
        "passed": {name: int(of.sum()) for name, of in {**passed, "all": passes}.items()},
        "score": SCORE,
        "top": table.loc[table["passes"], ["rank", "latent", "score"]][:TOP].to_dict("records"),
    }
    write_table(path, table)
    write_json(summary_path, summary)


def _method(folder: Path, judges: Sequence[str]) -> str:
    """Return the method that all judges speak of."""
    methods = []
    for judge in judges:
        path = folder / judge / "summary.json"
        document = read_json(path)
        if not isinstance(document, dict) or document.get("judge") != judge:
            raise InputError(f"{path} is not the summary of judge {judge}; {REBUILD}")
        methods.append(document.get("method"))
        if methods[-1] != methods[0]:
            raise InputError(f"{path} is of {methods[-1]} and not of {methods[0]}; {REBUILD}")
    return methods[0]


def _judged(
    folder: Path, requests: pd.DataFrame, latents: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one judge's grid50 correlations [L, 3] and errors [L, 3], and what is complete [L]."""
    measured = read_table(folder / "measured.parquet", ("row", *CONTROLLED))
    if not np.array_equal(requests["row"], measured["row"]):
        raise InputError(
            f"{folder / 'measured.parquet'} holds other pictures than requests.parquet; {REBUILD}"
        )
    names = [[f"grid50_{kind}_{name}" for name in CONTROLLED] for kind in ("correlation", "mae")]
    path = folder / "per_latent.csv"
    table = read_table(path, ("latent", *names[0], *names[1]))
    fifty = (requests["grid"] == "grid50").to_numpy()
    known = np.isfinite(measured.loc[fifty, list(CONTROLLED)]).all(axis=1)
    complete = known.groupby(requests.loc[fifty, "latent"]).all().sort_index()
    for found in (table["latent"], complete.index):
        if not np.array_equal(found, latents):
            raise InputError(f"{path} lists other latents than requests.parquet; {REBUILD}")
    return table[names[0]].to_numpy(float), table[names[1]].to_numpy(float), complete.to_numpy()


def _shown(path: Path, requests: pd.DataFrame, places: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the pictures of `levels` (rows [L, 25]) show besides the requested, each [L]."""
    attributes = read_table(path)
    if "drift" not in attributes or not np.array_equal(requests["row"], attributes.get("row")):
        raise InputError(f"{path} holds other pictures than requests.parquet; {REBUILD}")
    read = {
        name: attributes[name].to_numpy(float)[places] for name in ATTRIBUTES if name in attributes
    }
    drift = known_mean(attributes["drift"].to_numpy(float)[places[:, ENDS]], axis=1)
    looks, flipped = np.ones(len(places)), np.full(len(places), np.nan)
    if read:
        wanted = [p if WANTED[name] else 1 - p for name, p in read.items()]
        looks = np.prod(wanted, axis=0).mean(axis=1)
    if person := [p for name, p in read.items() if name in PERSON]:
        answers = np.stack(person, axis=-1)
        _, flipped = flips(answers[:, ZERO], answers[:, ENDS])
    unknown = np.full(len(places), np.nan)
    same = np.clip(1 - drift, 0, 1)
    same = np.nan_to_num(same) if np.isfinite(drift).any() else np.ones(len(places))
    return {
        "looks": looks,
        "sameness": same,
        **{name: read[name].mean(axis=1) if name in read else unknown for name in ATTRIBUTES},
        "drift": drift,
        "flips": flipped,
    }
