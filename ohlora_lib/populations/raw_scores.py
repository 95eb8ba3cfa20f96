"""Raw scores of pictures at hand: segment, cut the face out, measure; nothing touches the disk."""

from collections.abc import Callable, Sequence

import numpy as np

from ohlora_lib.networks.segmentation import Segmenter
from ohlora_lib.store.face_cuts import face_cut

# of class maps [N, 224, 224] and face cuts [N, 224, 224, 3], to float64 [N]
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]


def raw_scores(
    images: np.ndarray, segmenter: Segmenter, scores: Sequence[Score], batch_size: int = 128
) -> np.ndarray:
    """Measure pictures as a population is measured by algorithm v2.

    Args:
        images: uint8 RGB [N, H, W, 3].
        segmenter: finds the faces.
        scores: `v2` of score modules.
        batch_size: pictures segmented and measured at once.

    Returns:
        float64 [N, len(scores)]; NaN where there is no face, or no score.
    """
    values = np.full((len(images), len(scores)), np.nan)
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        segments = segmenter.segment(batch)
        found = segments.found
        cut = face_cut(batch[found], segments.cuts[found])
        maps = segments.class_maps[found]
        measured = [score(maps, cut) for score in scores]
        values[start : start + len(batch)][found] = np.stack(measured, axis=1)
    return values
