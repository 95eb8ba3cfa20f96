"""The judge `facexformer`: head pose in degrees, attributes, age and gender.

It exists where real faces are segmented with FaceXFormer, whose other heads it asks; what its
measurements come to is in `facexformer_summary`.
"""

from pathlib import Path

import numpy as np

from ohlora_lib.judging.judges.facexformer_summary import COLUMNS, GRID
from ohlora_lib.networks.facexformer_heads import WIDTHS
from ohlora_lib.networks.facexformer_segmenter import FaceXFormerSegmenter
from ohlora_lib.networks.facexformer_segmenter import load as load_segmenter


class FaceXFormerJudge:
    """FaceXFormer's other heads; see `judging.measure.Judge`.

    Args:
        segmenter: finds and reads the faces.
    """

    columns = COLUMNS
    grid = GRID
    decimals = None

    def __init__(self, segmenter: FaceXFormerSegmenter) -> None:
        self.segmenter = segmenter

    def score(self, images: np.ndarray) -> np.ndarray:
        """Measure pictures; NaN where no face is found."""
        reading = self.segmenter.read(images)
        parts = [getattr(reading, name) for name in WIDTHS]
        return np.concatenate(parts, axis=1).astype(np.float64)


def load(
    weights: str | Path,
    detector: str | Path | None = None,
    batch_size: int | None = None,
    device: str = "cpu",
) -> FaceXFormerJudge:
    """Build the judge from the checkpoints of FaceXFormer and MTCNN."""
    return FaceXFormerJudge(load_segmenter(weights, detector, batch_size, device))
