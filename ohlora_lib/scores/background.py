"""Histogram of the background in the top of the picture, shared by the two background scores."""

import numpy as np

from ohlora_lib.scores.brightness import histograms, trim
from ohlora_lib.scores.regions import BACKGROUND, check_batch, window
from ohlora_lib.store.layout import MAP_SIDE


def background_histograms(
    class_maps: np.ndarray, images: np.ndarray, rows: tuple[int, int], trimmed: float
) -> np.ndarray:
    """Return the trimmed brightness histogram of the background pixels in `rows`: int64 [N, 766].

    A single background pixel is kept as it is, since trimming would leave nothing of it.
    """
    check_batch(class_maps, images)
    mask = window(class_maps, BACKGROUND, rows, (0, MAP_SIDE))
    counts = histograms(images[:, slice(*rows)], mask)
    single = counts.sum(axis=1, keepdims=True) == 1
    return np.where(single, counts, trim(counts, trimmed))
