"""Reading the evaluation of a method: what was requested, drawn and measured."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.gallery import read_gallery
from ohlora_lib.store.tables import read_json, read_table


@dataclass(frozen=True)
class Evaluation:
    """One method seen by one judge.

    Attributes:
        rows: one row per picture: row, latent, grid, requested eyes, mouth and pose, and
            measured_eyes, measured_mouth and measured_pose (NaN is missing); in scores.
        summary: the judge's summary.json.
        folder: of the method.
        judge: its name.
    """

    rows: pd.DataFrame
    summary: dict
    folder: Path
    judge: str

    def pictures(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the pictures of some of `self.rows`, uint8 [N, H, W, 3].

        Raises:
            InputError: the file of pictures is missing, damaged, or lacks a row.
        """
        return read_gallery(self.folder / "pictures.parquet", rows["row"].to_numpy())

    def requested(self, grid: str, latent: int) -> pd.DataFrame:
        """Return the rows of one latent in a grid.

        Raises:
            InputError: there are none.
        """
        found = self.rows[(self.rows["grid"] == grid) & (self.rows["latent"] == latent)]
        if not len(found):
            path = self.folder / "requests.parquet"
            raise InputError(f"{path} has no {grid} of latent {latent}; {rebuild(path)}")
        return found

    def chosen(self, which: str) -> dict:
        """Return latent, correlation and mae of the "best", "median" or "worst" latent.

        Raises:
            InputError: the summary has no such entry.
        """
        try:
            entry = self.summary["grid50"][which]
            return {key: entry[key] for key in ("latent", "correlation", "mae")}
        except (KeyError, TypeError):
            path = self.folder / self.judge / "summary.json"
            raise InputError(
                f"{path} lacks the {which} latent of grid50; {rebuild(path)}"
            ) from None


def read_evaluation(folder: str | Path, judge: str) -> Evaluation:
    """Read one judge's view of a method, without the pictures.

    Args:
        folder: evaluation/{method}, which holds requests.parquet and {judge}/measured.parquet.
        judge: name of its subfolder.

    Raises:
        InputError: a file is missing or damaged, or a picture was not measured.
    """
    folder = Path(folder)
    requests = read_table(folder / "requests.parquet", ["row", "latent", "grid", *CONTROLLED])
    path = folder / judge / "measured.parquet"
    measured = read_table(path, ["row", *CONTROLLED])
    if not np.array_equal(requests["row"], measured["row"]):
        raise InputError(
            f"{path} holds other rows than requests.parquet beside it; {rebuild(path)}"
        )
    for name in CONTROLLED:
        requests[f"measured_{name}"] = measured[name].to_numpy(float)
    return Evaluation(requests, read_json(folder / judge / "summary.json"), folder, judge)
