"""Means and covariances of samples: what linear fits are computed from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ohlora_lib.store.samples import iter_samples


@dataclass(frozen=True)
class Moments:
    """First and second moments of w and of what was read from the pictures; float64."""

    count: int
    mean_w: np.ndarray  # [D]
    covariance: np.ndarray  # [D, D], of w, shrunk (Ledoit and Wolf 2004)
    mean_y: np.ndarray  # [k]
    cross: np.ndarray  # [k, D], covariance of y and w
    std_y: np.ndarray  # [k]


def moments(path: str | Path, names: Sequence[str], rows: int | None = None) -> Moments:
    """Gather moments of samples in two passes, so that memory does not grow with their number.

    The covariance of w is shrunk towards a multiple of the identity by the share that Ledoit and
    Wolf (2004, "A well-conditioned estimator for large-dimensional covariance matrices") derive.

    Args:
        path: samples, see `store.samples`.
        names: columns read from the pictures.
        rows: only the first so many samples.

    Raises:
        InputError: the file is missing, damaged or lacks a column.
    """
    count, sum_w, sum_y = 0, 0.0, 0.0
    for w, y in _parts(path, names, rows):
        count += len(w)
        sum_w, sum_y = sum_w + w.sum(axis=0), sum_y + y.sum(axis=0)
    mean_w, mean_y = sum_w / count, sum_y / count
    outer, cross, squares, fourth = 0.0, 0.0, 0.0, 0.0
    for w, y in _parts(path, names, rows):
        w, y = w - mean_w, y - mean_y
        outer, cross = outer + w.T @ w, cross + y.T @ w
        squares = squares + (y**2).sum(axis=0)
        fourth += ((w**2).sum(axis=1) ** 2).sum()
    sample = outer / count
    dim = len(mean_w)
    scale = np.trace(sample) / dim
    spread = ((sample - scale * np.eye(dim)) ** 2).sum()
    noise = (fourth / count - (sample**2).sum()) / count
    shrinkage = min(noise / spread, 1.0) if spread > 0 else 1.0
    shrunk = (1 - shrinkage) * sample + shrinkage * scale * np.eye(dim)
    return Moments(count, mean_w, shrunk, mean_y, cross / count, np.sqrt(squares / count))


def _parts(
    path: str | Path, names: Sequence[str], rows: int | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (w [N, D], scores [N, k]) as float64, only the first `rows` in all."""
    left = rows
    for part in iter_samples(path, ["w", *names]):
        w = part["w"][:left].astype(np.float64)
        yield w, np.stack([part[name][:left] for name in names], axis=1).astype(np.float64)
        if left is not None:
            left -= len(w)
            if left <= 0:
                return
