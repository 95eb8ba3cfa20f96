"""One judge measures every picture of one method."""

import importlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from ohlora_lib.errors import InputError
from ohlora_lib.judging.grids import REBUILD, check_rows, grid_rows
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.gallery import iter_gallery, read_rows
from ohlora_lib.store.tables import read_table, write_table


class Judge(Protocol):
    """Anything that measures pictures: what `load` of a module in `judging.judges` returns."""

    columns: tuple[str, ...]  # what it measures
    grid: str | None  # the requests whose pictures it measures (`judging.grids`); None: all
    decimals: int | None  # that its measurements are rounded to; None: as they are

    def score(self, images: np.ndarray) -> np.ndarray:
        """Measure uint8 RGB pictures [N, H, W, 3]: float64 [N, columns], NaN where missing."""
        ...


def load_judge(
    name: str, weights: str | Path, device: str = "cpu", measuring: dict[str, Any] | None = None
) -> Judge:
    """Build a judge.

    Args:
        name: of its module in `judging.judges`.
        weights: checkpoint of the network that it looks through.
        device: torch device name.
        measuring: the other arguments of the module's `load`.

    Raises:
        InputError: weights or statistics that are not what they should be.
    """
    module = importlib.import_module(f"ohlora_lib.judging.judges.{name}")
    return module.load(weights, device=device, **(measuring or {}))


def score_pictures(
    judge: Judge, requests_path: str | Path, pictures_path: str | Path, path: str | Path
) -> None:
    """Write a judge's measurements of a gallery.

    Args:
        judge: see `load_judge`.
        requests_path: table of the requests that the pictures were drawn for.
        pictures_path: the gallery.
        path: table to write: `row` and the judge's columns, rounded to the judge's decimals; NaN
            where missing.

    Raises:
        InputError: the gallery is damaged, or of other requests.
    """
    wanted = None
    if judge.grid is not None:
        requests = read_table(requests_path, ("row", "latent", "grid", *CONTROLLED))
        check_rows(requests, requests_path)
        if not np.array_equal(requests["row"], read_rows(pictures_path)):
            raise InputError(
                f"{pictures_path} holds other pictures than {requests_path}; {REBUILD}"
            )
        wanted = grid_rows(requests, judge.grid, requests_path)[1].ravel()
    rows, scores = [], []
    with tqdm(desc="scores", unit="img", mininterval=5) as progress:
        for part, images in iter_gallery(pictures_path):
            if wanted is not None:
                chosen = np.isin(part, wanted)
                part, images = part[chosen], images[chosen]
            rows.append(part)
            found = judge.score(images)
            scores.append(found if judge.decimals is None else found.round(judge.decimals))
            progress.update(len(part))
    table = pd.DataFrame(np.concatenate(scores), columns=list(judge.columns))
    table.insert(0, "row", np.concatenate(rows))
    write_table(path, table)
