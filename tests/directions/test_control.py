"""The control network: what it adds to a step, its file, its training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_directions import (
    LATENTS,
    REQUESTS,
    SAMPLES,
    ColourScorer,
    Killed,
    W,
    random_directions,
)

from ohlora_lib.errors import InputError
from ohlora_lib.methods.directions.control import AT_ONCE, ControlNetwork
from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.methods.directions.model import DirectionModel
from ohlora_lib.methods.directions.options import ControlOptions
from ohlora_lib.methods.directions.stored import Directions, load_directions, save_directions
from ohlora_lib.methods.directions.ways import control
from ohlora_lib.methods.directions.ways.control import MARGIN, request_bounds, train_control
from ohlora_lib.methods.sampling import map_latents
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.property_cnn import predict
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint, save_checkpoint
from ohlora_lib.store.samples import read_samples
from ohlora_lib.store.tables import read_json


def random_control(size: float = 0.1, seed: int = 3) -> ControlNetwork:
    """Return a network as if it were trained: its moves are not zero."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ControlNetwork(W, 24)
        torch.nn.init.normal_(network.last.weight, std=size)
        network.mean.normal_()
        network.std.uniform_(0.5, 2)
    return network.eval().requires_grad_(False)


def model_of(generator, colours, network: ControlNetwork | None, measured: int) -> DirectionModel:
    directions = replace(colours[0], control=network, measured=measured)
    return DirectionModel(generator, directions, ColourScorer(colours[1]))


# ---- what it adds


@pytest.mark.parametrize("measured", [1, 3])
def test_an_untrained_network_leaves_the_linear_step(generator, colours, measured):
    plain = model_of(generator, colours, None, measured).steer(LATENTS, REQUESTS)
    bent = model_of(generator, colours, ControlNetwork(W, 24), measured).steer(LATENTS, REQUESTS)
    assert np.array_equal(plain, bent)


def test_a_move_is_the_linear_step_and_what_the_network_says(generator, colours):
    network = random_control()
    model = model_of(generator, colours, network, 1)
    w = map_latents(model.synthesizer, LATENTS)
    stands = model.scorer(model.synthesizer.from_w(w))
    asked = np.concatenate([(w - network.mean.numpy()) / network.std.numpy(), REQUESTS, stands], 1)
    added = network.last(network.hidden(torch.from_numpy(asked.astype(np.float32)))) * network.std
    linear = np.einsum("np,lpd->nld", REQUESTS - stands, colours[0].steps)
    expected = w[:, None] + linear + added.numpy()[:, None]  # the same in all layers
    assert np.abs(added.numpy()).max() > 0.01
    assert np.allclose(model.steer(LATENTS, REQUESTS), expected, atol=1e-5)


def test_the_same_face_takes_another_step_from_elsewhere():
    network = random_control()
    w = np.zeros((2, W), np.float32)
    here, there = network.bend(w, np.zeros((2, 3)), np.float32([[0, 0, 0], [1, 0, 0]]))
    assert not np.allclose(here, there, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 2 * AT_ONCE + 5))
def test_a_row_does_not_depend_on_its_company(seed, count):
    draw, network = np.random.default_rng(seed), random_control()
    w, requested, stands = (
        draw.standard_normal((count, width)).astype(np.float32) for width in (W, 3, 3)
    )
    together = network.bend(w, requested, stands)
    assert together.shape == (count, W) and together.dtype == np.float32
    i = int(draw.integers(count))
    one = slice(i, i + 1)
    assert np.array_equal(network.bend(w[one], requested[one], stands[one])[0], together[i])


@pytest.mark.parametrize("measured", [1, 3])
def test_a_picture_does_not_depend_on_its_company(generator, colours, measured):
    network = random_control()
    together = model_of(generator, colours, network, measured).draw(LATENTS, REQUESTS)
    order = np.random.default_rng(0).permutation(len(LATENTS))
    model = model_of(generator, colours, network, measured)
    assert np.array_equal(model.draw(LATENTS[order], REQUESTS[order]), together[order])


def test_measuring_more_often_comes_closer(generator, colours):
    errors = []
    for measured in (1, 3, 6):
        model = model_of(generator, colours, random_control(0.03), measured)
        images = model.draw(LATENTS, REQUESTS)
        errors.append(np.abs(REQUESTS - ColourScorer(colours[1])(images)).max(axis=1))
    assert (errors[1] <= errors[0] + 1e-6).all() and (errors[2] <= errors[1] + 1e-6).all()
    assert errors[1].mean() < 0.95 * errors[0].mean()


def test_a_request_that_no_face_shows_is_drawn_as_the_nearest_that_one_does(generator, colours):
    network = random_control()
    network.fit_to(np.zeros(W), np.ones(W), np.array([[-1, -0.5, -1], [1, 1, 1.0]]))
    model = model_of(generator, colours, network, 1)
    pictures = model.draw(LATENTS[:2], [[0, -2, 0], [0, -0.5, 3]])
    nearest = model.draw(LATENTS[:2], [[0, -0.5, 0], [0, -0.5, 1]])
    assert np.array_equal(pictures, nearest)


# ---- its file


def test_a_network_survives_its_file(tmp_path):
    path = tmp_path / "directions.safetensors"
    written = replace(random_directions(measured=2), control=random_control())
    save_directions(path, written)
    found = load_directions(path)
    assert found.measured == 2 and not found.control.training
    for name, tensor in written.control.state_dict().items():
        assert torch.equal(found.control.state_dict()[name], tensor), name
    before = path.read_bytes()
    save_directions(path, found)
    assert path.read_bytes() == before
    whole = read_checkpoint(path)
    less = {name: each for name, each in whole.tensors.items() if name != "control.last.weight"}
    save_checkpoint(path, less, "directions", whole.config)
    with pytest.raises(InputError, match=r"no complete set of directions .*last\.weight") as info:
        load_directions(path)
    assert "\n" not in str(info.value)


def test_a_network_for_another_w_is_refused():
    with pytest.raises(ValueError, match=f"moves 9 numbers of w, not {W}"):
        replace(random_directions(), control=ControlNetwork(9))


# ---- requests that faces can show


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.1, 5), st.floats(-3, 3), st.floats(0.5, 3))
def test_requests_lie_within_what_faces_score_and_within_reach(seed, size, middle, reach):
    scores = middle + size * np.random.default_rng(seed).standard_normal((200, 3))
    low, high = request_bounds(scores, reach)
    assert (low <= high).all() and (low >= -reach).all() and (high <= reach).all()
    inside = np.clip(scores, -reach + MARGIN, reach - MARGIN)
    rare = ((scores < low - 1e-6) | (scores > high + 1e-6)) & (scores == inside)
    assert rare.mean() <= 0.021


def test_a_shut_mouth_bounds_the_requests():
    draw = np.random.default_rng(1)
    scores = draw.standard_normal((2000, 3))
    scores[:, 1] = np.maximum(scores[:, 1], -0.9)
    low, high = request_bounds(scores, 2.0)
    assert low == pytest.approx([-2, -0.9 - MARGIN, -2]) and high == pytest.approx([2, 2, 2])


# ---- training

LONG = {"steps": 51, "batch": 8, "width": 32, "lr": 1e-2}  # one more than the first saved state


def training(files: dict, folder: Path, **changes) -> tuple[Directions, Directions]:
    """Train on the tiny generator; return the linear directions and what came out."""
    network, reader = load_network(files["generator"]), load_network(files["property_cnn"])
    classifiers = [load_network(path) for path in files["classifiers"]]
    linear = load_directions(files["linear"])
    rows = read_samples(files["samples"], linear.names)
    spread = np.array([rows[name].std() for name in linear.names])
    bounds = request_bounds(np.stack([rows[name] for name in CONTROLLED], axis=1), 2.0)
    options = ControlOptions(**{**LONG, **changes})
    found = train_control(network, reader, classifiers, linear, spread, bounds, options, 5, folder)
    return linear, found


@pytest.fixture(scope="module")
def inputs(files, fitted) -> dict:
    return {**files, "linear": fitted / "linear.safetensors"}


@pytest.fixture(scope="module")
def straight(inputs, tmp_path_factory) -> tuple[Directions, Directions]:
    return training(inputs, tmp_path_factory.mktemp("straight"))


def same(a: Directions, b: Directions) -> bool:
    parts = zip(a.control.state_dict().values(), b.control.state_dict().values(), strict=True)
    return np.array_equal(a.steps, b.steps) and all(torch.equal(*pair) for pair in parts)


def test_training_comes_closer_to_what_is_requested_of_unseen_faces(inputs, straight):
    generator, reader = load_network(inputs["generator"]), load_network(inputs["property_cnn"])

    def scorer(images):
        return predict(reader, images, CONTROLLED).astype(np.float64)

    errors = []
    for directions in straight:
        model = DirectionModel(generator, directions.rounds(1), scorer)
        wanted = straight[1].shown(1.5 * REQUESTS)
        size = np.abs(scorer(model.draw(LATENTS, wanted)) - wanted)
        errors.append(torch.nn.functional.smooth_l1_loss(
            torch.from_numpy(size), torch.zeros(size.shape, dtype=torch.float64), beta=control.BETA
        ).item())  # fmt: skip
    assert errors[1] < 0.9 * errors[0]


def test_training_changes_the_network_and_the_steps_alone(straight):
    start, result = straight
    for name in ("masks", "names", "readout", "offset", "mean", "covariance", "measured"):
        assert np.array_equal(getattr(result, name), getattr(start, name)), name
    assert result.steps.shape == start.steps.shape and result.steps.dtype == np.float32
    assert (result.steps == result.steps[:1]).all() and not np.allclose(result.steps, start.steps)
    assert result.control.last.weight.abs().max() > 0 and result.control.width == 32


def test_a_killed_training_ends_with_the_same_network(inputs, straight, tmp_path, monkeypatch):
    genuine, calls = control.rng, []

    def until_killed(*names):
        calls.append(None)
        if len(calls) == 51:
            raise Killed
        return genuine(*names)

    monkeypatch.setattr(control, "rng", until_killed)
    with pytest.raises(Killed):
        training(inputs, tmp_path)
    _, resumed = training(inputs, tmp_path)
    assert len(calls) == 52  # 50 steps were not repeated
    assert same(resumed, straight[1])
    _, again = training(inputs, tmp_path, rounds=4)  # finished before; rounds change no training
    assert len(calls) == 52 and same(again, straight[1])


def test_a_loss_that_is_not_finite_stops_the_training(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(control, "_falling", lambda done: float("nan"))
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        training(inputs, tmp_path, steps=3, batch=2)


@pytest.mark.parametrize(("done", "factor"), [(0, 1), (0.5, 0.5), (1, 0)])
def test_the_step_size_falls_along_a_cosine(done, factor):
    assert control._falling(done) == pytest.approx(factor)


def test_faces_are_those_of_random_latents(inputs):
    """Of all numbers of a latent, the label's too."""
    generator = load_network(inputs["generator"])
    w = control._faces(generator, 400, np.random.default_rng(2), "cpu").numpy()
    drawn = read_samples(inputs["samples"], ["w"])["w"]
    assert w.shape == (400, W) and w.dtype == np.float32
    assert np.allclose(w.mean(axis=0), drawn.mean(axis=0), atol=5 * drawn.std(axis=0).max() / 15)
    assert np.allclose(w.std(axis=0), drawn.std(axis=0), rtol=0.3)


@pytest.mark.parametrize("rounds", [1, 3])
def test_the_file_of_a_fit_says_how_often_to_measure(files, fitted, tmp_path, rounds):
    path = tmp_path / "control.safetensors"
    fit_directions(
        "control", **files, path=path, metrics_path=tmp_path / "metrics.json",
        state=tmp_path / "state", seed=3, start=fitted / "linear.safetensors",
        options={"steps": 1, "batch": 2, "width": 8, "rounds": rounds},
    )  # fmt: skip
    assert load_directions(path).measured == rounds
    assert read_checkpoint(path).provenance["training"]["rounds"] == rounds
    metrics = read_json(tmp_path / "metrics.json")
    network = load_directions(path).control
    for i, name in enumerate(CONTROLLED):
        assert metrics["requests"][name] == pytest.approx(
            [network.lowest[i].item(), network.highest[i].item()]
        )
    assert read_checkpoint(path).provenance["samples"] == SAMPLES


def test_an_option_that_there_is_not_is_refused(files, fitted, tmp_path):
    with pytest.raises(TypeError, match="stepps"):
        fit_directions(
            "control", **files, path=tmp_path / "c.safetensors", metrics_path=tmp_path / "m.json",
            state=tmp_path / "state", seed=3, start=fitted / "linear.safetensors",
            options={"stepps": 1},
        )  # fmt: skip
