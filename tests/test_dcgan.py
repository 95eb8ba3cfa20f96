"""The DCGAN family: it draws what the published layers draw, until something is learnt."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.generators.base import Labelling
from ohlora_lib.generators.dcgan.generator import DCGANGenerator, PairedMapping
from ohlora_lib.generators.dcgan.layouts import from_published
from ohlora_lib.networks.files import load_generator, save_network

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "resources/faces64/generator.safetensors"
PUBLISHED = ROOT / "tests/fixtures/faces64/published_generator.npz"


def published_layers(z_dim: int, widths: list[int]) -> nn.Sequential:
    """The layers of PyTorch's DCGAN tutorial, random, with batch norms that have seen data."""
    layers: list[nn.Module] = []
    for i, (before, width) in enumerate(zip([z_dim, *widths], widths, strict=False)):
        step, padding = (1, 0) if i == 0 else (2, 1)
        norm = nn.BatchNorm2d(width)
        norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
        nn.init.normal_(norm.weight, 1, 0.2), nn.init.normal_(norm.bias)
        layers += [nn.ConvTranspose2d(before, width, 4, step, padding, bias=False), norm, nn.ReLU()]
    last = nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1, bias=False)
    return nn.Sequential(*layers, last, nn.Tanh()).eval()


def normalised(z: torch.Tensor) -> torch.Tensor:
    return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)


def small(**changes) -> DCGANGenerator:
    torch.manual_seed(0)
    return DCGANGenerator(**{"z_dim": 8, "channels": (16, 8), "hidden_dim": 24, **changes}).eval()


@torch.no_grad()
def test_conversion_draws_what_the_published_layers_draw():
    torch.manual_seed(1)
    layers = published_layers(12, [32, 16, 8])
    tensors = {f"main.{name}": value for name, value in layers.state_dict().items()}
    generator = from_published(tensors)
    z = torch.randn(256, 12)
    expected = layers(normalised(z)[:, :, None, None])
    wp = generator.truncate(generator.mapping(z))
    assert (generator.synthesis(wp) - expected).abs().max() < 1e-5
    assert (generator.drawing()(wp) - expected).abs().max() < 1e-5


@torch.no_grad()
def test_shipped_generator_draws_the_published_pictures():
    published = np.load(PUBLISHED)
    generator = load_generator(SHIPPED)
    wp = generator.truncate(generator.mapping(torch.from_numpy(published["z"])))
    images = generator.drawing()(wp).numpy()
    assert np.abs(images[:4] - published["images"]).max() < 1e-5
    assert np.abs(images.mean(axis=(1, 2, 3)) - published["means"]).max() < 1e-5


@settings(max_examples=25, deadline=None)
@given(
    z_dim=st.integers(1, 12), extra=st.integers(0, 5), layers=st.integers(2, 5), seed=st.integers(0)
)
def test_mapping_starts_as_the_identity_at_any_size(z_dim, extra, layers, seed):
    torch.manual_seed(seed % 2**32)
    mapping = PairedMapping(z_dim, 2 * z_dim + extra, layers, 0.01, 0, 0)
    z = torch.randn(5, z_dim)
    assert torch.allclose(mapping(z), normalised(z), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("embedding", [0, 4])
def test_label_of_zeros_draws_as_before_and_another_moves_w(embedding):
    base = small()
    labelled = base.with_labels(Labelling(labels=["eyes", "mouth"], embedding=embedding))
    z, none = torch.randn(6, 8), torch.zeros(6, 2)
    assert torch.allclose(labelled.mapping(z, none), base.mapping(z), atol=1e-5)
    assert (labelled.mapping(z, none + 1) - base.mapping(z)).abs().max() > 1e-3
    with pytest.raises(ValueError, match="label must be"):
        labelled.mapping(z)


@torch.no_grad()
def test_fast_path_follows_styles_that_were_learnt():
    generator = small()
    for i in (1, 2):
        generator.synthesis.get_submodule(f"layer{i}").style.weight.normal_()
    wp = torch.randn(3, generator.num_layers, generator.w_dim)
    expected = generator.synthesis(wp)
    assert torch.allclose(generator.drawing()(wp), expected, atol=1e-5)
    assert not torch.allclose(generator.synthesis(wp.roll(1, dims=1)), expected, atol=1e-3)


def test_every_parameter_can_be_trained():
    generator = small().with_labels(Labelling(labels=["eyes"], embedding=4)).train()
    wp = generator.truncate(generator.mapping(torch.randn(4, 8), torch.ones(4, 1)))
    generator.synthesis(wp).square().mean().backward()
    parts = generator.trainable()
    named = {*parts.mapping, *parts.label, *parts.synthesis}
    assert named == set(generator.parameters())
    assert all(value.grad is not None for value in named)


def test_checkpoint_opens_as_it_was_written(tmp_path):
    generator = small().with_labels(Labelling(labels=["eyes"], embedding=4))
    save_network(tmp_path / "g.safetensors", generator)
    again = load_generator(tmp_path / "g.safetensors")
    assert again.config() == generator.config() and again.resolution == 16
    z, label = torch.randn(2, 8), torch.ones(2, 1)
    assert torch.equal(again.mapping(z, label), generator.mapping(z, label))


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="16 wide or more"):
        DCGANGenerator(z_dim=8, channels=(8,), hidden_dim=12)
    with pytest.raises(ValueError, match="wp must be"):
        small().synthesis(torch.zeros(1, 2, 8))
    with pytest.raises(InputError, match="no tensor of a DCGAN"):
        from_published({"conv.weight": torch.zeros(1)})
    with pytest.raises(InputError, match="end in 3 channels"):
        from_published({"main.0.weight": torch.zeros(8, 4, 4, 4)})
