"""Training: what survives a kill, the losses, the moving average, the folds of a classifier."""

import csv
import math
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch import nn

from ohlora_lib.errors import InputError
from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.networks.attribute_cnn import AttributeCNN, predict
from ohlora_lib.networks.files import load_network, save_network
from ohlora_lib.populations.classify import predict_attribute, train_classifier
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
from ohlora_lib.store import lock
from ohlora_lib.store.lock import take_lock
from ohlora_lib.store.shards import write_image_shard
from ohlora_lib.store.tables import read_json, read_table, write_table
from ohlora_lib.training import classifier
from ohlora_lib.training import state as training_state
from ohlora_lib.training.average import MovingAverage
from ohlora_lib.training.classifier import (
    ClassifierOptions,
    Fold,
    FoldData,
    check_answers,
    fold_metrics,
    split,
    train_fold,
)
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import EARLIER, TrainingState, fingerprint, locked

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


class Killed(BaseException):
    """Stands for a kill in the middle of a training."""


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    assert states[0].keys() == states[1].keys()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def kill_at(monkeypatch: pytest.MonkeyPatch, module, name: str, call: int) -> None:
    """Make the function `name` of a module raise `Killed` when it is called for that time."""
    function, calls = getattr(module, name), []

    def counted(*arguments):
        calls.append(None)
        if len(calls) == call:
            raise Killed
        return function(*arguments)

    monkeypatch.setattr(module, name, counted)


# ---- state


def build(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    groups = [
        {"params": module[0].parameters(), "lr": 0.1},
        {"params": module[1:].parameters(), "lr": 0.01, "eps": 1e-10},
    ]
    return module, torch.optim.AdamW(groups, betas=(0.5, 0.9))


def step(module: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    module(x).square().mean().backward()
    optimizer.step()


def state_of(folder: Path, module, optimizer, options: dict) -> TrainingState:
    return TrainingState(folder, options, {"net": module}, {"adam": optimizer})


def test_a_restored_state_goes_on_exactly(tmp_path):
    straight = build()
    for seed in range(6):
        step(*straight, seed)
    begun = build()
    for seed in range(3):
        step(*begun, seed)
    state_of(tmp_path, *begun, {"lr": 1}).save(3, {"seen": 24, "name": "a"})
    resumed = build(seed=9)  # other weights, to be overwritten
    assert state_of(tmp_path, *resumed, {"lr": 1}).restore() == (3, {"seen": 24, "name": "a"})
    for group in resumed[1].param_groups:
        assert tuple(group["betas"]) == (0.5, 0.9)
    assert [group["lr"] for group in resumed[1].param_groups] == [0.1, 0.01]
    for seed in range(3, 6):
        step(*resumed, seed)
    assert same_weights(straight[0], resumed[0])


def test_the_newest_two_states_are_kept(tmp_path):
    module, optimizer = build()
    state = state_of(tmp_path, module, optimizer, {})
    assert state.restore() == (0, {})
    for number in (5, 50, 1000, 12_000):
        state.save(number)
    names = sorted(path.name for path in tmp_path.glob("state-*"))
    assert names == ["state-000001000.safetensors", "state-000012000.safetensors"]
    assert state.restore() == (12_000, {})


def test_other_options_do_not_resume(tmp_path):
    module, optimizer = build()
    state_of(tmp_path, module, optimizer, {"lr": 1}).save(7)
    other = build(seed=1)
    untouched = build(seed=1)
    assert state_of(tmp_path, *other, {"lr": 2}).restore() == (0, {})
    assert same_weights(other[0], untouched[0])
    # coming back to the first options finds their state again
    assert state_of(tmp_path, *other, {"lr": 1}).restore()[0] == 7


def test_a_training_with_other_options_keeps_its_states_among_older_ones(tmp_path):
    module, optimizer = build()
    for number in (500, 600):
        state_of(tmp_path, module, optimizer, {"lr": 1}).save(number)
    state = state_of(tmp_path, module, optimizer, {"lr": 2})
    for number in (100, 200, 300):
        state.save(number)
        assert state.restore()[0] == number
    names = sorted(path.name for path in tmp_path.glob("state-*"))
    assert names == ["state-000000200.safetensors", "state-000000300.safetensors"]
    state.clear()
    assert state.restore() == (0, {}) and not list(tmp_path.glob("state-*"))


def test_the_seconds_of_earlier_jobs_are_added_up(tmp_path, monkeypatch):
    clock = iter([100.0, 107.0, 500.0, 503.0, 900.0])
    watch = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("ohlora_lib.training.state.time", watch)
    module, optimizer = build()

    def earlier(restored: TrainingState) -> tuple[int, float]:
        step = restored.restore()[0]
        return step, read_json(tmp_path / EARLIER)["seconds"]

    state = state_of(tmp_path, module, optimizer, {})
    assert earlier(state) == (0, 0.0)
    state.save(5)  # after 7 seconds; killed later
    state = state_of(tmp_path, module, optimizer, {})
    assert earlier(state) == (5, 7.0)
    state.save(9)  # after 3 more
    assert earlier(state_of(tmp_path, module, optimizer, {})) == (9, 10.0)


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "zeros"])
def test_a_damaged_newest_state_falls_back_on_the_one_before(tmp_path, damage):
    module, optimizer = build()
    state = state_of(tmp_path, module, optimizer, {})
    step(module, optimizer, 0)
    state.save(1)
    saved = {name: value.clone() for name, value in module.state_dict().items()}
    step(module, optimizer, 1)
    state.save(2)
    newest = tmp_path / "state-000000002.safetensors"
    raw = newest.read_bytes()
    newest.write_bytes(
        {"empty": b"", "cut": raw[: len(raw) // 2], "text": b"no state", "zeros": bytes(len(raw))}[
            damage
        ]
    )
    assert state.restore()[0] == 1
    assert all(torch.equal(module.state_dict()[name], value) for name, value in saved.items())
    newest.unlink()
    (tmp_path / "state-000000001.safetensors").write_bytes(b"")
    assert state.restore() == (0, {})


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5), st.integers() | st.floats(allow_nan=False) | st.booleans(), max_size=5
    )
)
def test_fingerprints_follow_the_options(options):
    mark = fingerprint(options)
    assert len(mark) == 12 and set(mark) <= set("0123456789abcdef")
    assert fingerprint(dict(reversed(list(options.items())))) == mark
    assert fingerprint({**options, "one more": 1}) != mark


def test_a_directory_in_use_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setattr(training_state, "PATIENCE", 0)
    other = take_lock(folder / "lock")
    with pytest.raises(InputError, match="in use by another training process") as info:
        with locked(folder):
            raise AssertionError
    assert str(folder) in str(info.value)
    os.close(other)
    with pytest.raises(Killed), locked(folder):  # a lock that a crash leaves is no lock
        raise Killed
    with locked(folder):
        pass


def test_a_process_that_is_about_to_end_is_waited_for(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    folder.mkdir()
    other = take_lock(folder / "lock")
    monkeypatch.setattr(lock.time, "sleep", lambda seconds: os.close(other))
    with locked(folder):
        assert take_lock(folder / "lock") is None


def test_who_holds_a_directory_can_train_in_it_and_write(tmp_path):
    folder = tmp_path / "state"
    with locked(folder):
        with locked(str(folder)):
            assert take_lock(folder / "lock") is None
        assert take_lock(folder / "lock") is None
    os.close(take_lock(folder / "lock"))


# ---- log and average


def rows_of(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_log_drops_the_rows_after_the_restored_step(tmp_path):
    path = tmp_path / "log.csv"
    log = CsvLog(path, 0)
    assert not path.exists()
    for number in (10, 20, 30, 40):
        log.add(step=number, loss=number / 7)
    CsvLog(path, 20).add(step=30, loss=0.5)
    assert [(row["step"], row["loss"]) for row in rows_of(path)] == [
        ("10", str(10 / 7)),
        ("20", str(20 / 7)),
        ("30", "0.5"),
    ]
    CsvLog(path, 0).add(step=1, other="x")  # from the start: old columns go, too
    assert rows_of(path) == [{"step": "1", "other": "x"}]


@pytest.mark.parametrize(
    "torn", ["2,30", "2", "2,300,0.1", "2,", ",,", "2,3e2,0.5\r\n", "2,300\r\n"]
)
def test_a_row_that_a_full_disk_cut_short_is_dropped(tmp_path, torn):
    path = tmp_path / "log.csv"
    log = CsvLog(path, 0)
    log.add(epoch=0, step=100, loss=0.25)
    log.add(epoch=1, step=200, loss=0.125)
    whole = path.read_bytes()
    with path.open("a", newline="") as file:
        file.write(torn)
    CsvLog(path, 300)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("torn", ["", "epoch,st", "epoch,step,loss", "epoch,step,loss\r\n0,1"])
def test_a_log_that_a_full_disk_cut_short_at_once_begins_anew(tmp_path, torn):
    path = tmp_path / "log.csv"
    path.write_text(torn, newline="")
    CsvLog(path, 100).add(epoch=1, step=200, loss=0.5)
    assert rows_of(path) == [{"epoch": "1", "step": "200", "loss": "0.5"}]


def test_the_moving_average_halves_in_its_half_life():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = MovingAverage(module, half_life=100)
    assert not average.module.training and same_weights(average.module, module)
    assert not any(parameter.requires_grad for parameter in average.module.parameters())
    with torch.no_grad():
        module[0].weight.fill_(1.0)
        average.module[0].weight.zero_()
        module[1].running_mean.fill_(3.0)
    average.update(module, 100)
    assert average.module[0].weight.flatten().tolist() == pytest.approx([0.5] * 4)
    for _ in range(10):
        average.update(module, 10)
    assert average.module[0].weight.flatten().tolist() == pytest.approx([0.75] * 4)
    assert average.module[1].running_mean.tolist() == [3.0, 3.0]  # a buffer is copied
    assert module[0].weight.flatten().tolist() == [1.0] * 4


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


# ---- folds


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(20, 200),
    share=st.floats(0.3, 0.7),
    folds=st.integers(2, 5),
    stratified=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
)
def test_folds_are_a_partition(count, share, folds, stratified, seed):
    labels = (np.arange(count) < share * count).astype(np.int64)
    parts = split(labels, folds, stratified, seed)
    assert len(parts) == folds
    for train, validation in parts:
        assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(count))
    everything = np.concatenate([validation for _, validation in parts])
    assert np.array_equal(np.sort(everything), np.arange(count))
    sizes = [len(validation) for _, validation in parts]
    assert max(sizes) - min(sizes) <= (2 if stratified else 1)
    if stratified:
        ones = [labels[validation].sum() for _, validation in parts]
        assert max(ones) - min(ones) <= 1
    for (_, first), (_, second) in zip(parts, split(labels, folds, stratified, seed), strict=True):
        assert np.array_equal(first, second)


def test_folds_are_shuffled_by_the_seed():
    labels = np.arange(100) % 2
    first, other = (split(labels, 5, False, seed)[0][1] for seed in (1, 2))
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, np.arange(20))


def test_a_rare_answer_is_spread_over_the_folds_as_far_as_it_goes(recwarn):
    labels = np.zeros(100, np.int64)
    labels[:4] = 1
    parts = split(labels, 5, True, 0)
    assert sorted(labels[validation].sum() for _, validation in parts) == [0, 1, 1, 1, 1]
    assert not recwarn.list


def test_labels_that_teach_nothing_are_refused(capsys):
    few = np.arange(100) < 4
    check_answers(few.astype(np.int64), 4, "glass", False)
    assert not capsys.readouterr().out
    check_answers(few.astype(np.int64), 5, "glass", False)
    assert "only 4 of 100 labels of glass" in capsys.readouterr().out
    with pytest.raises(InputError, match="all 100 labels of gender are 1, from which nothing"):
        check_answers(np.ones(100, np.int64), 5, "gender", False)
    check_answers(np.ones(100, np.int64), 5, "gender", True)  # it knows from elsewhere


# ---- metrics


@settings(max_examples=60, deadline=None)
@given(data=st.data(), cut=st.sampled_from([0.1, 0.5, 0.9]))
def test_metrics_are_those_of_scikit_learn(data, cut):
    n = data.draw(st.integers(2, 40))
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    labels[:2] = (0, 1)
    levels = st.integers(0, 1000).map(lambda value: value / 1000)
    scores = np.array(data.draw(st.lists(levels, min_size=n, max_size=n)), np.float32)
    found = fold_metrics(labels, scores, cut)
    answers = (scores >= cut).astype(int)
    clipped = np.clip(scores.astype(np.float64), 1e-7, 1 - 1e-7)
    expected = {
        "loss": sk.log_loss(labels, clipped),
        "accuracy": sk.accuracy_score(labels, answers),
        "precision": sk.precision_score(labels, answers, zero_division=0),
        "recall": sk.recall_score(labels, answers, zero_division=0),
        "f1": sk.f1_score(labels, answers, zero_division=0),
        "auroc": sk.roc_auc_score(labels, scores),
    }
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_auroc_of_one_kind_of_answer_is_missing():
    found = fold_metrics(np.ones(5, int), np.linspace(0, 1, 5), 0.5)
    assert math.isnan(found["auroc"]) and found["recall"] == pytest.approx(0.6)


# ---- one fold


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """60 pictures, a third of them bright: an attribute that is easy to learn."""
    random = np.random.default_rng(0)
    labels = (np.arange(60) % 3 == 0).astype(np.int64)
    images = random.integers(0, 120, (60, 32, 32, 3)) + 110 * labels[:, None, None, None]
    return images.astype(np.uint8), labels


QUICK = ClassifierOptions(learning_rate=1e-3, batch=8, patience=2, max_epochs=6, max_loss=0.6)


def test_a_fold_learns_and_keeps_its_best_epoch(faces, tmp_path):
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[0]
    data = FoldData(images, labels, train, validation)
    fold = train_fold("gender", data, QUICK, 4, tmp_path)
    losses = [epoch["loss"] for epoch in fold.history]
    assert fold.loss == min(losses) < 0.5
    assert fold.best_epoch == int(np.argmin(losses))
    assert fold.attempts == [
        {"loss": fold.loss, "best_epoch": fold.best_epoch, "epochs": len(losses)}
    ]
    assert len(losses) <= min(QUICK.max_epochs, fold.best_epoch + QUICK.patience + 1)
    # the network is that of the best epoch, not of the last one
    assert not fold.network.training
    again = predict(fold.network, images[validation])
    assert np.allclose(again, fold.scores, atol=1e-6)
    assert fold_metrics(labels[validation], again, 0.5)["loss"] == pytest.approx(fold.loss)
    assert fold_metrics(labels[validation], again, 0.5)["auroc"] > 0.95


def test_training_stops_when_patience_ends(faces, tmp_path, monkeypatch):
    """Published: total epochs = best epoch + 21 with a patience of 20 and epochs from 0."""
    images, labels = faces
    scripted = iter([0.5, 0.4, 0.45, 0.41, 0.3])
    genuine = classifier.fold_metrics
    monkeypatch.setattr(
        classifier, "fold_metrics", lambda *a: {**genuine(*a), "loss": next(scripted)}
    )
    rows = np.arange(60)
    data = FoldData(images, labels, rows[:40], rows[40:])
    fold = train_fold("gender", data, QUICK, 0, tmp_path)
    assert fold.best_epoch == 1 and fold.loss == 0.4
    assert [epoch["loss"] for epoch in fold.history] == [0.5, 0.4, 0.45, 0.41]
    assert len(fold.history) == fold.best_epoch + QUICK.patience + 1


def test_the_same_seed_trains_the_same_network(faces, tmp_path):
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[1]
    options = ClassifierOptions(learning_rate=1e-3, patience=1, max_epochs=2, max_loss=10)
    torch.manual_seed(5)
    data = FoldData(images, labels, train, validation)
    folds = [
        train_fold("quality", data, options, seed, tmp_path / str(number))
        for number, seed in enumerate((4, 4, 5))
    ]
    assert same_weights(folds[0].network, folds[1].network)
    assert folds[0].history == folds[1].history
    assert not same_weights(folds[0].network, folds[2].network)


def scripted_trainings(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> list[int]:
    """Replace the training by one that reaches the given losses; returns the seeds it got."""
    seeds, remaining = [], iter(losses)

    def fake(network, data, options, seed, *_) -> Fold:
        seeds.append(seed)
        return Fold(nn.Identity(), next(remaining), np.zeros(1), 3, [{"epoch": 0}] * 5)

    monkeypatch.setattr(classifier, "_train_once", fake)
    return seeds


def test_a_failed_training_is_repeated_from_other_weights(monkeypatch, tmp_path):
    seeds = scripted_trainings(monkeypatch, [0.5, 0.36, 0.35])
    rows = np.arange(2)
    data = FoldData(np.zeros((2, 32, 32, 3), np.uint8), rows, rows, rows)
    fold = train_fold("gender", data, ClassifierOptions(), 1, tmp_path)
    assert fold.loss == 0.35 and len(set(seeds)) == 3
    assert [item["loss"] for item in fold.attempts] == [0.5, 0.36, 0.35]
    assert {(item["best_epoch"], item["epochs"]) for item in fold.attempts} == {(3, 5)}


def test_the_limit_of_trainings_ends_in_one_sentence(monkeypatch, tmp_path):
    seeds = scripted_trainings(monkeypatch, [0.5, float("nan"), 0.123])
    rows = np.arange(2)
    options = ClassifierOptions(max_loss=0.1, max_attempts=3)
    data = FoldData(np.zeros((2, 32, 32, 3), np.uint8), rows, rows, rows)
    with pytest.raises(InputError) as info:
        train_fold("quality", data, options, 1, tmp_path)
    text = str(info.value)
    assert "quality classifier failed" in text and "0.500, nan, 0.123" in text
    assert "attributes.quality.max_loss" in text and "\n" not in text
    assert len(seeds) == 3


def test_every_attempt_starts_from_the_given_weights(faces, tmp_path, monkeypatch):
    images, labels = faces
    rows = np.arange(60)
    data = FoldData(images, labels, rows[:40], rows[40:])
    torch.manual_seed(3)
    start = AttributeCNN("gender", 32).eval()
    before = {name: value.clone() for name, value in start.state_dict().items()}
    seen: list[tuple[nn.Module, int]] = []
    genuine = classifier._train_once

    def watched(network, data, options, seed, *rest) -> Fold:
        assert network is not start and same_weights(network, start)
        seen.append((network, seed))
        fold = genuine(network, data, options, seed, *rest)
        return replace(fold, loss=fold.loss if len(seen) == 2 else 9.0)

    monkeypatch.setattr(classifier, "_train_once", watched)
    options = replace(QUICK, max_epochs=1, max_loss=8)
    fold = train_fold("gender", data, options, 1, tmp_path, start)
    assert len(fold.attempts) == 2 and len({seed for _, seed in seen}) == 2
    assert all(torch.equal(start.state_dict()[name], value) for name, value in before.items())
    assert not same_weights(fold.network, start)  # it has learnt


def test_a_training_that_starts_from_a_trained_network_is_ahead(faces, tmp_path):
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[0]
    data = FoldData(images, labels, train, validation)
    parent = train_fold("gender", data, QUICK, 4, tmp_path / "parent")
    slow = replace(QUICK, learning_rate=1e-6, max_epochs=1, max_loss=9)
    child = train_fold("gender", data, slow, 5, tmp_path / "child", parent.network)
    alone = train_fold("gender", data, slow, 5, tmp_path / "alone")
    assert child.loss == pytest.approx(parent.loss, abs=0.05) and child.loss < 0.5 < alone.loss


def test_a_killed_fold_goes_on_to_the_same_network(faces, tmp_path, monkeypatch):
    """Two attempts of four epochs; killed before the first ends, and in the second."""
    images, labels = faces
    train, validation = split(labels, 3, True, 1)[0]
    labels = np.where(np.isin(np.arange(60), validation), 1 - labels, labels)
    data = FoldData(images, labels, train, validation)  # what is learnt is wrong there
    options = replace(QUICK, max_epochs=4, patience=4, max_loss=9.0)
    genuine = classifier._train_once

    def first_fails(network, data, options, seed, folder, settings) -> Fold:
        fold = genuine(network, data, options, seed, folder, settings)
        return replace(fold, loss=10.0) if folder.name == "attempt-1" else fold

    def fold_in(folder: str) -> Fold:
        torch.manual_seed(99)  # a new process has another random state
        return train_fold("gender", data, options, 1, tmp_path / folder, code="a")

    monkeypatch.setattr(classifier, "_train_once", first_fails)
    straight = fold_in("straight")
    assert straight.best_epoch < 2  # before the kill: a state also holds the best network
    assert not list((tmp_path / "straight").rglob("state-*"))  # it was too short
    monkeypatch.setattr(classifier, "SAVE_EVERY", 0.0)
    for call in (3, 5):  # in the third epoch; in the third of the second attempt, 2 of 4 kept
        with monkeypatch.context() as patch:
            kill_at(patch, classifier, "predict", call)
            with pytest.raises(Killed):
                fold_in("killed")
    found = [path.parent.name for path in sorted((tmp_path / "killed").rglob("state-*"))]
    assert found == ["attempt-1"] * 2 + ["attempt-2"] * 2  # two of each, however long it takes
    resumed = fold_in("killed")
    assert same_weights(resumed.network, straight.network) and not resumed.network.training
    assert (resumed.history, resumed.attempts) == (straight.history, straight.attempts)
    assert (resumed.loss, resumed.best_epoch) == (straight.loss, straight.best_epoch)
    assert np.array_equal(resumed.scores, straight.scores)

    with monkeypatch.context() as patch:  # finished: nothing is trained again
        kill_at(patch, classifier, "_batches", 1)
        assert same_weights(fold_in("killed").network, straight.network)
        with pytest.raises(Killed):  # made by other code
            train_fold("gender", data, options, 1, tmp_path / "killed", code="b")
    other = replace(data, labels=1 - labels)
    kill_at(monkeypatch, classifier, "_batches", 1)
    with pytest.raises(Killed):  # of other labels
        train_fold("gender", other, options, 1, tmp_path / "killed", code="a")


def test_states_of_a_fold_are_a_minute_apart(faces, tmp_path, monkeypatch):
    images, labels = faces
    rows = np.arange(60)
    clock = iter([0.0, 59.0, 61.0, 62.0, 120.0, 122.5, 123.0])  # start, epochs, after a state
    watch = SimpleNamespace(monotonic=lambda: next(clock))
    saved: list[int] = []
    monkeypatch.setattr(classifier, "time", watch)
    monkeypatch.setattr(TrainingState, "save", lambda self, step, info: saved.append(step))
    options = replace(QUICK, max_epochs=4, patience=9, max_loss=9.0)
    train_fold("gender", FoldData(images, labels, rows[:40], rows[40:]), options, 0, tmp_path)
    assert saved == [2, 4]


# ---- the jobs around it


def write_labelled(folder: Path, images: np.ndarray, labels: np.ndarray) -> tuple[list[Path], Path]:
    count = len(images)
    ids = np.arange(count)
    shards = [folder / "shard-0.parquet", folder / "shard-1.parquet"]
    for path, rows in zip(shards, np.array_split(ids, 2), strict=True):
        write_image_shard(path, rows, rows, np.zeros((len(rows), 4)), images[rows])
    table = pd.DataFrame({"id": ids, "gender": labels.astype(np.uint8)})
    write_table(folder / "labels.parquet", table.iloc[::-1])  # the order of rows does not matter
    return shards, folder / "labels.parquet"


def test_folds_as_jobs_and_their_answers_for_every_image(faces, tmp_path):
    images, labels = faces
    shards, table = write_labelled(tmp_path, images, labels)
    options = {
        "folds": 3,
        "stratified": False,
        "learning_rate": 1e-3,
        "batch": 8,
        "patience": 1,
        "max_epochs": 3,
        "max_loss": 10.0,
        "max_attempts": 1,
        "cut": 0.5,
    }
    weights = [tmp_path / f"fold-{fold}.safetensors" for fold in range(3)]
    documents = []
    for fold, path in enumerate(weights):
        report = tmp_path / f"fold-{fold}.json"
        state = tmp_path / f"state-{fold}"
        train_classifier(shards, table, path, report, "gender", fold, options, 7, state)
        documents.append(read_json(report))
    validated = [document["validation"]["id"] for document in documents]
    assert sorted(sum(validated, [])) == list(range(60))  # every image in exactly one fold
    for fold, document in enumerate(documents):
        assert (document["attribute"], document["fold"]) == ("gender", fold)
        assert document["epochs"] == len(document["history"]) <= 3
        truth = document["validation"]
        assert truth["label"] == labels[truth["id"]].tolist()
        expected = fold_metrics(np.array(truth["label"]), np.array(truth["score"]), 0.5)
        assert {name: document[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    before = weights[1].read_bytes()
    again = tmp_path / "again.json"
    train_classifier(shards, table, weights[1], again, "gender", 1, options, 7, tmp_path / "again")
    assert weights[1].read_bytes() == before
    assert read_json(tmp_path / "again.json") == documents[1]

    started = (shards, table, tmp_path / "started.safetensors", report, "gender", 0)
    shorter = {**options, "max_epochs": 1}
    train_classifier(*started, shorter, 7, tmp_path / "started", start=weights[0])
    assert read_json(report)["history"][0]["loss"] < documents[0]["history"][0]["loss"]

    predict_attribute(weights, shards, tmp_path / "predictions.parquet")
    found = read_table(tmp_path / "predictions.parquet")
    assert list(found.columns) == ["id", "fold_0", "fold_1", "fold_2", "mean"]
    assert found["id"].tolist() == list(range(60))
    folds = found[["fold_0", "fold_1", "fold_2"]].to_numpy()
    assert np.allclose(found["mean"], folds.mean(axis=1), atol=6e-7)
    for fold, document in enumerate(documents):
        rows = document["validation"]["id"]
        assert folds[rows, fold] == pytest.approx(document["validation"]["score"], abs=5e-6)


def test_a_finished_network_is_judged_and_not_trained(faces, tmp_path):
    shards, table = write_labelled(tmp_path, *faces)
    torch.manual_seed(3)
    made = AttributeCNN("gender", 32)
    save_network(tmp_path / "made.safetensors", made)
    options = {"folds": 3, "stratified": False, "max_epochs": 5, "max_loss": 1e-6}
    weights, report = tmp_path / "weights.safetensors", tmp_path / "fold.json"
    arguments = (shards, table, weights, report, "gender", 1, options, 7, tmp_path / "state")
    train_classifier(*arguments, start=tmp_path / "made.safetensors", finished=True)
    assert same_weights(load_network(weights), made)
    document = read_json(report)
    assert (document["epochs"], document["attempts"], document["history"]) == (0, [], [])
    assert len(document["validation"]["id"]) == 20 and 0 <= document["accuracy"] <= 1


@pytest.mark.parametrize(("attribute", "side"), [("quality", 32), ("gender", 48)])
def test_a_start_of_another_attribute_or_resolution_is_refused(faces, tmp_path, attribute, side):
    shards, table = write_labelled(tmp_path, *faces)
    save_network(tmp_path / "start.safetensors", AttributeCNN(attribute, side))
    options = {"folds": 3, "stratified": False, "max_epochs": 1}
    weights, report = tmp_path / "weights.safetensors", tmp_path / "fold.json"
    arguments = (shards, table, weights, report, "gender", 0, options, 7, tmp_path / "state")
    with pytest.raises(InputError) as info:
        train_classifier(*arguments, tmp_path / "start.safetensors")
    text = str(info.value)
    assert f"start.safetensors predicts {attribute} at {side} pixels" in text
    assert "gender at 32 cannot start from it" in text and "\n" not in text
    assert "populations.*.training.gender.start" in text
    assert not weights.exists() and not report.exists()


def test_labels_all_alike_need_a_start_and_leave_no_auroc(faces, tmp_path):
    images, _ = faces
    shards, table = write_labelled(tmp_path, images, np.ones(len(images), np.int64))
    start = tmp_path / "start.safetensors"
    save_network(start, AttributeCNN("gender", images.shape[1]))
    options = {"folds": 2, "stratified": True, "max_epochs": 1, "max_loss": 9.0}
    weights, report = tmp_path / "weights.safetensors", tmp_path / "fold.json"
    arguments = (shards, table, weights, report, "gender", 0, options, 7, tmp_path / "state")
    with pytest.raises(InputError, match="all .* labels of gender are 1"):
        train_classifier(*arguments)
    assert not weights.exists() and not report.exists()
    train_classifier(*arguments, start)
    assert weights.exists() and read_json(report)["auroc"] is None
