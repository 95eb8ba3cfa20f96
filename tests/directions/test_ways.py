"""The ways to fit directions: strengths of layers, training, and the rule's function."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_directions import (
    LABEL,
    LATENTS,
    LAYERS,
    SAMPLES,
    SIDE,
    Killed,
    W,
    Z,
)

from ohlora_lib.errors import InputError
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.methods.directions.calibration import measured_slopes
from ohlora_lib.methods.directions.closed_form import fit_linear
from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.methods.directions.method import OPTIONS, WAYS
from ohlora_lib.methods.directions.options import TrainingOptions
from ohlora_lib.methods.directions.reader import Reader
from ohlora_lib.methods.directions.stored import Directions, load_directions
from ohlora_lib.methods.directions.ways import trained
from ohlora_lib.methods.directions.ways.masked import layer_effects, layer_strengths
from ohlora_lib.methods.directions.ways.trained import train_directions
from ohlora_lib.methods.models import open_model
from ohlora_lib.methods.moments import moments
from ohlora_lib.methods.sampling import (
    map_latents,
)
from ohlora_lib.networks.files import load_network
from ohlora_lib.networks.property_cnn import OUTPUTS
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.samples import read_samples
from ohlora_lib.store.tables import read_json
from ohlora_lib.training.state import tensors_digest

# ---- strengths of layers


def test_a_layer_that_changes_nothing_else_is_preferred():
    effects = np.zeros((3, 4, 5))
    own = [0, 3, 4]
    for i, target in enumerate(own):
        effects[i, :, target] = 0.5
        effects[i, :, 1] = [0.6, 0.0, 0.6, 0.6]  # only layer 1 leaves hair colour as it is
    strengths = layer_strengths(effects, own, np.ones(5))
    assert (strengths.argmax(axis=1) == 1).all()
    assert (strengths[:, 1] > 10 * strengths[:, [0, 2, 3]].max(axis=1)).all()


def test_leaks_that_cancel_may_both_be_used():
    effects = np.zeros((3, 2, 4))
    effects[:, :, :3] = 0.5 * np.eye(3)[:, None]
    effects[:, 0, 3], effects[:, 1, 3] = 1.0, -1.0
    assert np.allclose(layer_strengths(effects, [0, 1, 2], np.ones(4)), 1)


def test_changes_are_compared_in_standard_deviations():
    effects = np.zeros((3, 2, 5))
    effects[:, :, :3] = np.eye(3)[:, None]
    effects[:, 0, 3], effects[:, 1, 4] = 10.0, 0.1  # grey levels beside a share
    spread = np.array([1, 1, 1, 100.0, 0.01])
    strengths = layer_strengths(effects, [0, 1, 2], spread)
    assert (strengths[:, 0] > 5 * strengths[:, 1]).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 10), st.integers(3, 8))
def test_strengths_are_nonnegative_and_add_up_to_one_unit(seed, layers, scores):
    draw = np.random.default_rng(seed)
    effects = draw.normal(0.2, 0.5, (3, layers, scores))
    own = draw.permutation(scores)[:3].tolist()
    targets = effects[range(3), :, own]
    assume((targets.max(axis=1) > 0.05).all())
    strengths = layer_strengths(effects, own, draw.uniform(0.5, 2, scores))
    assert strengths.shape == (3, layers) and (strengths >= 0).all()
    assert np.allclose((strengths * targets).sum(axis=1), 1)


def test_a_direction_without_effect_keeps_all_its_layers():
    assert (layer_strengths(np.zeros((3, 4, 5)), [0, 1, 2], np.ones(5)) == 1).all()


def test_effects_of_layers_are_changes_per_unit(generator, colours):
    synthesizer = Synthesizer(generator)
    w = map_latents(synthesizer, LATENTS[:8])
    images = colours[1]

    def read(pictures: np.ndarray) -> np.ndarray:
        return (pictures.mean(axis=(1, 2)) - images.mean(axis=(0, 1, 2))).astype(np.float32)

    steps = colours[0].steps[0]
    found = layer_effects(synthesizer, steps, w, read)
    assert found.shape == (3, LAYERS, 3) and found.dtype == np.float64
    base = np.repeat(w[:, None], LAYERS, axis=1)
    up, down = base.copy(), base.copy()
    up[:, 7] += steps[1]
    down[:, 7] -= steps[1]
    expected = (read(synthesizer.from_w(up)) - read(synthesizer.from_w(down))).mean(axis=0) / 2
    assert np.allclose(found[1, 7], expected, atol=1e-5)
    assert np.abs(found[:, 7]).max() > 3 * np.abs(found[:, :6]).max()  # colour is made at the end


# ---- training


def training(files: dict, colours, folder: Path, **changes) -> tuple[Directions, Directions]:
    """Train on a few faces; return where it began and what came out."""
    network, reader = load_network(files["generator"]), load_network(files["property_cnn"])
    classifiers = [load_network(path) for path in files["classifiers"]]
    names = [*OUTPUTS, "gender"]
    rows = read_samples(files["samples"], ["w", *names])
    spread = np.array([rows[name].std() for name in names])
    linear = fit_linear(moments(files["samples"], names), [0, 3, 4])
    steps = np.repeat(linear.steps[None], LAYERS, axis=0).astype(np.float32)
    start = replace(colours[0], steps=0.5 * steps, measured=2)
    options = TrainingOptions(**{"batch": 4, "lr": 0.05, **changes})
    result = train_directions(
        network, reader, classifiers, start, rows["w"], spread, options, 5, folder
    )
    return start, result


def loss_of(files: dict, directions: Directions, options: TrainingOptions) -> float:
    """Return the loss on faces and requests that the training did not draw."""
    reader = Reader(files["property_cnn"], files["classifiers"])
    synthesizer = Synthesizer(load_network(files["generator"]))
    names = reader.names
    spread = [read_samples(files["samples"], names)[name].std() for name in names]
    w = read_samples(files["samples"], ["w"], 48)["w"]
    base = np.repeat(w[:, None], LAYERS, axis=1)
    wanted = np.random.default_rng(8).uniform(-options.reach, options.reach, (48, 3))
    before = reader(synthesizer.from_w(base))
    units = (wanted - before[:, reader.own]).astype(np.float32)
    after = reader(synthesizer.from_w(base + np.einsum("np,lpd->nld", units, directions.steps)))
    others = [i for i in range(len(names)) if i not in reader.own]
    error = ((after[:, reader.own] - wanted) ** 2).mean()
    change = (((after - before) / spread)[:, others] ** 2).mean()
    norm = (directions.lengths() ** 2).mean()
    return error + options.others * change + options.content * norm


LONG = {"steps": 51, "batch": 2}  # one step more than the first state that is saved


@pytest.fixture(scope="module")
def straight(files, colours, tmp_path_factory) -> tuple[Directions, Directions]:
    return training(files, colours, tmp_path_factory.mktemp("straight"), **LONG)


def test_training_lowers_the_loss_and_changes_the_steps_alone(files, straight):
    start, result = straight
    options = TrainingOptions()
    assert loss_of(files, result, options) < 0.95 * loss_of(files, start, options)
    for name in ("masks", "names", "readout", "offset", "mean", "covariance", "measured"):
        assert np.array_equal(getattr(result, name), getattr(start, name)), name
    assert result.steps.shape == start.steps.shape and result.steps.dtype == np.float32
    assert not np.allclose(result.steps[0], result.steps[-1])  # layers go their own ways


def test_a_killed_training_ends_with_the_same_steps(
    files, colours, straight, tmp_path, monkeypatch
):
    genuine, calls = trained.rng, []

    def until_killed(*names):
        calls.append(None)
        if len(calls) == 51:
            raise Killed
        return genuine(*names)

    monkeypatch.setattr(trained, "rng", until_killed)
    with pytest.raises(Killed):
        training(files, colours, tmp_path, **LONG)
    _, resumed = training(files, colours, tmp_path, **LONG)
    assert len(calls) == 52  # 50 steps were not repeated
    assert np.array_equal(resumed.steps, straight[1].steps)
    _, again = training(files, colours, tmp_path, **LONG)  # finished before
    assert len(calls) == 52 and np.array_equal(again.steps, straight[1].steps)


def test_a_loss_that_is_not_finite_stops_the_training(files, colours, tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "_falling", lambda done: float("nan"))
    with pytest.raises(FloatingPointError, match="not finite at step 1"):
        training(files, colours, tmp_path, steps=3, batch=2)


@pytest.mark.parametrize(("done", "factor"), [(0, 1), (0.5, 1), (0.75, 0.525), (1, 0.05)])
def test_the_step_size_falls_in_the_second_half(done, factor):
    assert trained._falling(done) == pytest.approx(factor)


# ---- from files to files


@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_a_model_that_draws(files, fitted, way):
    path = fitted / f"{way}.safetensors"
    model = open_model(path, files["generator"], files["property_cnn"])
    module = importlib.import_module(f"ohlora_lib.methods.directions.ways.{way}")
    assert model.directions.measured == module.ROUNDS
    assert model.latent_dim == Z + LABEL and model.resolution == SIDE
    requested = np.float32([[1, 0, 0], [0, -1, 0], [0, 0, 2]])
    pictures = model.draw(LATENTS[:3], requested)
    assert pictures.shape == (3, SIDE, SIDE, 3) and pictures.dtype == np.uint8
    assert np.array_equal(model.draw(LATENTS[1:2], requested[1:2])[0], pictures[1])
    provenance = read_checkpoint(path).provenance
    assert provenance["method"] == way and provenance["seed"] == 3
    assert provenance["units"] == {name: {"mean": 3.0, "std": 2.0, "count": 9} for name in OUTPUTS}
    assert provenance["samples"] == SAMPLES
    assert ("training" in provenance) == (way in OPTIONS)
    for name in ("generator", "property_cnn"):
        assert provenance[name] == tensors_digest(load_network(files[name]).state_dict())
    assert list(provenance["classifiers"]) == ["gender"]
    metrics = read_json(fitted / f"{way}.json")
    assert metrics["method"] == way and metrics["names"] == [*OUTPUTS, "gender"]
    own = {"linear": "explained", "masked": "strengths", "control": "requests"}
    for other, key in own.items():
        assert (key in metrics) == (other == way)
    assert ("training" in metrics) == (way in OPTIONS)
    assert (model.directions.control is not None) == (way == "control")
    for key in ("slopes_before", "mahalanobis"):
        assert set(metrics[key]) == set(CONTROLLED)
        assert np.isfinite(list(metrics[key].values())).all()


@pytest.mark.parametrize("way", ["linear", "masked", "trained"])
def test_a_step_of_one_moves_the_property_by_one_unit(files, fitted, way):
    """As the property CNN sees it, on the faces that it was measured on."""
    directions = load_directions(fitted / f"{way}.safetensors")
    before = read_json(fitted / f"{way}.json")["slopes_before"]
    assert min(before.values()) > 0.1
    reader = Reader(files["property_cnn"], files["classifiers"])
    synthesizer = Synthesizer(load_network(files["generator"]))
    probes = read_samples(files["samples"], ["w"], 12)["w"]
    slopes = measured_slopes(synthesizer, directions, probes, reader)
    assert np.allclose(slopes, 1, atol=0.25)


def test_the_ways_build_on_each_other(files, fitted):
    steps = {name: load_directions(fitted / f"{name}.safetensors").steps for name in WAYS}
    assert np.array_equal(steps["closed_loop"], steps["linear"])
    assert np.allclose(steps["linear"], steps["linear"][:1])  # the same in all layers
    flat = steps["masked"].transpose(1, 0, 2)
    found = {name: load_directions(fitted / f"{name}.safetensors") for name in WAYS}
    assert (found["linear"].masks == 1).all()
    assert (found["masked"].masks >= 0).all() and not (found["masked"].masks == 1).all()
    strengths = read_json(fitted / "masked.json")["strengths"]
    for i, name in enumerate(CONTROLLED):
        assert np.allclose(found["masked"].masks[:, i], strengths[name])
    assert np.array_equal(found["trained"].masks, found["masked"].masks)
    for directions in found.values():  # all that was read, not the three alone
        assert directions.names == (*OUTPUTS, "gender") and directions.readout.shape == (8, W)
    ranks = [np.linalg.matrix_rank(one, tol=1e-4) for one in flat]
    assert ranks == [1, 1, 1]  # the same direction in all layers, of different strengths
    metrics = read_json(fitted / "linear.json")
    assert metrics["samples"] == SAMPLES
    assert min(metrics["explained"].values()) > 0 and max(metrics["explained"].values()) < 1.01


def test_fewer_samples_are_used_where_fewer_are_asked_for(files, tmp_path):
    contents = []
    for rows in (80, 80, SAMPLES, None):
        out = {"path": tmp_path / "d.safetensors", "metrics_path": tmp_path / "metrics.json"}
        fit_directions("linear", **files, **out, state=tmp_path / "state", seed=3, rows=rows)
        assert read_json(tmp_path / "metrics.json")["samples"] == (rows or SAMPLES)
        contents.append(out["path"].read_bytes())
    assert contents[0] == contents[1] != contents[2] == contents[3]


def test_a_start_that_is_missing_is_refused(files, tmp_path):
    out = {"path": tmp_path / "d.safetensors", "metrics_path": tmp_path / "metrics.json"}
    start = tmp_path / "linear.safetensors"
    with pytest.raises(InputError, match=r"linear\.safetensors does not exist"):
        fit_directions("masked", **files, **out, state=tmp_path / "state", seed=3, start=start)
    assert not out["path"].exists() and not out["metrics_path"].exists()
