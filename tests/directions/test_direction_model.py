"""Directions: their file, and the model that follows them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_directions import (
    LABEL,
    LATENTS,
    LAYERS,
    REQUESTS,
    SIDE,
    ColourScorer,
    Z,
    random_directions,
)

from ohlora_lib.errors import InputError
from ohlora_lib.methods.directions.model import (
    FREE,
    SHARE,
    DirectionModel,
)
from ohlora_lib.methods.directions.stored import Directions, load_directions, save_directions
from ohlora_lib.methods.sampling import (
    map_latents,
    random_latents,
)
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint


def test_directions_survive_their_file(tmp_path):
    path = tmp_path / "directions.safetensors"
    written = random_directions(measured=4)
    save_directions(path, written, {"method": "linear"})
    found = load_directions(path)
    assert found.measured == 4 and read_checkpoint(path).provenance == {"method": "linear"}
    for name, value in vars(written).items():
        assert np.array_equal(getattr(found, name), value), name
    before = path.read_bytes()
    save_directions(path, written, {"method": "linear"})
    assert path.read_bytes() == before
    save_directions(path, written.rounds(0))
    assert load_directions(path).measured == 0


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "directions.safetensors"
    config = {"properties": ["eyes", "pose", "mouth"], "measured": 0}
    save_checkpoint(path, {}, "directions", config)
    with pytest.raises(InputError, match=r"directions\.safetensors holds directions of .*not of"):
        load_directions(path)
    config = {"properties": list(CONTROLLED), "names": list(CONTROLLED), "measured": 0}
    save_checkpoint(path, {"steps": torch.zeros(1, 3, 2)}, "directions", config)
    with pytest.raises(InputError, match="holds no complete set of directions .*masks"):
        load_directions(path)
    save_directions(path, random_directions())
    whole = read_checkpoint(path)
    more = {**whole.tensors, "comment": torch.zeros(1)}  # what a later version may add
    save_checkpoint(path, more, "directions", whole.config)
    assert load_directions(path).names == random_directions().names
    save_checkpoint(path, {**whole.tensors, "offset": torch.zeros(3)}, "directions", whole.config)
    with pytest.raises(InputError, match=r"offset must be \[4\], got \[3\]"):
        load_directions(path)
    others = {**whole.config, "names": ["hair_color", "eyes", "mouth", "age"]}
    save_checkpoint(path, whole.tensors, "directions", others)
    with pytest.raises(InputError, match="the readout does not predict pose"):
        load_directions(path)
    save_checkpoint(path, {}, "vectorfind", {})
    with pytest.raises(InputError, match="vectorfind"):
        load_directions(path)
    with pytest.raises(InputError, match="does not exist"):
        load_directions(tmp_path / "none.safetensors")


def test_lengths_are_mahalanobis_norms_of_one_unit():
    directions = random_directions()
    inverse = np.linalg.inv(directions.covariance.astype(np.float64))
    for i, length in enumerate(directions.lengths()):
        squares = [step[i] @ inverse @ step[i] for step in directions.steps.astype(np.float64)]
        assert length == pytest.approx(np.sqrt(np.mean(squares)))


def model_of(generator, colours, measured: int) -> DirectionModel:
    directions, images = colours
    scorer = ColourScorer(images) if measured else None
    return DirectionModel(generator, directions.rounds(measured), scorer)


def base_w(model: DirectionModel, latents: np.ndarray = LATENTS) -> np.ndarray:
    w = map_latents(model.synthesizer, latents)
    return np.repeat(w[:, None], LAYERS, axis=1)


@pytest.mark.parametrize("measured", [0, 1, 3])
def test_a_request_for_where_the_face_stands_leaves_it_as_it_is(generator, colours, measured):
    model = model_of(generator, colours, measured)
    base = base_w(model)
    if measured:
        stands = model.scorer(model.synthesizer.from_w(base))
    else:
        stands = colours[0].offset + base[:, 0] @ colours[0].readout.T
    assert np.allclose(model.steer(LATENTS, stands), base, atol=1e-6)
    pictures = model.draw(LATENTS, stands)
    assert abs(pictures.astype(int) - model.synthesizer.from_w(base)).max() <= 1
    assert model.latent_dim == Z + LABEL and model.resolution == SIDE


def test_an_open_loop_measures_nothing_and_a_closed_one_must(generator, colours):
    model = model_of(generator, colours, 0)
    assert model.scorer is None and model.draw(LATENTS, REQUESTS).shape == (40, SIDE, SIDE, 3)
    for measured in (1, 3):
        with pytest.raises(ValueError, match="need a scorer"):
            DirectionModel(generator, colours[0].rounds(measured))
    with pytest.raises(ValueError, match=r"steps must be \[8, 3, 16\], got \[7, 3, 16\]"):
        cut = replace(colours[0], steps=colours[0].steps[:7], masks=colours[0].masks[:7])
        DirectionModel(generator, cut)


def test_an_open_loop_steps_by_what_is_missing_along_each_layers_direction(generator):
    directions = random_directions(size=0.02)
    model = DirectionModel(generator, directions)
    base = base_w(model)
    own = [directions.names.index(name) for name in CONTROLLED]
    missing = REQUESTS - (directions.offset + base[:, 0] @ directions.readout.T)[:, own]
    expected = base + np.einsum("np,lpd->nld", missing, directions.steps)
    assert np.allclose(model.steer(LATENTS, REQUESTS), expected, atol=1e-5)


def test_measuring_more_often_comes_closer(generator, colours):
    errors = {}
    for measured in (1, 3, 8):
        model = model_of(generator, colours, measured)
        images = model.draw(LATENTS, REQUESTS)
        errors[measured] = np.abs(REQUESTS - ColourScorer(colours[1])(images)).mean()
    assert errors[8] <= errors[3] < errors[1]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.2, 2.0))
def test_a_closed_loop_is_never_worse_on_average(generator, colours, seed, reach):
    requests = np.random.default_rng(seed).uniform(-reach, reach, (24, 3)).astype(np.float32)
    latents = random_latents(24, Z + LABEL, seed)
    errors = []
    for measured in (1, 4):
        images = model_of(generator, colours, measured).draw(latents, requests)
        errors.append(np.abs(requests - ColourScorer(colours[1])(images)).mean())
    assert errors[1] <= errors[0] + 1e-6


def test_what_was_measured_is_remembered_and_what_is_close_is_left(generator, colours):
    model = model_of(generator, colours, 1)
    first = model.draw(LATENTS, REQUESTS)
    assert model.scorer.seen == [40]
    again = model.draw(np.repeat(LATENTS, 2, axis=0), np.repeat(REQUESTS, 2, axis=0))
    assert model.scorer.seen == [40] and np.array_equal(again[::2], first)
    model = model_of(generator, colours, 9)
    model.draw(LATENTS, REQUESTS)
    rounds = len(model.scorer.seen)
    assert rounds <= 9
    model.draw(LATENTS[:1], model.scorer(model.synthesizer.from_w(base_w(model, LATENTS[:1]))))
    assert len(model.scorer.seen) == rounds + 2  # ours, and one that finds nothing to correct


@pytest.mark.parametrize("measured", [1, 2, 4])
def test_the_pictures_drawn_are_those_of_the_w_steered_to(generator, colours, measured):
    model = model_of(generator, colours, measured)
    w = model.steer(LATENTS, REQUESTS)
    assert np.array_equal(model.draw(LATENTS, REQUESTS), model.synthesizer.from_w(w))


def mahalanobis(moves: np.ndarray, directions: Directions) -> np.ndarray:
    inverse = np.linalg.inv(directions.covariance.astype(np.float64))
    return np.sqrt(np.einsum("nld,de,nle->nl", moves, inverse, moves).mean(axis=1))


@pytest.mark.parametrize("factor", [1, 100])
def test_corrections_stay_within_the_trust_region(generator, colours, factor):
    first = model_of(generator, colours, 1)
    once = first.steer(LATENTS, factor * REQUESTS)
    often = model_of(generator, colours, 6).steer(LATENTS, factor * REQUESTS)
    radius = FREE + SHARE * mahalanobis(once - base_w(first), colours[0])
    distance = mahalanobis(often - once, colours[0])
    assert (distance <= radius * (1 + 1e-3)).all() and distance.max() > 0


@pytest.mark.parametrize("measured", [0, 1, 3])
def test_a_picture_does_not_depend_on_its_company(generator, colours, measured):
    together = model_of(generator, colours, measured).draw(LATENTS, REQUESTS)
    order = np.random.default_rng(0).permutation(40)
    mixed = model_of(generator, colours, measured).draw(LATENTS[order], REQUESTS[order])
    assert np.array_equal(mixed, together[order])
    model = model_of(generator, colours, measured)
    alone = [model.draw(LATENTS[i : i + 1], REQUESTS[i : i + 1])[0] for i in range(12)]
    assert np.array_equal(np.stack(alone), together[:12])
