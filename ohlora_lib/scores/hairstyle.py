"""Score `hairstyle`: straight (low) or curly (high) hair, as published.

For every anchor (x = 8-212, y = 112-212) four 4 x 4 blocks of the face cut are compared by their
mean brightness: m at (y, x), m_b at (y + 8, x), m_l at (y, x - 8), m_r at (y, x + 8). An anchor
counts if the top-left and the bottom-right pixel (+3, +3) of each block are hair (class 10). Its
value is |m - m_b| / (max(|m - m_l|, |m - m_r|) + 5); the score is the mean over the anchors that
count, or 0.45 if none does. The method has one version only, which belongs with algorithm v2.

Known and kept:
- The bottom-right test of the left block reads column x - 11 instead of x - 5, outside the block;
  for x = 8, 9, 10 that is negative and wraps round to the right edge of the map.
- Two pixels of a block are tested, not all sixteen as the method's text says.
"""

import numpy as np

from ohlora_lib.scores.brightness import channel_sum
from ohlora_lib.scores.regions import HAIR, check_batch
from ohlora_lib.store.layout import MAP_SIDE

BLOCK = 4  # side of a block, pixels
STEP = 8  # distance between blocks, pixels
FIRST_ROW, LAST_ROW = 112, 212  # anchors, inclusive
FIRST_COLUMN, LAST_COLUMN = 8, 212


def v2(
    class_maps: np.ndarray, images: np.ndarray, *, damping: float = 5.0, empty: float = 0.45
) -> np.ndarray:
    """Return how much the hair changes downwards relative to sideways.

    Args:
        class_maps: uint8 [N, 224, 224], classes 0-10.
        images: uint8 RGB [N, 224, 224, 3].
        damping: grey levels added to the sideways change.
        empty: score where no anchor counts.

    Returns:
        float64 [N], at least 0, never NaN.
    """
    check_batch(class_maps, images)
    scores = np.full(len(class_maps), empty, dtype=np.float64)
    for i, hair in enumerate(class_maps[:, FIRST_ROW:] == HAIR):  # one picture fits the cache
        anchors = np.flatnonzero(_counted(hair))
        if not len(anchors):
            continue
        sums = _block_sums(channel_sum(images[i, FIRST_ROW:]))
        y, x = np.divmod(anchors, LAST_COLUMN - FIRST_COLUMN + 1)
        width = sums.shape[1]
        places = y * width + x + FIRST_COLUMN
        here, below, left, right = (
            sums.take(places + offset) / (3 * BLOCK**2)  # mean brightness of the block
            for offset in (0, STEP * width, -STEP, STEP)
        )
        sideways = np.maximum(np.abs(here - left), np.abs(here - right))
        scores[i] = (np.abs(here - below) / (sideways + damping)).mean()
    return scores


def _counted(hair: np.ndarray) -> np.ndarray:
    """Return which anchors count: hair bool [112, 224] (rows from the first) -> [101, 205]."""
    corner = BLOCK - 1
    # columns -112 ... 223, for the left block
    wrapped = np.hstack((hair[:, -MAP_SIDE // 2 :], hair))

    def shifted(down: int, right: int) -> np.ndarray:
        column = MAP_SIDE // 2 + FIRST_COLUMN + right
        return wrapped[
            down : down + LAST_ROW - FIRST_ROW + 1,
            column : column + LAST_COLUMN - FIRST_COLUMN + 1,
        ]

    counted = shifted(0, 0) & shifted(corner, corner)
    counted &= shifted(STEP, 0) & shifted(STEP + corner, corner)
    counted &= shifted(0, -STEP) & shifted(corner, -STEP - corner)  # sic: outside its block
    counted &= shifted(0, STEP) & shifted(corner, STEP + corner)
    return counted


def _block_sums(values: np.ndarray) -> np.ndarray:
    """Return the sum of the 4 x 4 block at each top-left pixel: uint16 [H, W] -> [H - 3, W - 3]."""
    pairs = values[:-1] + values[1:]
    columns = pairs[:-2] + pairs[2:]  # of four rows
    pairs = columns[:, :-1] + columns[:, 1:]
    return pairs[:, :-2] + pairs[:, 2:]  # at most 16 * 765: no overflow


v3 = v2  # nothing that landmarks could measure better
