"""Distances between two sets of pictures: of their pixels, and of what is measured in them."""

import numpy as np


def sliced_wasserstein(
    first: np.ndarray, second: np.ndarray, projections: int, rng: np.random.Generator
) -> float:
    """Mean 1-Wasserstein distance of random one-dimensional projections (Rabin et al., 2011).

    Args:
        first: [N, ...], any scale; flattened per row.
        second: same shape.
        projections: how many directions, drawn uniformly on the sphere.
        rng: of the directions.

    Returns:
        The distance, in units of the values.
    """
    if first.shape != second.shape:
        raise ValueError(f"both sets must have the same shape: {first.shape}, {second.shape}")
    flat = [part.reshape(len(part), -1).astype(np.float32) for part in (first, second)]
    directions = rng.standard_normal((flat[0].shape[1], projections)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    projected = [np.sort(part @ directions, axis=0) for part in flat]
    return float(np.abs(projected[0] - projected[1]).mean())


def kernel_distance(first: np.ndarray, second: np.ndarray, block: int = 1000) -> float:
    """Squared maximum mean discrepancy with the cubic kernel of KID (Binkowski et al., 2018).

    The biased estimator, averaged over blocks of rows: it is positive even for two sets from the
    same distribution, so that a distance can be given as a multiple of that floor.

    Args:
        first: [N, D] features; columns should have comparable scales.
        second: [M, D].
        block: rows compared at once.
    """
    blocks = min(len(first), len(second)) // block
    if blocks < 1:
        raise ValueError(f"both sets need at least {block} rows, not {len(first)}, {len(second)}")
    distances = []
    for index in range(blocks):
        rows = slice(index * block, (index + 1) * block)
        x, y = first[rows].astype(np.float64), second[rows].astype(np.float64)
        distances.append(_cubic(x, x).mean() + _cubic(y, y).mean() - 2 * _cubic(x, y).mean())
    return float(np.mean(distances))


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
