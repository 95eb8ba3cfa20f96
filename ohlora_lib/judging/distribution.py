"""Distances between pictures and sets of them: of their pixels, and of what is measured in them."""

from collections.abc import Iterator

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
    flat = [part.reshape(len(part), -1).astype(np.float32, copy=False) for part in (first, second)]
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
    distances = [
        _cubic(x, x).mean() + _cubic(y, y).mean() - 2 * _cubic(x, y).mean()
        for x, y in _blocks(first, second, block)
    ]
    return float(np.mean(distances))


def kernel_inception_distances(
    first: np.ndarray, second: np.ndarray, block: int = 1000
) -> np.ndarray:
    """KID as it is defined (Binkowski et al., 2018), of other features than Inception's.

    The unbiased estimator of the same squared discrepancy as `kernel_distance`, a value per block
    of rows: KID is their mean, and their standard deviation says how sure it is. Two sets from the
    same distribution have a mean of 0 and values of either sign.

    Args:
        first: [N, D] features; columns should have comparable scales.
        second: [M, D].
        block: rows compared at once.

    Returns:
        float64 [min(N, M) // block].
    """
    distances = []
    for x, y in _blocks(first, second, block):
        own = [_cubic(part, part) for part in (x, y)]
        # pairs of different rows only: a row is always like itself
        same = [(kernel.sum() - np.trace(kernel)) / (block * (block - 1)) for kernel in own]
        distances.append(sum(same) - 2 * _cubic(x, y).mean())
    return np.array(distances)


def nearest_distances(points: np.ndarray, chunk: int = 500) -> np.ndarray:
    """Distance of every row to the nearest other row: root mean square difference of a feature.

    Args:
        points: float [N, D], N at least 2.
        chunk: rows compared with all others at once.

    Returns:
        float64 [N]; two rows that are equal are 0 apart.
    """
    lengths = np.einsum("nd,nd->n", points, points)
    nearest = np.empty(len(points))
    for start in range(0, len(points), chunk):
        rows = np.arange(start, min(start + chunk, len(points)))
        squares = lengths[rows, None] + lengths - 2 * points[rows] @ points.T
        squares[rows - start, rows] = np.inf
        found = squares.argmin(axis=1)
        # anew: near 0 the sum above is mostly rounding
        nearest[rows] = [
            np.sqrt(np.mean((points[row].astype(np.float64) - points[other]) ** 2))
            for row, other in zip(rows, found, strict=True)
        ]
    return nearest


def pairwise_distance(embeddings: np.ndarray) -> float:
    """Return the mean distance of two different rows: root mean square difference of a feature.

    Args:
        embeddings: [N, D], N at least 2.
    """
    points = np.asarray(embeddings, np.float64)
    distances = np.sqrt(_square_distances(points, points) / points.shape[1])
    np.fill_diagonal(distances, 0)
    return float(distances.sum() / (len(points) * (len(points) - 1)))


def precision_recall(
    drawn: np.ndarray, wanted: np.ndarray, neighbours: int = 3
) -> tuple[float, float]:
    """Return how much of one set lies where the other one is (Kynkäänniemi et al., 2019).

    A set is where a point is at most as far from one of its points as that one's k-th neighbour.

    Args:
        drawn: [N, D] features.
        wanted: [M, D] features.
        neighbours: k, or all others of a smaller set.

    Returns:
        precision, the share of `drawn` that lies where `wanted` is, and recall, the converse.
    """
    first, second = (np.asarray(each, np.float64) for each in (drawn, wanted))
    return _covered(first, second, neighbours), _covered(second, first, neighbours)


def cosine_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return 1 - cosine of two vectors per row: [N, D], [N, D] -> [N] in [0, 2].

    NaN where a vector is zero or NaN.
    """
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    cosine = np.divide(products, lengths, out=np.full(len(first), np.nan), where=lengths > 0)
    return 1 - np.clip(cosine, -1, 1)


def _covered(points: np.ndarray, support: np.ndarray, neighbours: int) -> float:
    own = np.sort(_square_distances(support, support), axis=1)  # the nearest is the point itself
    reach = own[:, min(neighbours, len(support) - 1)]
    return float((_square_distances(points, support) <= reach).any(axis=1).mean())


def _square_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T
    return np.maximum(squares, 0)


def _blocks(
    first: np.ndarray, second: np.ndarray, block: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield float64 pairs of as many rows of both sets."""
    blocks = min(len(first), len(second)) // block
    if blocks < 1:
        raise ValueError(f"both sets need at least {block} rows, not {len(first)}, {len(second)}")
    for index in range(blocks):
        rows = slice(index * block, (index + 1) * block)
        yield first[rows].astype(np.float64), second[rows].astype(np.float64)


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3
