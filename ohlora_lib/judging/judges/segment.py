"""The judge `segment`: segmentation and scores, as the population itself was measured."""

from pathlib import Path
from typing import Any

import numpy as np

from ohlora_lib.networks.segmentation import Segmenter, load_segmenter
from ohlora_lib.populations.raw_scores import raw_scores
from ohlora_lib.populations.score_function import ScoreFunction
from ohlora_lib.scores import (
    background_mean,
    background_std,
    eyes,
    hair_color,
    hair_length,
    mouth,
    pose,
)
from ohlora_lib.scores.normalize import DECIMALS, normalize, units
from ohlora_lib.store.tables import read_json

SCORES = {
    "eyes": eyes,
    "hair_color": hair_color,
    "hair_length": hair_length,
    "mouth": mouth,
    "pose": pose,
    "background_mean": background_mean,
    "background_std": background_std,
}


class SegmentJudge:
    """Segmentation, scores, and the mean and standard deviation of the population.

    See `judging.measure.Judge`.

    Args:
        segmenter: finds the faces.
        statistics: per property `mean` and `std` of the population's raw scores.
        options: keyword arguments of the score functions by property; the population's.
        source: the file of the statistics, for messages.
        algorithm: of the scores; the population's.

    Raises:
        InputError: a property is not in the statistics, or does not vary.
    """

    columns = tuple(SCORES)
    grid = None
    decimals = DECIMALS

    def __init__(
        self,
        segmenter: Segmenter,
        statistics: dict[str, dict[str, float]],
        options: dict[str, dict[str, Any]] | None = None,
        source: str | Path = "the statistics",
        algorithm: str = "v2",
    ) -> None:
        self.segmenter = segmenter
        self.functions = [
            ScoreFunction(module, algorithm, (options or {}).get(name, {}))
            for name, module in SCORES.items()
        ]
        self.scales = units(statistics, SCORES, source)
        self.source = source

    def score(self, images: np.ndarray) -> np.ndarray:
        """Measure pictures; NaN where no face is found."""
        raw = raw_scores(images, self.segmenter, self.functions)
        columns = [
            normalize(values, *scale, name=f"{name} of {self.source}")
            for values, (name, scale) in zip(raw.T, self.scales.items(), strict=True)
        ]
        return np.stack(columns, axis=1)


def load(
    weights: str | Path,
    statistics: str | Path,
    segmenter: str,
    options: dict[str, dict[str, Any]],
    batch_size: int | None = None,
    device: str = "cpu",
    algorithm: str = "v2",
    **others: Any,
) -> SegmentJudge:
    """Build the judge.

    Args:
        weights: checkpoint of the segmenter.
        statistics: JSON of the population's raw scores by the same algorithm.
        segmenter: which one, see `networks.segmentation`.
        options: keyword arguments of the score functions by property.
        batch_size: pictures parsed at once; None for the segmenter's own choice.
        device: torch device name.
        algorithm: of the scores, one of `scores.ALGORITHMS`.
        others: the segmenter's other checkpoints and options.
    """
    found = load_segmenter(segmenter, weights, batch_size=batch_size, device=device, **others)
    return SegmentJudge(found, read_json(statistics), options, statistics, algorithm)
