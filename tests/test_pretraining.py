"""Training of the drawn domain: losses, pools of portraits, generator, parser, annotator."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kills import Killed, kill_at, rows_of, same_weights
from torch import nn

from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.networks.files import load_network
from ohlora_lib.portraits.code import CODE, RAMPS, TEXTURES, TINTS, portrait_code
from ohlora_lib.portraits.parameters import parameters_from_latent
from ohlora_lib.portraits.renderer import render
from ohlora_lib.pretraining import paired
from ohlora_lib.pretraining import parser_and_annotator as readers
from ohlora_lib.pretraining import sharpen as adversarial
from ohlora_lib.pretraining.jobs import pretrain_adversarial, pretrain_paired
from ohlora_lib.pretraining.paired import (
    PairedOptions,
    calibrate_styles,
    draw_parameters,
    fit_mapping,
    pair_batch,
    paired_loss,
    style_axes,
    texture_loss,
    train_synthesis,
)
from ohlora_lib.pretraining.parser_and_annotator import (
    ReaderOptions,
    annotator_accuracy,
    parser_iou,
    train_annotator,
    train_parser,
)
from ohlora_lib.pretraining.portrait_pool import PortraitPool, draw_pool, open_pool
from ohlora_lib.pretraining.sharpen import (
    AdversarialOptions,
    discriminator_loss,
    r1_penalty,
    train_adversarial,
)
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import TrainingState

SIDE, Z_DIM = 16, 52
GENERATOR = {
    "resolution": SIDE,
    "z_dim": Z_DIM,
    "w_dim": 64,
    "hidden_dim": 52,
    "mapping_layers": 2,
    "fmaps_base": 128,
    "fmaps_max": 16,
}


# ---- losses


def pictures(seed: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    part_weight=st.floats(0, 8, width=32),
    gradient_weight=st.floats(0, 3, width=32),
    scale=st.floats(0.125, 4, width=32),
)
def test_paired_loss_is_a_weighted_norm_of_the_difference(
    seed, part_weight, gradient_weight, scale
):
    drawn, target = pictures(seed), pictures(seed + 1)
    parts = (pictures(seed + 2)[:, :1] > 0).float()
    weights = (part_weight, gradient_weight)
    loss = paired_loss(drawn, target, parts, *weights)
    assert loss > 0
    assert paired_loss(target, drawn, parts, *weights) == pytest.approx(loss.item(), rel=1e-5)
    assert paired_loss(drawn, drawn, parts, *weights) == 0
    assert paired_loss(scale * drawn, scale * target, parts, *weights) == pytest.approx(
        scale * loss.item(), rel=1e-4
    )


def test_paired_loss_weighs_face_parts_and_edges():
    target, nothing = torch.zeros(1, 3, 8, 8), torch.zeros(1, 1, 8, 8)
    # a constant offset has no edges: once per scale
    assert paired_loss(target + 0.25, target, nothing, 5.0, 7.0).item() == pytest.approx(0.75)
    parts = nothing.clone()
    parts[..., :4, :4] = 1
    inside, outside = target.clone(), target.clone()
    inside[..., 1:3, 1:3] = 0.5
    outside[..., 5:7, 5:7] = 0.5
    for gradient_weight in (0.0, 1.0):
        values = [
            paired_loss(drawn, target, parts, 5.0, gradient_weight).item()
            for drawn in (inside, outside)
        ]
        assert values[0] == pytest.approx(6 * values[1], rel=0.05)
    # the weights average to 1: parts shift attention, they do not raise the loss
    assert paired_loss(target + 0.25, target, parts, 5.0, 0.0).item() == pytest.approx(0.75)


def test_texture_loss_tells_how_strong_strands_are_and_which_way_they_run_but_not_where():
    strands = torch.zeros(1, 3, 16, 20)
    strands[..., ::4] = strands[..., 1::4] = 0.5  # down, two pixels wide
    moved, weaker = strands.roll(2, dims=3), 0.5 * strands
    across = strands[..., :16].transpose(2, 3)
    flat = torch.full_like(strands, strands.mean().item())
    assert texture_loss(strands, strands) == 0
    assert texture_loss(strands, moved) < 0.15 * texture_loss(strands, flat)
    assert texture_loss(strands, weaker) == pytest.approx(0.5 * texture_loss(strands, flat).item())
    assert texture_loss(strands, flat).item() == texture_loss(flat, strands).item()
    assert texture_loss(strands[..., :16], across) > texture_loss(strands, flat)
    assert texture_loss(strands + 0.3, strands).item() == pytest.approx(0, abs=1e-6)


class Quadratic(nn.Module):
    """Score with a gradient known in closed form: linear part `slope`, quadratic part `bend`."""

    def __init__(self, slope: torch.Tensor, bend: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope)
        self.bend = bend

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = (self.slope * x + 0.5 * self.bend * x.square()).sum(dim=(1, 2, 3))
        return score.unsqueeze(1)


@pytest.mark.parametrize("bend", [0.0, 1.7])
def test_r1_penalty_is_the_squared_gradient(bend):
    slope, x = pictures(0, 1)[0], pictures(1, 5)
    network = Quadratic(slope.clone(), bend)
    penalty = r1_penalty(network, x)
    gradient = slope + bend * x
    expected = gradient.square().sum(dim=(1, 2, 3)).mean()
    assert penalty.item() == pytest.approx(expected.item(), rel=1e-5)
    penalty.backward()  # the discriminator learns from it
    assert torch.allclose(network.slope.grad, 2 * gradient.mean(dim=0), atol=1e-4)
    assert not x.requires_grad


def test_discriminator_loss_of_an_undecided_and_of_a_certain_judge():
    real, fake = torch.full((3, 3, 4, 4), 1.0), torch.full((3, 3, 4, 4), -1.0)
    undecided = Quadratic(torch.zeros(3, 4, 4), 0.0)
    assert discriminator_loss(undecided, real, fake).item() == pytest.approx(2 * math.log(2))
    certain = Quadratic(torch.ones(3, 4, 4), 0.0)
    assert discriminator_loss(certain, real, fake).item() == pytest.approx(0, abs=1e-6)
    assert discriminator_loss(certain, fake, real).item() == pytest.approx(96)


# ---- pools


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> PortraitPool:
    folder = tmp_path_factory.mktemp("pool")
    draw_pool(folder, 48, Z_DIM, SIDE, SIDE, seed=3)
    return open_pool(folder)


def test_a_pool_holds_the_portraits_of_its_latents(pool, tmp_path):
    assert len(pool) == 48 and pool.z.dtype == np.float32
    drawn = render(parameters_from_latent(torch.from_numpy(np.array(pool.z[:5]))), SIDE)
    expected = (drawn.images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    assert np.abs(pool.images[:5].astype(int) - expected).max() <= 1
    assert (pool.class_maps[:5] == drawn.class_maps.numpy()).mean() > 0.99
    assert pool.attributes[:5, 0].tolist() == drawn.attributes["gender"].tolist()
    draw_pool(tmp_path, 48, Z_DIM, SIDE, SIDE, seed=3)
    again = open_pool(tmp_path)
    assert np.array_equal(again.z, pool.z) and np.array_equal(again.images, pool.images)
    draw_pool(tmp_path, 48, Z_DIM, SIDE, SIDE, seed=4)
    assert not np.array_equal(open_pool(tmp_path).z, pool.z)


def test_a_balanced_pool_has_many_rare_portraits_and_finer_maps(tmp_path):
    draw_pool(tmp_path, 200, Z_DIM, 8, 16, seed=3, balanced=True)
    found = open_pool(tmp_path)
    assert found.images.shape == (200, 8, 8, 3) and found.class_maps.shape == (200, 16, 16)
    _, quality, age, glass = found.attributes.mean(axis=0)
    for share in (1 - quality, age, glass):
        assert 0.12 < share < 0.33  # a sixth each, and the usual 5 %


# ---- base generator


def new_generator() -> StyleGANGenerator:
    torch.manual_seed(0)
    return StyleGANGenerator(**GENERATOR)


AXES = style_axes(GENERATOR["w_dim"], seed=1)
PAIRED = PairedOptions(
    kimg=(0.4, 0.4),
    batch=4,
    batch_coarse=8,
    half_life_kimg=0.05,
)


def test_style_axes_keep_the_codes_apart():
    assert AXES.shape == (len(CODE), 64) and AXES.dtype == torch.float32
    squares = torch.full((len(CODE),), 0.36)
    for names, square in ((TINTS, 1.0), (TEXTURES, 1.44), (RAMPS, 4.0)):
        squares[[CODE.index(name) for name in names]] = square
    assert torch.allclose(AXES @ AXES.T, torch.diag(squares), atol=1e-5)
    assert torch.equal(style_axes(64, seed=1), AXES)
    assert not torch.allclose(style_axes(64, seed=2), AXES, atol=0.01)
    with pytest.raises(ValueError, match="w_dim must be at least 60"):
        style_axes(51, seed=1)


def test_synthesis_training_learns_and_survives_a_kill(pool, tmp_path, monkeypatch):
    """150 steps: 50 at 8 pixels, 100 at 16."""
    states: list[TrainingState] = []

    class Recorded(TrainingState):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            states.append(self)

    class SavingLog(CsvLog):
        """Saves a state every 50 steps, where the training does so every 1000."""

        def add(self, **values) -> None:
            super().add(**values)
            states[-1].save(values["step"], {"seen": round(1000 * values["kimg"])})

    def train(folder: str) -> StyleGANGenerator:
        return train_synthesis(new_generator(), pool, AXES, PAIRED, tmp_path / folder)

    monkeypatch.setattr(paired, "TrainingState", Recorded)
    straight = train("straight")

    z, target, parts = pair_batch(pool, np.arange(len(pool)), torch.device("cpu"))
    with torch.inference_mode():
        drawn = [
            draw_parameters(network, parameters_from_latent(z), AXES)
            for network in (new_generator(), straight)
        ]
    losses = [paired_loss(images, target, parts, 5.0, 1.0).item() for images in drawn]
    assert losses[1] < 0.85 * losses[0]
    assert same_weights(straight.mapping, new_generator().mapping)
    learnt = straight.state_dict()
    for name, value in new_generator().state_dict().items():
        if name.endswith("apply_noise.noise"):
            assert value.equal(learnt[name]), name  # the same in every picture
    assert (tmp_path / "straight" / "fakes_000150.png").stat().st_size > 1000
    log = rows_of(tmp_path / "straight" / "log.csv")
    assert [row["step"] for row in log] == ["50", "100", "150"]
    assert [float(row["lod"]) for row in log] == [1.0, 0.0, 0.0]

    with monkeypatch.context() as patch:
        patch.setattr(paired, "CsvLog", SavingLog)
        kill_at(patch, paired, "paired_loss", 130)
        with pytest.raises(Killed):
            train("killed")
    torch.manual_seed(99)  # a new process has another random state
    resumed = train("killed")
    assert states[-1].directory == tmp_path / "killed"
    assert same_weights(straight, resumed) and not resumed.training
    assert rows_of(tmp_path / "killed" / "log.csv") == log
    # finished: nothing is trained again
    kill_at(monkeypatch, paired, "paired_loss", 1)
    assert same_weights(train("killed"), straight)


def test_stages_that_do_not_fit_the_resolution_are_refused(pool, tmp_path):
    options = PairedOptions(kimg=(1.0,))
    with pytest.raises(ValueError, match="one entry per resolution from 8 to 16 px"):
        train_synthesis(new_generator(), pool, AXES, options, tmp_path)


def test_the_mapping_network_learns_which_w_belongs_to_a_latent():
    def wide() -> StyleGANGenerator:
        torch.manual_seed(0)
        return StyleGANGenerator(**GENERATOR | {"hidden_dim": 128, "mapping_layers": 3})

    z = torch.randn(512, Z_DIM, generator=torch.Generator().manual_seed(1))
    wanted = portrait_code(parameters_from_latent(z)) @ AXES

    def missed(generator: StyleGANGenerator) -> float:
        """Share of the variance of w that is wrong for latents it has not seen; 1 is chance."""
        with torch.inference_mode():
            error = (generator.mapping(z) - wanted).square().sum() / wanted.square().sum()
        return error.item()

    generator, again = wide(), wide()
    options = PairedOptions(mapping_steps=400, mapping_batch=128)
    reported = fit_mapping(generator, AXES, options)
    assert missed(generator) < 0.92 < missed(again)
    assert reported == pytest.approx(missed(generator), abs=0.1)
    assert same_weights(generator.synthesis, wide().synthesis)
    torch.manual_seed(99)
    assert fit_mapping(again, AXES, options) == reported and same_weights(again, generator)


def test_calibration_gives_latents_the_renderers_distribution():
    """Styles of random latents become as varied as those of random parameters."""
    torch.manual_seed(0)
    generator = StyleGANGenerator(**GENERATOR | {"hidden_dim": 128, "mapping_layers": 3})
    fit_mapping(generator, AXES, PairedOptions(mapping_steps=300, mapping_batch=128))
    z = torch.randn(4000, Z_DIM, generator=torch.Generator().manual_seed(1))
    style = generator.synthesis.layer0.style
    with torch.no_grad():
        wanted = style(portrait_code(parameters_from_latent(z)) @ AXES).std(dim=0)
        before = style(generator.mapping(z)).std(dim=0)
        calibrate_styles(generator, AXES, seed=5, count=4000)
        after = style(generator.mapping(z)).std(dim=0)
    assert (after / wanted - 1).abs().mean() < 0.15 < (before / wanted - 1).abs().mean()


def new_discriminator() -> StyleGANDiscriminator:
    torch.manual_seed(1)
    return StyleGANDiscriminator(SIDE, fmaps_base=128, fmaps_max=16)


def test_adversarial_training_survives_a_kill(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(adversarial, "STEPS_PER_STATE", 4)
    options = AdversarialOptions(kimg=0.04, batch=4, warmup_steps=3, r1_every=2)  # 13 steps

    def train(folder: str) -> tuple[StyleGANGenerator, StyleGANDiscriminator]:
        return train_adversarial(
            new_generator(), new_discriminator(), pool, AXES, options, tmp_path / folder
        )

    straight = train("straight")
    assert not same_weights(straight[0], new_generator())
    assert not same_weights(straight[1], new_discriminator())
    with monkeypatch.context() as patch:
        kill_at(patch, adversarial, "discriminator_loss", 11)
        with pytest.raises(Killed):
            train("killed")
    torch.manual_seed(99)
    resumed = train("killed")
    for network, other in zip(straight, resumed, strict=True):
        assert same_weights(network, other) and not network.training


def test_the_generator_waits_while_the_discriminator_warms_up(pool, tmp_path):
    options = AdversarialOptions(kimg=0, batch=4, warmup_steps=3)
    generator, discriminator = train_adversarial(
        new_generator(), new_discriminator(), pool, AXES, options, tmp_path
    )
    assert same_weights(generator, new_generator())
    assert not same_weights(discriminator, new_discriminator())


def test_a_diverged_training_stops_and_keeps_its_last_good_state(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(adversarial, "STEPS_PER_STATE", 2)
    genuine, calls = adversarial.discriminator_loss, []

    def broken(*arguments):
        calls.append(None)
        return genuine(*arguments) * (float("nan") if len(calls) == 4 else 1)

    monkeypatch.setattr(adversarial, "discriminator_loss", broken)
    options = AdversarialOptions(kimg=0.04, batch=4, warmup_steps=2)
    with pytest.raises(FloatingPointError, match="at step 3; the last good state is in"):
        train_adversarial(new_generator(), new_discriminator(), pool, AXES, options, tmp_path)
    assert [path.name for path in tmp_path.glob("state-*")] == ["state-000000002.safetensors"]


def test_both_phases_as_jobs(pool, tmp_path):
    draw_pool(tmp_path / "pool", 16, Z_DIM, SIDE, SIDE, seed=1)
    paths = [tmp_path / f"{name}.safetensors" for name in ("paired", "generator", "discriminator")]
    first = {"kimg": [0.004, 0.004], "mapping_steps": 1}
    pretrain_paired(tmp_path / "pool", paths[0], tmp_path / "s1", GENERATOR, first, seed=5)
    second = {"kimg": 0.016, "warmup_steps": 1}
    pretrain_adversarial(tmp_path / "pool", *paths, tmp_path / "s2", second, seed=5)
    assert load_network(paths[1], "stylegan_generator").config() == new_generator().config()
    assert load_network(paths[2], "stylegan_discriminator").resolution == SIDE
    assert not same_weights(load_network(paths[0]), load_network(paths[1]))


# ---- parser and annotator


@pytest.mark.parametrize("train", [train_parser, train_annotator])
def test_readers_learn_and_survive_a_kill(train, tmp_path, monkeypatch):
    draw_pool(tmp_path / "pool", 64, Z_DIM, SIDE, 2 * SIDE, seed=3, balanced=True)
    pool = open_pool(tmp_path / "pool")
    options = ReaderOptions(kimg=0.24, batch=16)  # 15 steps
    monkeypatch.setattr(readers, "STEPS_PER_STATE", 6)
    straight = train(pool, options, tmp_path / "straight")
    with monkeypatch.context() as patch:
        kill_at(patch, readers, "augment", 9)
        with pytest.raises(Killed):
            train(pool, options, tmp_path / "killed")
    assert same_weights(straight, train(pool, options, tmp_path / "killed"))
    if train is train_parser:
        found = parser_iou(straight, pool)
        assert set(found) == {"mean", *(f"class_{index}" for index in range(11))}
        classes = [found[f"class_{index}"] for index in range(11)]
        assert found["mean"] == pytest.approx(np.mean(classes))
        assert all(0 <= value <= 1 for value in classes) and found["class_0"] > 0.2
    else:
        found = annotator_accuracy(straight, pool)
        assert set(found) == {"gender", "quality", "age", "glass"}
        assert all(0 <= value <= 1 for value in found.values())
        assert np.mean(list(found.values())) > 0.55


def test_augmentation_keeps_the_range_and_the_picture():
    images = pictures(0, 6)
    found = readers.augment(images, torch.Generator().manual_seed(0))
    assert found.shape == images.shape and found.abs().max() <= 1
    assert torch.equal(found, readers.augment(images, torch.Generator().manual_seed(0)))
    other = readers.augment(images, torch.Generator().manual_seed(1))
    assert not torch.equal(found, other)
    for before, after in zip(images, found, strict=True):
        assert np.corrcoef(before.flatten(), after.flatten())[0, 1] > 0.4
