"""Opening a method's model: what belongs together, folders, kinds, truncation."""

import importlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_directions import (
    LATENTS,
    REQUESTS,
    SIDE,
    W,
    Z,
    random_directions,
)

from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.methods.directions.stored import load_directions, save_directions
from ohlora_lib.methods.finetune.conditional import ConditionalModel
from ohlora_lib.methods.models import PARTS, open_model
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.scores import CONTROLLED


@pytest.mark.parametrize("missing", ["generator", "property_cnn"])
def test_directions_without_what_they_move_in_are_refused(files, fitted, missing):
    beside = {name: files[name] for name in ("generator", "property_cnn") if name != missing}
    with pytest.raises(InputError) as info:
        open_model(fitted / "linear.safetensors", **beside)
    text = str(info.value)
    assert "linear.safetensors" in text and missing in text and "\n" not in text
    with pytest.raises(InputError, match="none.safetensors does not exist"):
        open_model(fitted / "linear.safetensors", **beside, **{missing: Path("none.safetensors")})


def test_directions_of_another_generator_are_refused(files, tmp_path):
    path = tmp_path / "directions.safetensors"
    directions = random_directions()
    cut = replace(directions, steps=directions.steps[:6], masks=directions.masks[:6])
    save_directions(path, cut)
    with pytest.raises(InputError, match=r"directions\.safetensors does not fit .*steps must be"):
        open_model(path, files["generator"], files["property_cnn"])


@pytest.mark.parametrize("name", ["generator", "property_cnn"])
def test_directions_of_other_weights_of_the_same_shape_are_refused(
    files, fitted, generator, tmp_path, name
):
    """As FineTune-v1's generator under directions of FineTune-v8's."""
    network = load_network(files[name])
    with torch.no_grad():
        next(network.parameters()).mul_(1.01)
    beside = {key: files[key] for key in ("generator", "property_cnn")}
    beside[name] = tmp_path / "other.safetensors"
    save_network(beside[name], network)
    start = fitted / "linear.safetensors"
    with pytest.raises(InputError) as info:
        open_model(start, **beside)
    text = str(info.value)
    assert f"linear.safetensors was made with another {name} than" in text and "\n" not in text
    assert "other.safetensors; supply the one" in text
    with pytest.raises(InputError, match=f"was made with another {name}"):
        fit_directions(
            "masked", **{**files, **beside}, path=tmp_path / "d.safetensors",
            metrics_path=tmp_path / "m.json", state=tmp_path / "state", seed=3, start=start,
        )  # fmt: skip
    assert not (tmp_path / "d.safetensors").exists()
    save_directions(tmp_path / "anonymous.safetensors", load_directions(start))
    open_model(tmp_path / "anonymous.safetensors", **beside)  # it names no networks


def test_a_folder_that_holds_all_parts_is_a_model(files, fitted, tmp_path):
    beside = {name: files[name] for name in ("generator", "property_cnn")}
    given = {"model": fitted / "closed_loop.safetensors", **beside}
    for name, path in given.items():
        shutil.copyfile(path, tmp_path / PARTS[name])
    expected = open_model(given["model"], **beside).draw(LATENTS[:3], REQUESTS[:3])
    assert np.array_equal(open_model(tmp_path).draw(LATENTS[:3], REQUESTS[:3]), expected)
    (tmp_path / PARTS["generator"]).unlink()
    with pytest.raises(InputError, match="needs the generator checkpoint beside it"):
        open_model(tmp_path)
    (tmp_path / PARTS["model"]).unlink()
    with pytest.raises(InputError, match=r"model\.safetensors does not exist"):
        open_model(tmp_path)


def test_only_a_methods_checkpoint_is_a_model(files):
    with pytest.raises(InputError, match="holds a property_cnn, which is no method's model"):
        open_model(files["property_cnn"], files["generator"], files["property_cnn"])
    with pytest.raises(InputError, match="without the labels eyes, mouth, pose"):
        open_model(files["generator"])


def test_every_kind_of_model_has_an_opener():
    from ohlora_lib.methods.models import OPENERS

    for module in OPENERS.values():
        assert callable(importlib.import_module(f"ohlora_lib.methods.{module}").open_model)


def test_truncation_to_nothing_draws_the_mean_of_each_label():
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = StyleGANGenerator(
            SIDE, Z, W, 16, 3, 128, 16, label_dim=3, label_embed_dim=4, mapping_lr_mul=1.0
        ).eval()
    requested = REQUESTS[[0, 0, 1, 1]]
    whole = ConditionalModel(network, list(CONTROLLED), {"psi": 0.0, "samples": 50})
    drawn = whole.draw(LATENTS[:4, :Z], requested)
    assert np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[2], drawn[3])
    assert not np.array_equal(drawn[0], drawn[2])
    half = ConditionalModel(network, list(CONTROLLED), {"psi": 0.5, "samples": 50})
    pictures = half.draw(LATENTS[:4, :Z], requested)
    alone = half.draw(LATENTS[2:3, :Z], requested[2:3])
    assert np.array_equal(alone[0], pictures[2])
    plain = ConditionalModel(network, list(CONTROLLED)).draw(LATENTS[:4, :Z], requested)
    spread = [
        part.astype(float).std(axis=0).mean() for part in (drawn[:2], pictures[:2], plain[:2])
    ]
    assert spread[0] == 0 < spread[1] < spread[2]
