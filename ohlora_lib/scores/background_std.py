"""Score `background_std`: how varied the background is, as published.

Both algorithms: brightness of class 0 in rows 0-111, sorted, positions floor(0.05 n) ...
floor(0.95 n) - 1 kept, population standard deviation (ddof 0). 0 for no pixel and for one.
They differ in the picture they are given: v1 reads the whole picture resized to 224 x 224,
although the class map has the coordinates of the face cut (a published defect that the caller
reproduces or not); v2 reads the face cut.
"""

import numpy as np

from ohlora_lib.scores.background import background_histograms
from ohlora_lib.scores.brightness import deviation


def v1(
    class_maps: np.ndarray,
    images: np.ndarray,
    *,
    rows: tuple[int, int] = (0, 112),
    trimmed: float = 0.05,
) -> np.ndarray:
    """Return the trimmed standard deviation of the brightness of the background.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: uint8 RGB [N, 224, 224, 3].
        rows: half-open range of rows that count.
        trimmed: share of the pixels dropped at either end, in [0, 0.5).

    Returns:
        float64 [N], 0 to 127.5, never NaN.
    """
    return deviation(background_histograms(class_maps, images, rows, trimmed))


v2 = v1


v3 = v2  # nothing that landmarks could measure better
