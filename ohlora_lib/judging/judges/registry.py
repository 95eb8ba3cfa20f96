"""The two judges: pictures in, seven property scores out, in standard deviations of a population.

`cnn` is the network that methods are trained against; `segment` has seen none of them: it measures
the segmented picture as the population was measured. A method is good when both say so.

Each judge has a module of its own, imported only when it is needed: a job's code digest covers the
judge that it runs, so that an edited score does not ask the network again.
"""

import importlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from ohlora_lib.judging import JUDGES
from ohlora_lib.scores import ALGORITHMS
from ohlora_lib.scores.normalize import DECIMALS
from ohlora_lib.store.gallery import iter_gallery
from ohlora_lib.store.tables import write_table

MEASURED = ALGORITHMS["v1"]  # the seven properties, in canonical order


class Judge(Protocol):
    """Anything that scores pictures."""

    def score(self, images: np.ndarray) -> np.ndarray:
        """Score uint8 RGB pictures [N, H, W, 3]: float64 [N, 7], NaN where missing."""
        ...


def load_judge(
    kind: str, weights: str | Path, device: str = "cpu", measuring: dict[str, Any] | None = None
) -> Judge:
    """Build a judge.

    Args:
        kind: one of `JUDGES`.
        weights: checkpoint of the property CNN, or of the segmenter.
        device: torch device name.
        measuring: the other arguments of the judge's `load`.

    Raises:
        InputError: weights or statistics that are not what they should be.
    """
    if kind not in JUDGES:
        raise ValueError(f"judge is {kind!r}; known are {', '.join(JUDGES)}")
    module = importlib.import_module(f"ohlora_lib.judging.judges.{kind}")
    return module.load(weights, device=device, **(measuring or {}))


def score_pictures(judge: Judge, pictures_path: str | Path, path: str | Path) -> None:
    """Write a judge's scores of every picture of a gallery.

    Args:
        judge: see `load_judge`.
        pictures_path: the gallery.
        path: table to write: `row` and the seven properties, 4 decimals; NaN where missing.

    Raises:
        InputError: the gallery is damaged.
    """
    rows, scores = [], []
    with tqdm(desc="scores", unit="img", mininterval=5) as progress:
        for part, images in iter_gallery(pictures_path):
            rows.append(part)
            scores.append(judge.score(images).round(DECIMALS))
            progress.update(len(part))
    table = pd.DataFrame(np.concatenate(scores), columns=list(MEASURED))
    table.insert(0, "row", np.concatenate(rows))
    write_table(path, table)
