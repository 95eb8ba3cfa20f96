"""Score `hair_color`: how bright the hair is, as published.

v1: median brightness of all class-10 pixels; without hair the published code raises, here NaN. It
reads the whole picture resized to 224 x 224, although the class map has the coordinates of the
face cut (a published defect that the caller reproduces or not).
v2: brightness of class 10 in the face cut, sorted, positions floor(0.1 n) ... floor(0.9 n) - 1
kept, mean; 127.5 where nothing is left (no hair, or a single pixel).
"""

import numpy as np

from ohlora_lib.scores.brightness import histograms, mean, median, trim
from ohlora_lib.scores.regions import HAIR, check_batch


def v1(class_maps: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the median brightness of the hair.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: uint8 RGB [N, 224, 224, 3].

    Returns:
        float64 [N], 0 to 255; NaN without hair.
    """
    check_batch(class_maps, images)
    return median(histograms(images, class_maps == HAIR))


def v2(
    class_maps: np.ndarray, images: np.ndarray, *, trimmed: float = 0.1, empty: float = 127.5
) -> np.ndarray:
    """Return the trimmed mean brightness of the hair.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: uint8 RGB [N, 224, 224, 3].
        trimmed: share of the pixels dropped at either end, in [0, 0.5).
        empty: score where no pixel is left.

    Returns:
        float64 [N], 0 to 255, never NaN.
    """
    check_batch(class_maps, images)
    return mean(trim(histograms(images, class_maps == HAIR), trimmed), empty)


v3 = v2  # nothing that landmarks could measure better
