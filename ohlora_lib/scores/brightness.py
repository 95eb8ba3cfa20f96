"""Brightness of picture regions: exact histograms, their trimmed mean, deviation and median.

The brightness of a pixel is the plain mean of its three channels, so RGB or BGR makes no
difference. It is kept as the integer sum of the channels (0 to 765), so that a histogram of 766
bins loses nothing, sorting is unnecessary, and the only rounding is in the final division.
"""

import numpy as np

BINS = 3 * 255 + 1
_LEVELS = np.arange(BINS)


def channel_sum(image: np.ndarray) -> np.ndarray:
    """Return the sum of the channels: uint8 [..., 3] -> uint16 [...]."""
    # Adding neighbours everywhere and keeping every third sum is faster than reading with a stride.
    flat = image.reshape(-1).astype(np.uint16)
    total = flat[:-2] + flat[1:-1]
    total += flat[2:]
    return total[::3].reshape(image.shape[:-1])


def histograms(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the histogram of channel sums of the masked pixels of each picture.

    Args:
        images: uint8 [N, H, W, 3].
        mask: bool [N, H, W].

    Returns:
        int64 [N, 766].
    """
    counts = np.zeros((len(images), BINS), dtype=np.int64)
    for row, image, chosen in zip(counts, images, mask, strict=True):  # one picture fits the cache
        whole = np.ascontiguousarray(image).view("V3")[..., 0]  # one item per pixel
        selected = whole[chosen].view(np.uint8).reshape(-1, 3)
        row[:] = np.bincount(channel_sum(selected), minlength=BINS)
    return counts


def trim(counts: np.ndarray, fraction: float) -> np.ndarray:
    """Return the histograms of the sorted values at positions floor(f n) ... floor((1 - f) n) - 1.

    Args:
        counts: int64 [N, 766].
        fraction: share f dropped at each end, in [0, 0.5).

    Returns:
        int64 [N, 766]; all zero where no position is left.
    """
    if not 0 <= fraction < 0.5:
        raise ValueError(f"the trimmed share must be in [0, 0.5), got {fraction}")
    total = counts.sum(axis=1, keepdims=True)
    first = np.floor(fraction * total).astype(np.int64)
    end = np.floor((1 - fraction) * total).astype(np.int64)
    above = counts.cumsum(axis=1)  # a bin holds the sorted positions above - counts ... above - 1
    return np.maximum(np.minimum(above, end) - np.maximum(above - counts, first), 0)


def mean(counts: np.ndarray, empty: float) -> np.ndarray:
    """Return the mean brightness of each histogram: float64 [N], `empty` if it has no pixel."""
    total = counts.sum(axis=1)
    return np.where(total > 0, counts @ _LEVELS / np.maximum(total, 1) / 3, empty)


def deviation(counts: np.ndarray) -> np.ndarray:
    """Return the standard deviation (ddof 0) of each histogram: float64 [N], 0 if no pixel."""
    total = counts.sum(axis=1)
    # Integers throughout, so that equal pixels give exactly 0: at most 50,176**2 * 765**2 < 2**63.
    variance = total * (counts @ _LEVELS**2) - (counts @ _LEVELS) ** 2
    return np.sqrt(variance) / np.maximum(total, 1) / 3


def median(counts: np.ndarray) -> np.ndarray:
    """Return the median brightness of each histogram: float64 [N], NaN if there is no pixel."""
    total = counts.sum(axis=1)
    above = counts.cumsum(axis=1)
    low = (above <= ((total - 1) // 2)[:, None]).sum(axis=1)  # the value at that sorted position
    high = (above <= (total // 2)[:, None]).sum(axis=1)
    return np.where(total > 0, (low + high) / 6, np.nan)
