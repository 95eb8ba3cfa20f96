"""Score `eyes`: how far the eyes are open, as published.

v1: mean of the heights (max y - min y) of class 4 in columns 0-167 and class 5 in columns 56-223,
both in rows 56-139; an absent eye counts 0.
v2: in rows 56-167 and the same columns, each eye has a value H c. H is the largest height of one
of its columns; c = |dx| / distance for the two pixels of the eye that are farthest apart, the
cosine of the eye's slope (1 if it has fewer than two pixels). The score is the larger value; 0
without pixels.

The published code tries all pairs of pixels. Both ends of a farthest pair are corners of the
convex hull, and a corner is the first or last pixel of its row, so only those are tried here, with
the same result.
Ties: of several equally distant pairs the first in row-major order counts (smallest y, then x, of
the upper pixel, then of the lower one), which is what comparing all pairs in that order with ">"
finds. The published cases contain no tie in which this choice matters.
v3: mean over the eyes of their aspect ratios in space, the two distances between the lids over
twice that between the corners (Soukupova and Cech 2016, "Real-Time Eye Blink Detection using Facial
Landmarks"); it does not shrink when the head turns.
Known and kept: an eye that is taller than wide has its farthest pair upright, so its v2 value
drops.
"""

import numpy as np

from ohlora_lib.scores.landmarks import EYES, check_landmarks, distance, ratio
from ohlora_lib.scores.regions import (
    EYE_COLUMNS_LEFT,
    EYE_COLUMNS_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    check_batch,
    height,
    span,
    window,
)


def v1(
    class_maps: np.ndarray,
    images: np.ndarray | None = None,
    *,
    rows: tuple[int, int] = (56, 140),
    left_columns: tuple[int, int] = EYE_COLUMNS_LEFT,
    right_columns: tuple[int, int] = EYE_COLUMNS_RIGHT,
) -> np.ndarray:
    """Return the mean height of the eyes.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.
        rows: half-open range of rows in which eyes are looked for.
        left_columns: the same for the columns of the eye at the left of the picture.
        right_columns: the same for the eye at the right.

    Returns:
        float64 [N], 0 to 83 pixels, never NaN.
    """
    check_batch(class_maps)
    left = height(window(class_maps, EYE_LEFT, rows, left_columns))
    right = height(window(class_maps, EYE_RIGHT, rows, right_columns))
    return (left + right) / 2


def v2(
    class_maps: np.ndarray,
    images: np.ndarray | None = None,
    *,
    rows: tuple[int, int] = (56, 168),
    left_columns: tuple[int, int] = EYE_COLUMNS_LEFT,
    right_columns: tuple[int, int] = EYE_COLUMNS_RIGHT,
) -> np.ndarray:
    """Return the opening of the wider open eye, corrected for its slope.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.
        rows: half-open range of rows in which eyes are looked for.
        left_columns: the same for the columns of the eye at the left of the picture.
        right_columns: the same for the eye at the right.

    Returns:
        float64 [N], 0 to 111 pixels, never NaN.
    """
    check_batch(class_maps)
    left = _opening(window(class_maps, EYE_LEFT, rows, left_columns))
    right = _opening(window(class_maps, EYE_RIGHT, rows, right_columns))
    return np.maximum(left, right)


def v3(landmarks: np.ndarray) -> np.ndarray:
    """Return the mean aspect ratio of the eyes.

    Args:
        landmarks: float [N, 478, 3], see `scores.landmarks`.

    Returns:
        float64 [N], 0 for closed eyes; NaN where landmarks are missing or an eye has no width.
    """
    found = check_landmarks(landmarks)
    ratios = [
        ratio(
            distance(found, upper_1, lower_1) + distance(found, upper_2, lower_2),
            2 * distance(found, corner_1, corner_2),
        )
        for corner_1, upper_1, upper_2, corner_2, lower_2, lower_1 in EYES
    ]
    return np.mean(ratios, axis=0)


def _opening(mask: np.ndarray) -> np.ndarray:
    """Return the v2 value of one eye per map: bool [N, H, W] -> float64 [N]."""
    rows = np.flatnonzero(mask.any(axis=2).any(axis=0))
    columns = np.flatnonzero(mask.any(axis=0).any(axis=0))
    if not len(rows):
        return np.zeros(len(mask))
    # The smallest window that holds this eye in every map of the batch.
    mask = mask[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    tallest = span(mask.transpose(0, 2, 1)).max(axis=1)
    return tallest * _cosine(mask)


def _cosine(mask: np.ndarray) -> np.ndarray:
    """Return |dx| / distance of the farthest pair of pixels: bool [N, R, C] -> float64 [N]."""
    n, rows, columns = mask.shape
    used = mask.any(axis=2)
    first = mask.argmax(axis=2).astype(np.int32)
    last = columns - 1 - mask[:, :, ::-1].argmax(axis=2).astype(np.int32)
    ends = np.stack((first, last), axis=2)  # [N, R, 2]: candidates for the upper pixel, in order

    # From each end to the farther end of every row: [N, R, 2, R]. A pair also occurs with its ends
    # swapped, but later, so argmax still finds the first pair in row-major order.
    ends = ends[..., None]
    across = np.maximum(last[:, None, None] - ends, ends - first[:, None, None])
    down = np.arange(rows, dtype=np.int32)
    squared = across**2 + ((down - down[:, None]) ** 2)[:, None]
    squared = np.where(used[:, :, None, None] & used[:, None, None], squared, -1)

    squared, across = squared.reshape(n, -1), across.reshape(n, -1)
    best = (np.arange(n), squared.argmax(axis=1))
    distance = np.sqrt(np.maximum(squared[best], 0))
    return np.where(distance > 0, across[best] / np.maximum(distance, 1), 1.0)
