"""The StyleGAN networks against the reference's numbers, and what training asks of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator, minibatch_group
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.generators.synthesis import Synthesizer
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.store.picture_tensors import to_uint8

FIXTURES = Path(__file__).parent / "fixtures" / "stylegan"
NAMES = ("res32_label0", "res64_label7")
LAYOUTS = json.loads((FIXTURES / "state_dict_res256.json").read_text())
PUBLISHED = json.loads((FIXTURES.parent / "published_layouts" / "state_dicts.json").read_text())


class Reference:
    """One fixture: the networks with its weights, its inputs and its expected outputs."""

    def __init__(self, name: str) -> None:
        self.arrays = dict(np.load(FIXTURES / f"{name}.npz"))
        about = json.loads((FIXTURES / f"{name}.json").read_text())
        weights = torch.load(FIXTURES / f"{name}.pth", map_location="cpu", weights_only=True)
        arguments = about["generator"]
        self.generators = {}
        for role in ("generator", "generator_smooth"):
            network = StyleGANGenerator(
                resolution=arguments["resolution"],
                z_dim=arguments["z_space_dim"],
                w_dim=arguments["w_space_dim"],
                hidden_dim=arguments["mapping_fmaps"],
                mapping_layers=arguments["mapping_layers"],
                fmaps_base=arguments["fmaps_base"],
                fmaps_max=arguments["fmaps_max"],
                label_dim=arguments["label_size"],
                mapping_lr_mul=arguments["mapping_lr_mul"],
                fused_scale=arguments["fused_scale"],
            )
            network.load_state_dict(weights[role])
            self.generators[role] = network.eval()
        self.generator = self.generators["generator_smooth"]
        arguments = about["discriminator"]
        self.discriminator = StyleGANDiscriminator(
            resolution=arguments["resolution"],
            fmaps_base=arguments["fmaps_base"],
            fmaps_max=arguments["fmaps_max"],
            label_dim=arguments["label_size"],
            minibatch_std_group=arguments["minibatch_std_group_size"],
            fused_scale=arguments["fused_scale"],
        )
        self.discriminator.load_state_dict(weights["discriminator"])
        self.discriminator.eval()
        self.z = torch.from_numpy(self.arrays["z"])
        self.label = torch.from_numpy(self.arrays["labels"]) if "labels" in self.arrays else None

    def check(self, key: str, found: torch.Tensor, tolerance: float = 1e-4) -> None:
        expected = self.arrays[key]
        error = np.abs(found.numpy()[: len(expected)] - expected).max()
        assert error <= tolerance * max(1.0, np.abs(expected).max()), f"{key}: {error}"


@pytest.fixture(scope="module", params=NAMES)
def reference(request: pytest.FixtureRequest) -> Reference:
    return Reference(request.param)


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        yield


def labels(reference: Reference, n: int) -> torch.Tensor | None:
    return None if reference.label is None else reference.label[:n]


def test_every_mapping_layer_equals_the_reference(reference):
    outputs = {}
    mapping = reference.generator.mapping
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: outputs.update({name: out}))
        for name, module in mapping.named_children()
    ]
    w = mapping(reference.z, reference.label)
    for hook in hooks:
        hook.remove()
    reference.check("z_normalized", outputs["norm"], 1e-5)
    for i in range(8):
        reference.check(f"mapping_dense{i}", outputs[f"dense{i}"], 1e-5)
    reference.check("w", w, 1e-5)
    reference.check("wp", reference.generator.truncate(w), 1e-5)
    reference.check("wp_trunc", reference.generator.truncate(w, 0.7, 4), 1e-5)
    if reference.label is not None:
        reference.check("label_embedding", reference.label @ mapping.label_weight, 1e-5)


def test_styles_and_images_equal_the_reference(reference):
    generator = reference.generator
    w = torch.from_numpy(reference.arrays["w"])
    last = generator.num_layers - 1
    reference.check("style00", generator.synthesis.layer0.style(w), 1e-5)
    reference.check("style_last", generator.synthesis.get_submodule(f"layer{last}").style(w), 1e-5)
    reference.check("image", generator(reference.z, reference.label))
    reference.check("image_trunc", generator(reference.z, reference.label, 0.7, 4))
    other = reference.generators["generator"]
    reference.check("image_generator", other(reference.z, reference.label))


@pytest.mark.parametrize(("key", "truncation"), [("image", ()), ("image_trunc", (0.7, 4))])
def test_the_fast_path_equals_the_reference(reference, key, truncation):
    expected = to_uint8(torch.from_numpy(reference.arrays[key]))
    synthesizer = Synthesizer(reference.generator, batch_size=3)
    found = synthesizer.from_z(reference.z, reference.label, *truncation)[: len(expected)]
    difference = np.abs(found.astype(int) - expected)
    assert found.shape == expected.shape and difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_discriminator_equals_the_reference(reference):
    z, label, score = reference.z, reference.label, reference.discriminator
    image = reference.generator(z, label)
    reference.check("d_score", score(image, label), 1e-5)
    reference.check("d_score_trunc", score(reference.generator(z, label, 0.7, 4), label), 1e-5)
    other = reference.generators["generator"](z, label)
    reference.check("d_score_generator", score(other, label), 1e-5)
    single = [
        score(image[i : i + 1], None if label is None else label[i : i + 1]) for i in range(8)
    ]
    reference.check("d_score_batch1", torch.cat(single), 1e-5)
    for n in (3, 4):
        reference.check(f"d_score_batch{n}", score(image[:n], labels(reference, n)), 1e-5)
    if label is not None:
        reference.check("d_logits", score.logits(image, label), 1e-5)


def test_levels_of_detail_equal_the_reference(reference):
    keys = [key for key in reference.arrays if key.startswith("image_lod")]
    for key in keys:
        suffix = key.removeprefix("image_")
        lod = float(suffix.removeprefix("lod").replace("p", "."))
        image = reference.generator(reference.z, reference.label, lod=lod)
        reference.check(key, image)
        score = reference.discriminator(image, reference.label, lod=lod)
        reference.check(f"d_score_{suffix}", score, 1e-5)
    assert bool(keys) == (reference.label is not None)


def test_lod_buffer_is_used_when_no_lod_is_given():
    generator = StyleGANGenerator(16, 8, 8, 8, fmaps_base=64, fmaps_max=8).eval()
    z = torch.randn(2, 8)
    expected = generator(z, lod=1.5)
    generator.synthesis.lod.fill_(1.5)
    assert torch.equal(generator(z), expected)
    assert not torch.equal(generator(z, lod=0.0), expected)


def test_both_upsampling_forms_equal_their_definitions():
    x, w = torch.randn(2, 4, 8, 8), torch.randn(2, 8)
    generator = StyleGANGenerator(32, 8, 8, 8, fmaps_base=128, fmaps_max=4, fused_scale=False)
    layer = generator.synthesis.layer4
    up = F.interpolate(x, scale_factor=2, mode="nearest")
    plain = layer.blur(F.conv2d(up, layer.weight * layer.weight_scale, padding=1))
    assert torch.allclose(layer.convolve(x), plain, atol=1e-5)
    assert layer(x, w).shape == (2, 4, 16, 16)
    discriminator = StyleGANDiscriminator(32, fmaps_base=128, fmaps_max=4)
    layer = discriminator.layer1
    x = torch.randn(2, 4, 32, 32)
    plain = F.conv2d(layer.blur(x), layer.scaled_weight(), padding=1)
    plain = F.leaky_relu(F.avg_pool2d(plain, 2) + layer.bias[:, None, None], 0.2)
    assert torch.allclose(layer(x), plain, atol=1e-5)


@pytest.mark.parametrize("role", ["generator", "discriminator"])
@pytest.mark.parametrize("label_dim", [0, 7])
def test_state_dict_has_the_published_layout(role, label_dim):
    classes = {"generator": StyleGANGenerator, "discriminator": StyleGANDiscriminator}
    network = classes[role](256, label_dim=label_dim)
    expected = {key: entry["shape"] for key, entry in LAYOUTS[role]["state_dict"].items()}
    if label_dim:
        expected |= LAYOUTS[f"{role}_label7"]["differs_from_label0"]
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == expected
    count = LAYOUTS[f"{role}_label7" if label_dim else role]["parameters"]
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize(
    ("file", "network", "arguments"),
    [
        ("stylegan_gen_fine_tuned_v1.pth", StyleGANGenerator, {"label_embed_dim": 16}),
        ("stylegan_dis_fine_tuned_v1.pth", StyleGANDiscriminator, {"label_mode": "concat"}),
        ("v5 generator", StyleGANGenerator, {"label_dim": 3, "label_embed_dim": 0}),
    ],
)
def test_state_dict_has_the_layout_of_the_fine_tunes(file, network, arguments):
    built = network(256, **{"label_dim": 7, **arguments})
    found = {key: list(tensor.shape) for key, tensor in built.state_dict().items()}
    assert found == PUBLISHED[file]


@pytest.mark.parametrize("resolution", [8, 16, 1024])
def test_other_resolutions(resolution):
    generator = StyleGANGenerator(resolution, 8, 8, 8, fmaps_base=1024, fmaps_max=4).eval()
    discriminator = StyleGANDiscriminator(resolution, fmaps_base=1024, fmaps_max=4)
    image = generator(torch.randn(2, 8))
    assert image.shape == (2, 3, resolution, resolution)
    assert discriminator(image).shape == (2, 1)


@pytest.mark.parametrize("resolution", [4, 48, 2048])
def test_refuses_other_sides(resolution):
    with pytest.raises(ValueError, match="power of two"):
        StyleGANGenerator(resolution)
    with pytest.raises(ValueError, match="power of two"):
        StyleGANDiscriminator(resolution)


def test_minibatch_group_divides_the_batch():
    expected = {1: 1, 3: 3, 4: 4, 5: 1, 6: 3, 7: 1, 8: 4, 9: 3, 16: 4}
    assert {n: minibatch_group(n, 4) for n in expected} == expected
    discriminator = StyleGANDiscriminator(8, fmaps_base=64, fmaps_max=8)
    for n in expected:
        assert discriminator(torch.randn(n, 3, 8, 8)).shape == (n, 1)


def test_label_is_required_or_refused():
    with_label = StyleGANGenerator(8, 8, 8, 8, fmaps_base=64, fmaps_max=8, label_dim=2)
    without = StyleGANGenerator(8, 8, 8, 8, fmaps_base=64, fmaps_max=8)
    z = torch.randn(2, 8)
    for network, label in ((with_label, None), (with_label, z), (without, z)):
        with pytest.raises(ValueError, match="label"):
            network(z, label)
    with pytest.raises(ValueError, match="z must be"):
        without(torch.randn(2, 9))


def test_mode_changes_only_the_average_of_w():
    generator = StyleGANGenerator(8, 8, 8, 8, fmaps_base=64, fmaps_max=8)
    z = torch.randn(4, 8)
    expected = generator.eval()(z)
    assert torch.equal(generator.truncation.w_avg, torch.zeros(8))
    assert torch.equal(generator.train()(z), expected)
    mean = generator.mapping(z).mean(dim=0)
    assert torch.allclose(generator.truncation.w_avg, 0.005 * mean)


def test_style_mixing_and_fresh_noise_only_when_asked():
    generator = StyleGANGenerator(16, 8, 8, 8, fmaps_base=64, fmaps_max=8).eval()
    for name, parameter in generator.named_parameters():
        if name.endswith("apply_noise.weight"):
            parameter.fill_(1.0)
    z = torch.randn(2, 8)
    assert torch.equal(generator(z), generator(z))
    assert not torch.equal(generator(z, style_mixing_prob=1.0), generator(z))
    assert not torch.equal(generator(z, randomize_noise=True), generator(z, randomize_noise=True))


def test_r1_second_derivative_is_right():
    with torch.enable_grad():
        discriminator = StyleGANDiscriminator(8, fmaps_base=64, fmaps_max=8).double()
        image = torch.randn(4, 3, 8, 8, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradgradcheck(lambda x: discriminator(x).sum(), image, fast_mode=True)
        (gradient,) = torch.autograd.grad(discriminator(image).sum(), image, create_graph=True)
        gradient.square().sum().backward()
        weight = discriminator.layer1.weight
        found, step = weight.grad[0, 0, 1, 1].item(), 1e-6
        penalties = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[0, 0, 1, 1] += sign * step
            (gradient,) = torch.autograd.grad(discriminator(image).sum(), image)
            penalties.append(gradient.square().sum().item())
            with torch.no_grad():
                weight[0, 0, 1, 1] -= sign * step
    assert found == pytest.approx((penalties[0] - penalties[1]) / (2 * step), rel=1e-4, abs=1e-8)


def test_generator_gradient_is_right():
    with torch.enable_grad():
        generator = StyleGANGenerator(8, 4, 4, 4, 2, fmaps_base=64, fmaps_max=4).double().eval()
        torch.nn.init.normal_(generator.synthesis.layer0.const)
        wp = torch.randn(2, 4, 4, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(generator.synthesis, wp, fast_mode=True)


def test_checkpoint_round_trip(tmp_path):
    networks = (
        StyleGANGenerator(8, 8, 8, 8, 2, 64, 8, label_dim=2, label_embed_dim=3, fused_scale=True),
        StyleGANDiscriminator(8, 64, 8, label_dim=2, label_mode="concat", minibatch_std_group=2),
    )
    for network in networks:
        path = tmp_path / f"{network.kind}.safetensors"
        save_network(path, network)
        loaded = load_network(path, network.kind)
        assert loaded.config() == network.config()
        assert not loaded.training
        for key, tensor in network.state_dict().items():
            assert torch.equal(loaded.state_dict()[key], tensor)
