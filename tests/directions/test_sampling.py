"""Samples of a generator: latents, what networks read, parts, random labels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_directions import (
    LABEL,
    SAMPLES,
    W,
    Z,
)

from ohlora_lib.errors import InputError
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.sampling import (
    EDGE,
    draw_samples,
    map_latents,
    random_label_generator,
    random_latents,
)
from ohlora_lib.networks.answers import log_odds
from ohlora_lib.networks.attribute_cnn import predict as predict_attribute
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.networks.property_cnn import OUTPUTS, predict
from ohlora_lib.store.layout import CHUNK
from ohlora_lib.store.samples import iter_samples, join_samples, read_samples


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3 * CHUNK), st.integers(1, 2 * CHUNK))
def test_a_latent_depends_on_its_number_alone(start, count):
    whole = random_latents(5 * CHUNK, 3, 7)
    found = random_latents(count, 3, 7, start)
    assert found.dtype == np.float32 and np.array_equal(found, whole[start : start + count])


def test_latents_are_normal_and_follow_the_seed():
    latents = random_latents(4000, 4, 1)
    assert np.allclose(latents.mean(axis=0), 0, atol=0.1)
    assert np.allclose(latents.std(axis=0), 1, atol=0.1)
    assert len(np.unique(latents)) > 0.99 * latents.size
    assert not np.intersect1d(latents, random_latents(4000, 4, 2)).size > 10


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20))
def test_log_odds_are_finite_and_in_order(values):
    probability = np.sort(np.array(values, np.float32))
    found = log_odds(probability, EDGE).astype(np.float32)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert (np.diff(found) >= 0).all() and np.abs(found).max() < 9.3
    inner = (probability > 1e-4) & (probability < 1 - 1e-4)
    p = probability[inner].astype(np.float64)
    assert np.allclose(found[inner], np.log(p / (1 - p)), atol=1e-5)


def test_samples_hold_what_the_networks_say(files, generator):
    names = ["latent", "w", *OUTPUTS, "gender"]
    found = read_samples(files["samples"], names)
    assert found["latent"].shape == (SAMPLES, Z + LABEL) and found["w"].shape == (SAMPLES, W)
    latents = random_latents(SAMPLES, Z + LABEL, 1)
    assert np.array_equal(found["latent"], latents)
    z, label = torch.from_numpy(latents).split([Z, LABEL], dim=1)
    with torch.inference_mode():
        assert np.allclose(found["w"], generator.mapping(z, label).numpy(), atol=1e-5)
    images = Synthesizer(generator).from_w(found["w"])
    scores = predict(load_network(files["property_cnn"]), images)
    for column, name in enumerate(OUTPUTS):
        assert np.array_equal(found[name], scores[:, column]), name
    odds = log_odds(predict_attribute(load_network(files["classifiers"][0]), images), EDGE)
    assert np.allclose(found["gender"], odds, atol=1e-5)
    assert [len(part["w"]) for part in iter_samples(files["samples"], ["w"])] == [CHUNK, 44]


def test_more_samples_begin_with_the_same_ones(files, tmp_path):
    path = tmp_path / "few.parquet"
    arguments = (files["generator"], files["property_cnn"], files["classifiers"], path)
    draw_samples(*arguments, 21, seed=1)
    names = ["latent", "w", *OUTPUTS, "gender"]
    few, many = read_samples(path, names), read_samples(files["samples"], names, 21)
    for name in names:
        assert np.array_equal(few[name], many[name]), name
    first = path.read_bytes()
    draw_samples(*arguments, 21, seed=1)
    assert path.read_bytes() == first
    draw_samples(*arguments, 21, seed=2)
    assert not np.array_equal(read_samples(path, ["w"])["w"], few["w"])


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_parts_of_several_jobs_join_to_the_same_samples(files, tmp_path, jobs):
    count = 2 * CHUNK + 5
    arguments = (files["generator"], files["property_cnn"], files["classifiers"])
    draw_samples(*arguments, tmp_path / "whole.parquet", count, seed=1)
    parts = [tmp_path / f"{part}.parquet" for part in range(jobs)]
    for part, path in enumerate(parts):
        draw_samples(*arguments, path, count, seed=1, part=(part, jobs))
    join_samples(parts, tmp_path / "joined.parquet")
    assert (tmp_path / "joined.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    parts[-1].write_bytes(b"cut off")
    with pytest.raises(InputError, match=f"{jobs - 1}.parquet is not a table of samples"):
        join_samples(parts, tmp_path / "again.parquet")
    assert not (tmp_path / "again.parquet").exists()


def test_samples_of_the_wrong_networks_are_refused(files, tmp_path):
    path = tmp_path / "samples.parquet"
    with pytest.raises(InputError, match="a property_cnn network where a generator is needed"):
        draw_samples(files["property_cnn"], files["property_cnn"], [], path, 3, seed=1)
    assert not list(tmp_path.iterdir())


def test_a_random_label_keeps_all_weights_but_the_embedding(generator, tmp_path):
    first, again, other = (random_label_generator(generator, 5, seed) for seed in (1, 1, 2))
    assert first.label_dim == 5 and not first.training
    kept, found = generator.state_dict(), first.state_dict()
    assert found.keys() == kept.keys()
    for name, value in kept.items():
        if name != "mapping.label_weight":
            assert torch.equal(found[name], value), name
    assert found["mapping.label_weight"].shape == (5, 4)
    assert not torch.equal(
        found["mapping.label_weight"], other.state_dict()["mapping.label_weight"]
    )
    for name, network in (("first", first), ("again", again)):
        save_network(tmp_path / name, network)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "again").read_bytes()
    latents = random_latents(2, Z + 5, 1)
    latents[1, :Z] = latents[0, :Z]
    w = map_latents(Synthesizer(first), latents)
    assert np.abs(w[0] - w[1]).max() > 1e-3  # the label is part of the latent
    wide = random_label_generator(generator, 500, 1).state_dict()["mapping.label_weight"]
    assert wide.std().item() == pytest.approx((Z / 512) ** 0.5, rel=0.1)  # N(0, 1) beside 512
