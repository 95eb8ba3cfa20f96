"""The attribute CNNs: published layouts, the small family, learning, checkpoints."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch.nn import functional as F

from ohlora_lib.errors import InputError
from ohlora_lib.networks.attribute_cnn import ATTRIBUTES, AttributeCNN
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.store.checkpoints import save_checkpoint

PUBLISHED = Path(__file__).parent / "fixtures" / "published_layouts" / "state_dicts.json"
FILES = {
    "gender": ("gender_model_{k}.pt (k=0..4)", 5_845_697),
    "quality": ("quality_model_{k}.pt (k=0..4)", 6_828_481),
    "age": ("age CNN (v8 filter)", 7_418_561),
    "glass": ("glass CNN (v8 filter)", 3_682_753),
}
CROPS = {  # rows, columns seen at 256 pixels
    "gender": (slice(0, 256), slice(0, 256)),
    "quality": (slice(0, 64), slice(64, 192)),
    "age": (slice(0, 128), slice(0, 256)),
    "glass": (slice(80, 128), slice(64, 192)),
}


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_is_the_published_network_at_256(attribute):
    file, parameters = FILES[attribute]
    layout = json.loads(PUBLISHED.read_text())[file]
    network = AttributeCNN(attribute, 256).eval()
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == layout
    assert sum(tensor.numel() for tensor in network.parameters()) == parameters
    network.load_state_dict({key: torch.zeros(shape) for key, shape in layout.items()})
    assert network(torch.rand(2, 3, 256, 256)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("resolution", [64, 256])
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_sees_its_crop_and_nothing_else(attribute, resolution):
    network = AttributeCNN(attribute, resolution).eval()
    image = torch.rand(1, 3, resolution, resolution, requires_grad=True)
    network.logit(image).sum().backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    rows, columns = (
        slice(part.start * resolution // 256, part.stop * resolution // 256)
        for part in CROPS[attribute]
    )
    outside = torch.ones_like(seen)
    outside[rows, columns] = False
    assert not seen[outside].any()
    assert seen[rows, columns].float().mean() > 0.8


@pytest.mark.parametrize("resolution", [32, 64, 128])
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_small_family_gives_probabilities(attribute, resolution):
    network = AttributeCNN(attribute, resolution).eval()
    with torch.inference_mode():
        found = network(torch.rand(3, 3, resolution, resolution))
    assert found.shape == (3,)
    assert ((found > 0) & (found < 1)).all()
    assert sum(tensor.numel() for tensor in network.parameters()) < 10_000_000


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_small_family_is_fast_at_64(attribute):
    network = AttributeCNN(attribute, 64).eval()
    macs = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(
                lambda m, _i, out: macs.append(out.numel() * m.weight[0].numel())
            )
    with torch.inference_mode():
        network(torch.rand(1, 3, 64, 64))
    assert sum(macs) < 25e6


def test_learns_a_visible_attribute():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = AttributeCNN("glass", 64)
        label = (torch.arange(96) % 2).float()
        image = torch.rand(96, 3, 64, 64) * 0.3 + 0.3
        image[label == 1, :, 24:28, 18:46] -= 0.25  # a bar across the eyes
        optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
        for _ in range(4):
            for part in torch.randperm(64).split(16):
                loss = F.binary_cross_entropy_with_logits(network.logit(image[part]), label[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        network.eval()
        with torch.inference_mode():
            found = network(image[64:]) > 0.5
    assert (found == (label[64:] == 1)).float().mean() > 0.95


def test_dropout_only_in_training_mode():
    network = AttributeCNN("quality", 64)
    image = torch.rand(2, 3, 64, 64)
    assert not torch.equal(network.train()(image), network(image))
    assert torch.equal(network.eval()(image), network(image))


def test_an_attribute_of_ones_own_sees_the_whole_picture():
    network = AttributeCNN("beard", 64).eval()
    assert (network.top, network.bottom, network.left, network.right) == (0, 64, 0, 64)
    image = torch.rand(2, 3, 64, 64)
    changed = image.clone()
    changed[:, :, -8:, :8] = 0
    assert not torch.equal(network(image), network(changed))
    assert network.config()["attribute"] == "beard"


def test_refuses_wrong_arguments():
    with pytest.raises(ValueError, match="resolution"):
        AttributeCNN("age", 50)
    with pytest.raises(ValueError, match="image must be"):
        AttributeCNN("age", 64)(torch.rand(1, 3, 32, 32))


def test_checkpoint_round_trip(tmp_path):
    network = AttributeCNN("glass", 64, dropout=0.3).eval()
    path = tmp_path / "fold-0.safetensors"
    save_network(path, network, {"seed": 1})
    loaded = load_network(path, "attribute_cnn")
    image = torch.rand(2, 3, 64, 64)
    assert loaded.config() == network.config()
    assert torch.equal(loaded(image), network(image))


def test_checkpoints_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    network = AttributeCNN("glass", 64)
    save_network(path, network)
    with pytest.raises(InputError, match="model.safetensors"):
        load_network(path, "stylegan_generator")
    tensors = network.state_dict()
    save_checkpoint(path, tensors, "attribute_cnn", {"attribute": "quality", "resolution": 64})
    with pytest.raises(InputError, match=r"does not fit its configuration at fc1\.0\.weight"):
        load_network(path)
    save_checkpoint(path, tensors, "attribute_cnn", {"attribute": "glass", "side": 64})
    with pytest.raises(InputError, match="configuration"):
        load_network(path)
    save_checkpoint(path, tensors, "teapot", {})
    with pytest.raises(InputError, match="unknown kind 'teapot'"):
        load_network(path)
    safetensors.torch.save_file(tensors, path)
    with pytest.raises(InputError, match="model.safetensors"):
        load_network(path)
