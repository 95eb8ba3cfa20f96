"""Raw scores of pictures at hand: segment, cut the face out, measure; nothing touches the disk."""

from collections.abc import Sequence

import numpy as np

from ohlora_lib.networks.segmentation import Segmenter
from ohlora_lib.populations.score_function import ScoreFunction
from ohlora_lib.store.face_cuts import face_cut


def raw_scores(
    images: np.ndarray,
    segmenter: Segmenter,
    scores: Sequence[ScoreFunction],
    batch_size: int = 128,
) -> np.ndarray:
    """Measure pictures as a population is measured by algorithms v2 and v3.

    Args:
        images: uint8 RGB [N, H, W, 3].
        segmenter: finds the faces.
        scores: what is measured.
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
        landmarks = None if segments.landmarks is None else segments.landmarks[found]
        measured = [score(maps, cut, landmarks) for score in scores]
        values[start : start + len(batch)][found] = np.stack(measured, axis=1)
    return values
