"""Joins labels and predictions, and keeps the images that meet the population's conditions."""

from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError
from ohlora_lib.store.tables import read_table, write_json, write_table


def join_attributes(
    labels_path: str | Path, prediction_paths: dict[str, str | Path], path: str | Path
) -> None:
    """Write one row per image: the hand label where there is one, else the mean of the folds.

    Args:
        labels_path: `id` and 0/1 per attribute.
        prediction_paths: by attribute; each has `id`, `fold_<k>`, `mean`.
        path: table to write: `id`, `labelled`, per attribute its value and `<attribute>_fold_<k>`.
    """
    labels = read_table(labels_path).set_index("id")
    joined: pd.DataFrame | None = None
    for attribute, source in prediction_paths.items():
        predictions = read_table(source).set_index("id")
        if joined is None:
            joined = pd.DataFrame(
                {"labelled": predictions.index.isin(labels.index)}, predictions.index
            )
        known = labels[attribute].reindex(joined.index)
        joined[attribute] = known.where(joined["labelled"], predictions["mean"]).astype(np.float64)
        for column in predictions.columns.drop("mean"):
            joined[f"{attribute}_{column}"] = predictions[column]
    write_table(path, joined.reset_index())


def filter_images(
    attributes_path: str | Path,
    conditions: dict[str, dict],
    path: str | Path,
    counts_path: str | Path,
) -> None:
    """Keep the images that meet all conditions; count how many meet each.

    Args:
        attributes_path: table written by `join_attributes`.
        conditions: by attribute: `min` and/or `max`, inclusive.
        path: table to write: `id` of the kept images, ascending.
        counts_path: JSON: `total`, `conditions` (attribute, min, max, pass), `kept`.

    Raises:
        InputError: no image meets all conditions.
    """
    table = read_table(attributes_path).sort_values("id")
    keep = np.ones(len(table), bool)
    rows = []
    for attribute, limits in conditions.items():
        low, high = limits.get("min"), limits.get("max")
        values = table[attribute].to_numpy()
        passes = np.ones(len(table), bool)
        if low is not None:
            passes &= values >= low
        if high is not None:
            passes &= values <= high
        rows.append({"attribute": attribute, "min": low, "max": high, "pass": int(passes.sum())})
        keep &= passes
    if not keep.any():
        named = ", ".join(f"{row['attribute']}: {row['pass']}" for row in rows)
        raise InputError(
            f"no image of {attributes_path} meets all conditions ({named} of {len(table)} pass); "
            "widen populations.*.filter in the configuration"
        )
    write_table(path, pd.DataFrame({"id": table["id"].to_numpy()[keep]}))
    write_json(counts_path, {"total": len(table), "conditions": rows, "kept": int(keep.sum())})
