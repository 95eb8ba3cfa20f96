"""Score `mouth`: how far the mouth is open, as published.

v1: height (max y - min y, in pixels) of the lips, classes 7 and 9 together, plus that of the inner
mouth, class 8; an absent part counts 0.
v2: share of the inner mouth in all mouth pixels, n8 / (n7 + n8 + n9); 0 when there is none.
v3: distance between the inner lips over that between the corners of the mouth, both in space.
"""

import numpy as np

from ohlora_lib.scores.landmarks import (
    INNER_LIPS,
    MOUTH_CORNERS,
    check_landmarks,
    distance,
    ratio,
)
from ohlora_lib.scores.regions import (
    INNER_MOUTH,
    LOWER_LIP,
    UPPER_LIP,
    check_batch,
    count,
    height,
)


def v1(class_maps: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """Return the height of the lips plus the height of the inner mouth.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.

    Returns:
        float64 [N], 0 to 446 pixels, never NaN.
    """
    check_batch(class_maps)
    lips = (class_maps == UPPER_LIP) | (class_maps == LOWER_LIP)
    return (height(lips) + height(class_maps == INNER_MOUTH)).astype(np.float64)


def v2(class_maps: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """Return the share of the inner mouth in the mouth.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.

    Returns:
        float64 [N], 0 to 1, never NaN.
    """
    check_batch(class_maps)
    upper, inner, lower = (count(class_maps == c) for c in (UPPER_LIP, INNER_MOUTH, LOWER_LIP))
    return inner / np.maximum(upper + inner + lower, 1)


def v3(landmarks: np.ndarray) -> np.ndarray:
    """Return how far the lips are apart, in widths of the mouth.

    Args:
        landmarks: float [N, 478, 3], see `scores.landmarks`.

    Returns:
        float64 [N], 0 for a closed mouth; NaN where landmarks are missing or a mouth has no width.
    """
    found = check_landmarks(landmarks)
    return ratio(distance(found, *INNER_LIPS), distance(found, *MOUTH_CORNERS))
