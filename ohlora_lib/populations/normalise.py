"""Joins the raw scores of an algorithm's properties into one table of z-scores."""

from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.scores.normalize import count_missing, normalize, statistics
from ohlora_lib.store.tables import read_table, write_json, write_table


def normalise(
    paths: dict[str, str | Path], csv_path: str | Path, statistics_path: str | Path
) -> None:
    """Join the properties' raw scores into one CSV of z-scores, with mean and std beside it.

    A missing score is an empty cell, and counted in the statistics.

    Args:
        paths: raw score tables by property, in the order of the columns.
        csv_path: `id` and one column `<property>_score` each, 4 decimals.
        statistics_path: JSON: per property `mean`, `std` (ddof 1), `count`, `missing`.

    Raises:
        InputError: the tables do not cover the same images, or a score is constant.
    """
    columns: dict[str, np.ndarray] = {}
    summary: dict[str, dict] = {}
    for name, path in paths.items():
        table = read_table(path)
        ids = columns.setdefault("id", table["id"].to_numpy())
        if not np.array_equal(ids, table["id"].to_numpy()):
            raise InputError(
                f"{path} covers other images than the other scores; delete it and rerun"
            )
        raw = table["score"].to_numpy()
        mean, std = statistics(raw)
        columns[f"{name}_score"] = normalize(raw, mean, std, name=f"{name} in {path}")
        missing = count_missing(raw)
        summary[name] = {"mean": mean, "std": std, "count": len(raw), "missing": missing}
    write_table(csv_path, pd.DataFrame(columns))
    write_json(statistics_path, summary)
