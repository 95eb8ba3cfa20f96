"""Score `hair_length`: how far down the hair reaches, as published.

v1: the lowest row with class 10; if that is the last row (223), plus half the hair pixels in it.
Without hair the published code returns no value, here NaN.
v2: number of rows 56-223 with at least 20 class-10 pixels; if the last row is one of them, plus,
for each half of it (columns 0-111, 112-223), max(hair pixels - 10, 0) / 2. Without hair 0.
"""

import numpy as np

from ohlora_lib.scores.regions import HAIR, check_batch, window
from ohlora_lib.store.layout import MAP_SIDE


def v1(class_maps: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """Return the lowest row of the hair, lengthened by its width at the picture's lower edge.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.

    Returns:
        float64 [N], 0 to 335; NaN without hair.
    """
    check_batch(class_maps)
    hair = class_maps == HAIR
    present = hair.any(axis=2)
    lowest = MAP_SIDE - 1 - present[:, ::-1].argmax(axis=1)
    # The last row is empty unless it is the lowest one, so that no case distinction is needed.
    return np.where(present.any(axis=1), lowest + hair[:, -1].sum(axis=1) / 2, np.nan)


def v2(
    class_maps: np.ndarray,
    images: np.ndarray | None = None,
    *,
    first_row: int = 56,
    row_pixels: int = 20,
    edge_pixels: int = 10,
) -> np.ndarray:
    """Return the number of rows with enough hair, plus half its width at the picture's lower edge.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: not read.
        first_row: rows above this one do not count.
        row_pixels: hair pixels that make a row count.
        edge_pixels: hair pixels of each half of the last row that do not lengthen the hair.

    Returns:
        float64 [N], 0 to 260, never NaN.
    """
    check_batch(class_maps)
    hair = window(class_maps, HAIR, (first_row, MAP_SIDE), (0, MAP_SIDE))
    per_row = np.add.reduce(hair.view(np.uint8), axis=2, dtype=np.uint8)  # at most 224: no overflow
    enough = per_row >= row_pixels
    halves = hair[:, -1].reshape(-1, 2, MAP_SIDE // 2).sum(axis=2)
    extra = np.maximum(halves - edge_pixels, 0).sum(axis=1) / 2
    return enough.sum(axis=1) + np.where(enough[:, -1], extra, 0.0)


v3 = v2  # nothing that landmarks could measure better
