"""Moments of samples, and the linear fit of decoupled directions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf
from small_directions import (
    write_rows,
)

from ohlora_lib.methods.directions.closed_form import fit_linear
from ohlora_lib.methods.moments import Moments, moments


def planted(count: int, dim: int, names: tuple[str, ...], noise: float = 0.1, seed: int = 0):
    """Return w with unequal variances, scores linear in it, and the truth [k, dim]."""
    draw = np.random.default_rng(seed)
    mix = np.linalg.qr(draw.standard_normal((dim, dim)))[0] * np.linspace(0.6, 1.4, dim)
    w = draw.standard_normal((count, dim)) @ mix + 3
    truth = draw.standard_normal((len(names), dim)) / np.sqrt(dim)
    scores = w @ truth.T + noise * draw.standard_normal((count, len(names))) + 2
    columns = {name: scores[:, i].astype(np.float32) for i, name in enumerate(names)}
    return {"w": w.astype(np.float32), **columns}, truth


@pytest.mark.parametrize(("count", "dim"), [(60, 4), (500, 12), (15, 30)])
def test_moments_are_those_of_numpy_and_of_ledoit_and_wolf(tmp_path, count, dim):
    path = tmp_path / "samples.parquet"
    rows, _ = planted(count + 9, dim, ("eyes", "mouth"))
    write_rows(path, rows, [count // 3, count - count // 3 + 9])
    found = moments(path, ["eyes", "mouth"], count)
    w = rows["w"][:count].astype(np.float64)
    y = np.stack([rows[name][:count] for name in ("eyes", "mouth")], axis=1).astype(np.float64)
    assert found.count == count
    assert np.allclose(found.mean_w, w.mean(axis=0)) and np.allclose(found.mean_y, y.mean(axis=0))
    assert np.allclose(found.std_y, y.std(axis=0))
    centred = y - y.mean(axis=0), w - w.mean(axis=0)
    assert np.allclose(found.cross, centred[0].T @ centred[1] / count)
    assert np.allclose(found.covariance, ledoit_wolf(w)[0], atol=1e-6, rtol=0)
    assert moments(path, ["eyes"]).count == count + 9


def test_w_that_never_varies_has_a_covariance_of_nothing(tmp_path):
    rows = {"w": np.ones((20, 3), np.float32), "eyes": np.arange(20, dtype=np.float32)}
    write_rows(tmp_path / "samples.parquet", rows, [20])
    assert not moments(tmp_path / "samples.parquet", ["eyes"]).covariance.any()


def random_moments(seed: int, scores: int = 6, dim: int = 10) -> Moments:
    draw = np.random.default_rng(seed)
    root = draw.standard_normal((dim, dim + 5))
    covariance = root @ root.T / dim
    readout = draw.standard_normal((scores, dim))
    cross = readout @ covariance
    spread = np.sqrt(np.diag(cross @ readout.T) + 0.5)
    return Moments(
        99, draw.standard_normal(dim), covariance, draw.standard_normal(scores), cross, spread
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(6)).map(lambda order: order[:3]))
def test_a_step_moves_its_own_score_alone_with_the_least_norm(seed, controlled):
    found = random_moments(seed)
    linear = fit_linear(found, controlled, ridge=1e-12)
    effect = linear.readout @ linear.steps.T
    assert np.allclose(effect, np.eye(6)[:, controlled], atol=1e-6)
    assert np.allclose(linear.offset + linear.readout @ found.mean_w, found.mean_y)
    inverse = np.linalg.inv(found.covariance)
    null = np.linalg.svd(linear.readout)[2][6:]  # moves that change no score
    others = np.random.default_rng(seed).standard_normal((20, 3, len(null))) @ null
    for other in linear.steps + others:
        assert np.allclose(linear.readout @ other.T, effect, atol=1e-6)
        norms = np.einsum("nd,de,ne->n", np.stack([linear.steps, other]).reshape(6, -1), inverse,
                          np.stack([linear.steps, other]).reshape(6, -1))  # fmt: skip
        assert (norms[:3] <= norms[3:]).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-6, 1.0))
def test_any_ridge_leaves_a_step_of_one_a_step_of_one(seed, ridge):
    linear = fit_linear(random_moments(seed), [4, 0, 2], ridge)
    effect = linear.readout @ linear.steps.T
    assert np.allclose([effect[4, 0], effect[0, 1], effect[2, 2]], 1)


def test_scores_that_w_hardly_tells_apart_need_no_wild_steps():
    found = random_moments(1)
    found.cross[1] = found.cross[0] + 1e-4 * found.cross[1]
    lengths = [np.linalg.norm(fit_linear(found, [0], ridge).steps) for ridge in (1e-12, 1e-3)]
    assert lengths[1] < 100 < lengths[0]


def test_planted_scores_are_recovered(tmp_path):
    names = ("eyes", "mouth", "pose", "hair_color")
    rows, truth = planted(3000, 8, names)
    write_rows(tmp_path / "samples.parquet", rows, [1000, 2000])
    linear = fit_linear(moments(tmp_path / "samples.parquet", names), [0, 1, 2])
    assert np.allclose(linear.readout, truth, atol=0.05)
    assert np.allclose(linear.offset, 2, atol=0.2)
    assert np.allclose(truth @ linear.steps.T, np.eye(4)[:, :3], atol=0.1)
    assert (linear.explained > 0.9).all() and (linear.explained < 1.001).all()
