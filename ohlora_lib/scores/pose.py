"""Score `pose`: how the head is turned (v1, v3) or tilted (v2), v1 and v2 as published.

v1: minus the Pearson correlation of x and y over the class-6 (nose) pixels; positive is turned
right. NaN where it is undefined: fewer than two pixels, or all in one row or one column.
v2: slope of the line through the eye centres, (y5 - y4) / (x5 - x4), from the centroids of class 4
in columns 0-167 and class 5 in columns 56-223, both in rows 56-167; 0 if either eye is absent. NaN
where the centroids have the same x (the published code divides by zero).
v3: angle by which the head is turned, of the line between the two sides of the face: the head turns
away from the side that is nearer the camera. The published document means this turn.
Known and kept: v2 measures the tilt in the picture's plane and is blind to a turn of the head.
"""

import numpy as np

from ohlora_lib.scores.landmarks import FACE_SIDES, check_landmarks
from ohlora_lib.scores.regions import (
    EYE_COLUMNS_LEFT,
    EYE_COLUMNS_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    NOSE,
    check_batch,
    pixels,
    window,
)


def v1(class_maps: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """Return minus the correlation of x and y over the nose.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.

    Returns:
        float64 [N], -1 to 1; NaN where the correlation is undefined.
    """
    check_batch(class_maps)
    image, y, x = pixels(class_maps == NOSE)

    def total(values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(image, values, minlength=len(class_maps))

    # All sums are whole numbers below 2**53, hence exact: a straight nose gives exactly 0.
    n, sum_x, sum_y = total(), total(x), total(y)
    square_x = n * total(x * x) - sum_x**2
    square_y = n * total(y * y) - sum_y**2
    product = n * total(x * y) - sum_x * sum_y
    scale = np.sqrt(square_x) * np.sqrt(square_y)
    defined = scale > 0
    return np.where(defined, -np.clip(product / np.where(defined, scale, 1), -1, 1), np.nan)


def v2(
    class_maps: np.ndarray,
    images: np.ndarray | None = None,
    *,
    rows: tuple[int, int] = (56, 168),
    left_columns: tuple[int, int] = EYE_COLUMNS_LEFT,
    right_columns: tuple[int, int] = EYE_COLUMNS_RIGHT,
) -> np.ndarray:
    """Return the slope of the line through the centres of the eyes.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.
        rows: half-open range of rows in which eyes are looked for.
        left_columns: the same for the columns of the eye at the left of the picture.
        right_columns: the same for the eye at the right.

    Returns:
        float64 [N]; NaN where one eye is exactly above the other.
    """
    check_batch(class_maps)
    n_left, y_left, x_left = _centroids(window(class_maps, EYE_LEFT, rows, left_columns))
    n_right, y_right, x_right = _centroids(window(class_maps, EYE_RIGHT, rows, right_columns))
    run = x_right + right_columns[0] - x_left - left_columns[0]
    slope = (y_right - y_left) / np.where(run == 0, np.nan, run)
    return np.where((n_left == 0) | (n_right == 0), 0.0, slope)


def _centroids(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixel count, mean y and mean x (0 if empty) of bool [N, H, W], each [N]."""
    image, y, x = pixels(mask)
    n = np.bincount(image, minlength=len(mask))
    some = np.maximum(n, 1)
    return n, np.bincount(image, y, len(mask)) / some, np.bincount(image, x, len(mask)) / some


def v3(landmarks: np.ndarray) -> np.ndarray:
    """Return the angle by which heads are turned about the upright axis.

    Args:
        landmarks: float [N, 478, 3], see `scores.landmarks`.

    Returns:
        float64 [N], radians from -pi to pi, positive turned to the right of the picture; NaN where
        landmarks are missing.
    """
    found = check_landmarks(landmarks)
    left, right = (found[:, side] for side in FACE_SIDES)
    along = right - left
    return np.arctan2(along[:, 2], along[:, 0])
