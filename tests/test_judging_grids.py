"""The requests: the published grids in the published order, the fair ones complete."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.judging.grids import (
    FIXED,
    LEVEL_ROWS,
    LEVELS,
    build_requests,
    grid8,
    grid50,
    joint,
    levels,
    zero_rows,
)

CONTROLLED = ["eyes", "mouth", "pose"]


def test_the_grid_of_50_is_the_published_one_in_its_order():
    expected = [
        (eyes, mouth, pose)
        for mouth in (-1.2, -0.6, 0, 0.8, 1.6)
        for eyes in (-1.8, 1.8)
        for pose in (-1.2, 0, 1.2, 2.4, 3.6)
    ]
    assert grid50().tolist() == [list(row) for row in expected] and len(expected) == 50
    assert grid50()[0].tolist() == [-1.8, -1.2, -1.2] and grid50()[-1].tolist() == [1.8, 1.6, 3.6]


def test_the_grid_of_8_is_the_published_one():
    expected = itertools.product((-1.6, 1.6), (-1.2, 1.6), (-1.2, 2.4))
    assert grid8().tolist() == [list(row) for row in expected]


def test_levels_change_one_property_at_a_time_and_draw_zero_once():
    requests = levels()
    assert requests.shape == (25, 3) and len(np.unique(requests, axis=0)) == 25
    assert not requests[0].any() and ((requests != 0).sum(axis=1) <= 1).all()
    assert LEVEL_ROWS.shape == (3, 9)
    for i, rows in enumerate(LEVEL_ROWS):
        assert requests[rows, i].tolist() == list(LEVELS)
        assert not np.delete(requests[rows], i, axis=1).any()
    assert LEVELS == tuple(np.arange(-2, 2.5, 0.5))


def test_joint_holds_every_combination_of_five_levels():
    assert joint().shape == (125, 3)
    expected = set(itertools.product((-2, -1, 0, 1, 2), repeat=3))
    assert set(map(tuple, joint())) == expected


def test_the_default_evaluation_has_about_ten_thousand_pictures():
    requests = build_requests(100, 8, 1000, 2025)
    counts = requests["grid"].value_counts(sort=False)
    assert counts.to_dict() == {
        "grid50": 5000,
        "grid8": 80,
        "levels": 2500,
        "joint": 1000,
        "random": 1000,
    }
    assert (
        tuple(counts.index) == ("grid50", "grid8", "levels", "joint", "random")
        and len(requests) == 9580
    )


@settings(max_examples=25, deadline=None)
@given(latents=st.integers(1, 14), joint_latents=st.integers(1, 20), images=st.integers(2, 30))
def test_every_latent_gets_its_grids_whole(latents, joint_latents, images):
    requests = build_requests(latents, joint_latents, images, 7)
    assert requests["row"].tolist() == list(range(len(requests)))
    owners = {
        "grid50": latents,
        "grid8": min(10, latents),
        "levels": latents,
        "joint": min(joint_latents, latents),
    }
    for name, count in owners.items():
        part = requests[requests["grid"] == name]
        assert part["latent"].unique().tolist() == list(range(count))
        for _, own in part.groupby("latent"):
            assert np.array_equal(own[CONTROLLED].to_numpy(), FIXED[name]())
    part = requests[requests["grid"] == "random"]
    assert part["latent"].tolist() == list(range(latents, latents + images))
    zeros = zero_rows(requests)
    assert zeros.index.tolist() == list(range(latents))
    assert not requests.loc[zeros, CONTROLLED].to_numpy().any()
    assert not requests[CONTROLLED].isna().any().any()


def test_random_requests_follow_the_seed_alone():
    def drawn(*arguments):
        requests = build_requests(*arguments)
        return requests.loc[requests["grid"] == "random", CONTROLLED].to_numpy()

    first = drawn(2, 1, 1000, 5)
    assert np.array_equal(first, drawn(4, 3, 1000, 5))
    assert not np.array_equal(first, drawn(2, 1, 1000, 6))
    assert first.mean(axis=0) == pytest.approx([0, 0, 0], abs=0.15)
    assert first.std(axis=0) == pytest.approx([1, 1, 1], abs=0.1)
