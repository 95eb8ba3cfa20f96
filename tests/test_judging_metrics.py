"""Metrics of control: perfect, flipped, weak and absent control; missing scores; intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ohlora_lib.judging import metrics
from ohlora_lib.judging.distribution import (
    cosine_distance,
    pairwise_distance,
    precision_recall,
)
from ohlora_lib.judging.grids import LEVELS, grid50
from ohlora_lib.networks.answers import log_odds

REQUESTED = grid50().T  # [3, 50]
T = np.array(LEVELS)
quick = settings(max_examples=40, deadline=None)
finite = st.floats(-50, 50)
scales = st.floats(0.01, 20)
signs = st.sampled_from([-1.0, 1.0])


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# ---- correlation, error, line


def test_perfect_control():
    measured = np.tile(REQUESTED, (4, 1, 1))
    assert metrics.correlation(REQUESTED, measured) == pytest.approx(np.ones((4, 3)))
    assert metrics.mean_absolute_error(REQUESTED, measured) == pytest.approx(np.zeros((4, 3)))
    slope, bias, r2 = metrics.line_fit(REQUESTED, measured)
    assert slope == pytest.approx(np.ones((4, 3))) and r2 == pytest.approx(np.ones((4, 3)))
    assert bias == pytest.approx(np.zeros((4, 3)))


@quick
@given(scale=scales, sign=signs, offset=finite, seed=st.integers(0, 99))
def test_a_line_is_found_again_whatever_its_sign_scale_and_place(scale, sign, offset, seed):
    requested = noise(seed, 3, 40)
    slope, bias, r2 = metrics.line_fit(requested, offset + sign * scale * requested)
    assert slope == pytest.approx(np.full(3, sign * scale))
    assert bias == pytest.approx(np.full(3, offset), abs=1e-6)
    assert r2 == pytest.approx(np.ones(3))
    found = metrics.correlation(requested, offset + sign * scale * requested)
    assert found == pytest.approx(np.full(3, sign))


@quick
@given(scale=scales, offset=finite, seed=st.integers(0, 99))
def test_correlation_is_that_of_numpy_and_does_not_know_scale_or_place(scale, offset, seed):
    t, s = noise(seed, 30), noise(seed + 100, 30)
    expected = np.corrcoef(t, s)[0, 1]
    assert metrics.correlation(t, s) == pytest.approx(expected)
    assert metrics.correlation(t, scale * s + offset) == pytest.approx(expected, abs=1e-6)
    assert metrics.correlation(t, -s) == pytest.approx(-expected)
    slope, bias = np.polyfit(t, s, 1)
    found = metrics.line_fit(t, s)
    assert found == pytest.approx((slope, bias, expected**2))


@quick
@given(st.floats(-1e6, 1e6))
def test_a_constant_measurement_has_correlation_zero(value):
    measured = np.full((2, 50), value)
    assert metrics.correlation(REQUESTED[0], measured).tolist() == [0, 0]
    slope, bias, r2 = metrics.line_fit(REQUESTED[0], measured)
    assert slope == pytest.approx([0, 0], abs=1e-6) and r2.tolist() == [0, 0]
    assert bias == pytest.approx([value, value])


@quick
@given(lost=st.sets(st.integers(0, 49), max_size=47), seed=st.integers(0, 99))
def test_missing_scores_are_left_out_with_their_requests(lost, seed):
    t = REQUESTED[2]
    s = t + noise(seed, 50)
    whole = np.delete(t, list(lost)), np.delete(s, list(lost))
    s[list(lost)] = np.nan
    for metric in (metrics.correlation, metrics.mean_absolute_error, metrics.line_fit):
        assert np.array(metric(t, s)) == pytest.approx(np.array(metric(*whole)))


def test_too_few_scores_have_no_number_and_no_warning():
    s = np.full((3, 50), np.nan)
    s[1, 7] = 1.0
    s[2, [7, 8]] = 1.0, 2.0
    t = np.arange(50.0)
    with np.errstate(all="raise"):
        assert metrics.correlation(t, s) == pytest.approx([np.nan, np.nan, 1], nan_ok=True)
        errors = metrics.mean_absolute_error(t, s)
        assert errors == pytest.approx([np.nan, 6, 6], nan_ok=True)
        slope, _, r2 = metrics.line_fit(t, s)
    assert np.isnan(slope[:2]).all() and slope[2] == pytest.approx(1)
    assert np.isnan(r2[:2]).all() and r2[2] == pytest.approx(1)


def test_slopes_of_the_middle_and_of_the_ends():
    saturated = np.clip(T, -1, 1)
    cubic = T**3
    inner, outer = metrics.side_slopes(T, np.stack([T, 2.5 * T, saturated, -saturated, cubic]))
    assert inner == pytest.approx([1, 2.5, 1, -1, inner[4]])
    assert outer == pytest.approx([1, 2.5, 0, 0, 7]) and outer[4] > inner[4]
    # only one side saturates
    _, outer = metrics.side_slopes(T, np.minimum(T, 1))
    assert outer == pytest.approx(0.5)


# ---- gates and ranks


def test_gates_are_inclusive_and_a_missing_score_fails():
    r, e = np.array([metrics.CORRELATIONS_V3] * 9), np.array([metrics.MAES_V3] * 9)
    for i in range(3):
        r[1 + i, i] -= 1e-6
        e[4 + i, i] += 1e-6
    r[7] *= -1  # the published criteria take absolute values of some methods; ours never do
    complete = np.arange(9) != 8
    assert metrics.gates_v3(r, e, complete).tolist() == [True] + [False] * 8
    r = np.array([metrics.CORRELATIONS_V8, metrics.CORRELATIONS_V3, metrics.CORRELATIONS_V8])
    found = metrics.gates_v8(r, np.array([True, True, False]))
    assert found.tolist() == [True, False, False]
    nothing = np.full((1, 3), np.nan)
    assert not metrics.gates_v3(nothing, nothing, np.array([True])).any()


@quick
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 9), st.just(3)), elements=finite))
def test_ranks_follow_the_weakest_property(correlations):
    best, median, worst = metrics.best_median_worst(correlations)
    weakest = correlations.min(axis=1)
    assert weakest[best] == weakest.max() and weakest[worst] == weakest.min()
    assert weakest[median] == np.sort(weakest)[(len(weakest) - 1) // 2]


def test_a_latent_without_a_correlation_is_the_worst():
    found = metrics.best_median_worst(np.array([[0.9, 0.9, 0.9], [np.nan, 1, 1], [-1, -1, -1]]))
    assert found == (0, 2, 1)


# ---- leakage, flips, distances

OWN = np.array([0, 1, 2])


def stepped(matrix: np.ndarray, latents: int = 5) -> np.ndarray:
    """Scores [latents, 3, columns, 9] of a model whose columns follow the steps linearly."""
    base = noise(1, latents, 1, matrix.shape[1], 1)
    return base + (matrix[:, :, None] * T)[None]


@quick
@given(arrays.arrays(np.float64, (3, 5), elements=st.floats(-2, 2)))
def test_the_leakage_matrix_is_found_again(matrix):
    found = metrics.leakage(T, stepped(matrix)).mean(axis=0)
    assert found == pytest.approx(matrix, abs=1e-9)
    off = np.abs(matrix).sum() - np.abs(matrix[OWN, OWN]).sum()
    assert metrics.off_diagonal(found, OWN) == pytest.approx(off / 12, abs=1e-9)


def test_perfect_control_leaks_nothing():
    matrix = np.eye(3, 7)
    found = metrics.leakage(T, stepped(matrix)).mean(axis=0)
    assert found == pytest.approx(matrix, abs=1e-9)
    assert metrics.off_diagonal(found, OWN) == pytest.approx(0, abs=1e-9)


@quick
@given(scale=st.floats(0.2, 5), sign=signs)
def test_matched_leakage_does_not_reward_weak_control(scale, sign):
    matrix = np.eye(3, 7) + 0.3
    before = metrics.off_diagonal(matrix, OWN, matched=True)
    assert metrics.off_diagonal(sign * scale * matrix, OWN, matched=True) == pytest.approx(before)
    plain = metrics.off_diagonal(sign * scale * matrix, OWN)
    assert plain == pytest.approx(scale * metrics.off_diagonal(matrix, OWN))
    assert np.isnan(metrics.off_diagonal(0.05 * matrix, OWN, matched=True))


def test_flips_count_answers_that_change():
    before = np.array([[0.9, 0.1], [0.9, 0.5]])
    after = np.array([[[0.4, 0.4], [0.6, 0.6]], [[0.5, 0.4], [0.1, 0.2]]])
    shares, share = metrics.flips(before, after)
    assert shares.mean(axis=0).tolist() == [0.5, 0.75] and share.tolist() == [1.0, 1.0]
    none = metrics.flips(before, np.repeat(before[:, None], 6, axis=1))
    assert not none[0].any() and not none[1].any()


def test_log_odds():
    assert log_odds(np.array([0.5, 0.75])) == pytest.approx([0, np.log(3)])
    extreme = log_odds(np.array([0.0, 1.0]))
    assert np.isfinite(extreme).all() and extreme == pytest.approx([-16.1, 16.1], abs=0.1)


def test_cosine_distance():
    first = np.array([[1.0, 0], [1, 0], [1, 0], [0, 0]])
    second = np.array([[3.0, 0], [0, 2], [-1, 0], [1, 0]])
    found = cosine_distance(first, second)
    assert found == pytest.approx([0, 1, 2, np.nan], nan_ok=True)


@quick
@given(scale=scales, shift=finite)
def test_diversity_grows_with_the_spread_and_not_with_the_place(scale, shift):
    points = noise(3, 60, 200)
    own = pairwise_distance(points)
    assert own == pytest.approx(np.sqrt(2), rel=0.05)  # independent numbers of deviation 1
    assert pairwise_distance(scale * points + shift) == pytest.approx(scale * own, rel=1e-5)
    assert pairwise_distance(points[:1].repeat(5, axis=0)) == pytest.approx(0, abs=1e-6)


def test_precision_and_recall():
    wanted = noise(1, 300, 4)
    assert precision_recall(wanted, wanted) == (1, 1)
    assert precision_recall(wanted + 100, wanted) == (0, 0)
    alike = precision_recall(noise(2, 300, 4), wanted)
    assert min(alike) > 0.7
    narrow = precision_recall(0.2 * noise(2, 300, 4), wanted)  # good pictures, all alike
    assert narrow[0] > 0.9 and narrow[1] < 0.5 * alike[1]
    assert precision_recall(wanted[:2], wanted[:2]) == (1, 1)  # fewer than the neighbours


# ---- intervals


@quick
@given(
    values=arrays.arrays(np.float64, st.integers(1, 40), elements=finite),
    seed=st.integers(0, 1000),
)
def test_an_interval_holds_the_mean(values, seed):
    weights = metrics.resamples(len(values), 200, np.random.default_rng(seed))
    found = metrics.interval(values, weights)
    assert found["mean"] == pytest.approx(values.mean(), abs=1e-9)
    assert found["low"] <= found["mean"] <= found["high"]
    assert values.min() - 1e-9 <= found["low"] and found["high"] <= values.max() + 1e-9


def test_an_interval_is_as_wide_as_theory_says():
    values = noise(5, 400)
    weights = metrics.resamples(400, 4000, np.random.default_rng(0))
    found = metrics.interval(values, weights)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found["high"] - found["mean"] == pytest.approx(half, rel=0.1)
    assert found["mean"] - found["low"] == pytest.approx(half, rel=0.1)


def test_resamples_draw_with_replacement_and_follow_their_generator():
    weights = metrics.resamples(12, 500, np.random.default_rng(4))
    assert weights.shape == (500, 12) and (weights.sum(axis=1) == 12).all()
    assert weights.mean() == 1 and weights.max() > 2 and weights.min() == 0
    assert np.array_equal(weights, metrics.resamples(12, 500, np.random.default_rng(4)))


def test_unknown_values_are_left_out_of_an_interval():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    weights = metrics.resamples(4, 300, np.random.default_rng(0))
    found = metrics.interval(values, weights)
    assert found == {"mean": 2.0, "low": 1.0, "high": 3.0}
    assert np.isnan(list(metrics.interval(np.full(4, np.nan), weights).values())).all()


@quick
@given(ratio=st.floats(-3, 3), scale=scales)
def test_a_ratio_of_means_and_its_interval(ratio, scale):
    below = scale * (2 + np.abs(noise(7, 30)))
    weights = metrics.resamples(30, 200, np.random.default_rng(0))
    found = metrics.interval(ratio * below, weights, per=below)
    if below.mean() < metrics.NO_CONTROL:
        assert np.isnan(found["mean"])
    else:
        assert list(found.values()) == pytest.approx([ratio] * 3)
    assert np.isnan(metrics.interval(below, weights, per=0.01 * np.sign(noise(8, 30)))["mean"])


@quick
@given(st.permutations(range(12)))
def test_the_order_of_latents_does_not_matter(order):
    order = np.array(order)
    r, e = noise(1, 12, 3), np.abs(noise(2, 12, 3))
    best, median, worst = metrics.best_median_worst(r)
    again = metrics.best_median_worst(r[order])
    assert [order[place] for place in again] == [best, median, worst]
    passed = metrics.gates_v3(r, e, r[:, 0] > 0)
    assert metrics.gates_v3(r[order], e[order], (r[:, 0] > 0)[order]).tolist() == (
        passed[order].tolist()
    )
    weights = metrics.resamples(12, 1000, np.random.default_rng(0))
    first, second = (metrics.interval(v, weights) for v in (r[:, 0], r[order, 0]))
    assert first["mean"] == pytest.approx(second["mean"])
    for side in ("low", "high"):  # bootstrap noise only
        assert first[side] == pytest.approx(second[side], abs=0.15)


def test_a_function_of_means_has_an_interval_that_holds_it():
    values = 0.5 + noise(9, 60, 2, 3)
    values[3, 0, 1] = np.nan
    weights = metrics.resamples(60, 400, np.random.default_rng(0))

    def largest(matrix: np.ndarray) -> np.ndarray:
        return matrix.max(axis=(-1, -2))

    found = metrics.interval_of(largest, values, weights)
    assert found["mean"] == pytest.approx(np.nanmean(values, axis=0).max())
    assert found["low"] < found["mean"] < found["high"]
    first = metrics.interval_of(lambda matrix: matrix[..., 0, 0], values, weights)
    assert first == pytest.approx(metrics.interval(values[:, 0, 0], weights))
    nothing = metrics.interval_of(largest, np.full((60, 2, 3), np.nan), weights)
    assert np.isnan(list(nothing.values())).all()


def test_a_pooled_correlation_is_that_of_all_pictures_resampled_by_latent():
    requested = noise(10, 12, 8)
    measured = requested + noise(11, 12, 8) + noise(12, 12, 1)
    measured[2, 3] = np.nan
    weights = metrics.resamples(12, 50, np.random.default_rng(1))
    found = metrics.pooled_correlation(requested, measured, weights)
    known = np.isfinite(measured)
    everything = np.corrcoef(requested[known], measured[known])[0, 1]
    assert found["mean"] == pytest.approx(everything)
    samples = []
    for counts in weights.astype(int):
        rows = np.repeat(np.arange(12), counts)
        t, s = requested[rows].ravel(), measured[rows].ravel()
        t, s = t[np.isfinite(s)], s[np.isfinite(s)]
        samples.append(np.corrcoef(t, s)[0, 1])
    low, high = np.percentile(samples, (2.5, 97.5))
    assert (found["low"], found["high"]) == pytest.approx((low, high))
    flat = metrics.pooled_correlation(requested, np.full((12, 8), 2.0), weights)
    assert flat == {"mean": 0, "low": 0, "high": 0}
