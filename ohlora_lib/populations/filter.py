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
    filter_by: str = "limits",
    exclude_labelled: bool = False,
) -> None:
    """Keep the images that meet all conditions; count how many meet each.

    A limit on a score depends on how sure a network is of its answers; the share of the images that
    it lets pass hardly does. A condition can name both, and both are counted.

    Args:
        attributes_path: table written by `join_attributes`.
        conditions: by attribute: `min` and/or `max`, inclusive; with one of them also `share`, 0-1,
            of the images that pass on that side.
        path: table to write: `id` of the kept images, ascending.
        counts_path: JSON: `total` (labelled images included), `candidates`, `filter_by`, then
            `conditions` (attribute, min, max, pass) and `kept` of the way that was used, and both
            again under `limits` and, where every condition has a share, `shares`.
        filter_by: `limits` or `shares`.
        exclude_labelled: leave labelled images out, as their labels contain mistakes.

    Raises:
        InputError: no image meets all conditions.
    """
    table = read_table(attributes_path).sort_values("id")
    candidates = table[~table["labelled"]] if exclude_labelled else table
    ways = {"limits": conditions}
    if all("share" in limits for limits in conditions.values()):
        ways["shares"] = {
            attribute: _limit_of_share(candidates[attribute].to_numpy(), limits)
            for attribute, limits in conditions.items()
        }
    found = {way: _apply(candidates, limits) for way, limits in ways.items()}
    rows, keep = found[filter_by]
    if not keep.any():
        named = ", ".join(f"{row['attribute']}: {row['pass']}" for row in rows)
        other = "".join(
            f"; by {way} {int(kept.sum())} would be kept (filter_by: {way})"
            for way, (_, kept) in found.items()
            if way != filter_by
        )
        raise InputError(
            f"no image of {attributes_path} meets all conditions by {filter_by} ({named} of "
            f"{len(candidates)} pass){other}; widen populations.*.filter in the configuration"
        )
    counts = {
        way: {"conditions": rows, "kept": int(kept.sum())} for way, (rows, kept) in found.items()
    }
    document = {"total": len(table), "candidates": len(candidates), "filter_by": filter_by}
    write_table(path, pd.DataFrame({"id": candidates["id"].to_numpy()[keep]}))
    write_json(counts_path, {**document, **counts[filter_by], **counts})


def _limit_of_share(values: np.ndarray, limits: dict) -> dict[str, float]:
    """Return the limit, `min` or `max` as in `limits`, that the wanted share of the values meets.

    Equal values pass together, so more than the share can.
    """
    count = max(round(limits["share"] * len(values)), 1)
    if "min" in limits:
        return {"min": float(np.sort(values)[-count])}
    return {"max": float(np.sort(values)[count - 1])}


def _apply(table: pd.DataFrame, conditions: dict[str, dict]) -> tuple[list[dict], np.ndarray]:
    """Return what passes each condition, and bool [N], what passes all."""
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
    return rows, keep
