"""The fast path to pictures against the plain forward pass."""

import numpy as np
import pytest
import torch

from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.store.picture_tensors import to_uint8


@pytest.fixture(scope="module", params=["auto", True])
def generator(request: pytest.FixtureRequest) -> StyleGANGenerator:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = StyleGANGenerator(
            32, 16, 16, 16, 4, 512, 32, label_dim=2, fused_scale=request.param
        )
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if name.endswith(("bias", "const", "w_avg", "apply_noise.weight")):
                    tensor.normal_(0, 0.3)
            last = network.synthesis.get_submodule("output3")
            last.weight.mul_(0.2)  # keeps most of the picture inside [-1, 1]
    return network


@pytest.fixture(scope="module")
def inputs() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(3)
    return draws.standard_normal((21, 16)), draws.standard_normal((21, 2))


def plain(
    generator: StyleGANGenerator, z: np.ndarray, label: np.ndarray, *truncation
) -> np.ndarray:
    generator.eval()
    with torch.inference_mode():
        z, label = (torch.as_tensor(a, dtype=torch.float32) for a in (z, label))
        return to_uint8(generator(z, label, *truncation))


def test_quantisation_rounds_halves_up_and_clips():
    levels = torch.tensor([-3.0, -1.0, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 0.0, 1.0, 3.0])
    found = to_uint8(levels.reshape(1, 1, 1, 7).expand(2, 3, 1, 7))
    assert found.shape == (2, 1, 7, 3)
    assert found.dtype == np.uint8
    assert found[0, 0, :, 0].tolist() == [0, 0, 0, 1, 128, 255, 255]


@pytest.mark.parametrize("truncation", [(), (0.7, 4)])
def test_equals_the_plain_forward_pass(generator, inputs, truncation):
    expected = plain(generator, *inputs, *truncation)
    found = Synthesizer(generator, batch_size=8).from_z(*inputs, *truncation)
    difference = np.abs(found.astype(int) - expected)
    assert 0.5 < ((expected > 0) & (expected < 255)).mean()
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_a_picture_does_not_depend_on_its_company(generator, inputs):
    z, label = inputs
    synthesizer = Synthesizer(generator, batch_size=8)
    together = synthesizer.from_z(z, label)
    parts = [slice(0, 3), slice(3, 4), slice(4, 15), slice(15, 21)]
    apart = np.concatenate([synthesizer.from_z(z[part], label[part]) for part in parts])
    assert np.array_equal(together, apart)


def test_w_and_per_layer_w_give_the_same_pictures(generator, inputs):
    synthesizer = Synthesizer(generator, batch_size=8)
    w = synthesizer.map(*inputs)
    expected = synthesizer.from_z(*inputs)
    assert w.shape == (21, 16)
    assert np.array_equal(synthesizer.from_w(w), expected)
    wp = np.repeat(w[:, None], generator.num_layers, axis=1)
    assert np.array_equal(synthesizer.from_w(wp), expected)


def test_no_pictures_are_an_empty_array(generator):
    found = Synthesizer(generator).from_z(np.empty((0, 16)), np.empty((0, 2)))
    assert found.shape == (0, 32, 32, 3)


def test_leaves_the_generator_alone(generator, inputs):
    generator.train()
    before = {key: tensor.clone() for key, tensor in generator.state_dict().items()}
    Synthesizer(generator, batch_size=8).from_z(*inputs)
    assert generator.training
    assert all(torch.equal(before[key], tensor) for key, tensor in generator.state_dict().items())
    assert all(parameter.requires_grad for parameter in generator.parameters())
