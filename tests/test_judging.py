"""Distances between sets of pictures: near nothing for equal ones, growing with the difference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.judging.distribution import (
    kernel_distance,
    kernel_inception_distances,
    nearest_distances,
    sliced_wasserstein,
)


def draw(seed: int, rows: int = 1000, columns: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, columns))


def swd(first: np.ndarray, second: np.ndarray, projections: int = 64) -> float:
    return sliced_wasserstein(first, second, projections, np.random.default_rng(0))


DISTANCES = [swd, kernel_distance]


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_set_has_no_distance_to_itself_in_any_order(distance):
    first = draw(0)
    assert distance(first, first) == pytest.approx(0, abs=1e-6)
    assert distance(first, first[::-1]) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("distance", DISTANCES)
def test_symmetry(distance):
    first, second = draw(0), draw(1) + 0.3
    assert distance(first, second) == pytest.approx(distance(second, first), rel=1e-6)


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_grow_with_a_shift_from_a_small_floor(distance):
    first, second = draw(0), draw(1)
    found = [distance(first, second + shift) for shift in (0.0, 0.2, 0.5, 1.0)]
    assert found == sorted(found)
    assert 0 < found[0] < 0.2 * found[2]


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_lost_variety_is_seen(distance):
    """The mean is right, but the spread is not: what a generator with few faces does."""
    first, second = draw(0), draw(1)
    assert distance(first, 0.5 * second) > 4 * distance(first, second)
    repeated = second[:20].repeat(50, axis=0)
    assert distance(first, repeated) > 2 * distance(first, second)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-5, 5), scale=st.floats(0.01, 100))
def test_sliced_wasserstein_of_a_shifted_set_in_one_dimension_is_the_shift(shift, scale):
    first = draw(0, 200, 1)
    assert swd(first, first + shift, 4) == pytest.approx(abs(shift), abs=1e-4)
    first, second = draw(0, 200), draw(1, 200)
    assert swd(scale * first, scale * second) == pytest.approx(scale * swd(first, second), rel=1e-4)


def test_sliced_wasserstein_flattens_pictures_and_follows_its_generator():
    first, second = draw(0, 60, 12), draw(1, 60, 12)
    pictures = [part.reshape(60, 2, 2, 3) for part in (first, second)]
    assert swd(*pictures) == swd(first, second)
    other = sliced_wasserstein(first, second, 64, np.random.default_rng(1))
    assert other != swd(first, second)
    # many directions: which ones hardly matters
    many = [sliced_wasserstein(first, second, 4000, np.random.default_rng(s)) for s in (2, 3)]
    assert many[0] == pytest.approx(many[1], rel=0.05)


def test_kernel_distance_is_the_mean_over_whole_blocks():
    first, second = draw(0, 300), draw(1, 350) + 0.2
    blocks = [
        kernel_distance(first[s : s + 100], second[s : s + 100], block=100) for s in (0, 100, 200)
    ]
    assert kernel_distance(first, second, block=100) == pytest.approx(np.mean(blocks))


def test_kernel_distance_against_the_definition():
    x, y = draw(0, 5, 3), draw(1, 5, 3)

    def mean_kernel(a: np.ndarray, b: np.ndarray) -> float:
        return np.mean([[(p @ q / 3 + 1) ** 3 for q in b] for p in a])

    expected = mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y)
    assert kernel_distance(x, y, block=5) == pytest.approx(expected)


def test_kid_against_the_definition():
    x, y = draw(0, 10, 3), draw(1, 10, 3) + 0.2

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (a @ b / 3 + 1) ** 3

    for block, found in enumerate(kernel_inception_distances(x, y, block=5)):
        rows = range(5 * block, 5 * block + 5)
        pairs = [(i, j) for i in rows for j in rows]
        apart = [(i, j) for i, j in pairs if i != j]
        own = [np.mean([kernel(part[i], part[j]) for i, j in apart]) for part in (x, y)]
        between = np.mean([kernel(x[i], y[j]) for i, j in pairs])
        assert found == pytest.approx(sum(own) - 2 * between)


def test_kid_has_no_bias_where_the_kernel_distance_has():
    first, second = draw(0, 4000), draw(1, 4000)
    found = {block: kernel_inception_distances(first, second, block) for block in (100, 1000)}
    for values in found.values():
        assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values))
        assert values.min() < 0 < values.max()
    assert found[1000].std() < found[100].std()
    biased = [kernel_distance(first, second, block) for block in (100, 1000)]
    assert biased[0] > 5 * biased[1] > 5 * abs(found[1000].mean())
    shifted = kernel_inception_distances(first, second + 0.5, 1000)
    assert shifted.mean() == pytest.approx(kernel_distance(first, second + 0.5), rel=0.1)


def test_the_nearest_other_row_by_trying_all():
    points = draw(0, 30, 5).astype(np.float32)
    points[7] = points[20]  # a repeated one
    found = nearest_distances(points, chunk=8)
    every = np.sqrt(((points[:, None].astype(float) - points) ** 2).mean(axis=2))
    np.fill_diagonal(every, np.inf)
    assert found == pytest.approx(every.min(axis=1), abs=1e-6)
    assert found[7] == found[20] == 0 < np.sort(found)[2]


def test_sets_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="the same shape"):
        swd(draw(0, 5), draw(0, 6))
    with pytest.raises(ValueError, match="at least 1000 rows, not 1000, 999"):
        kernel_distance(draw(0), draw(0, 999))
    with pytest.raises(ValueError, match="at least 1000 rows, not 999, 1000"):
        kernel_inception_distances(draw(0, 999), draw(0))
