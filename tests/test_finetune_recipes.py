"""Fine-tunes: the published recipes are the published ones, and what the recipes' switches do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_finetunes import objective, small_finetune
from torch import nn

from ohlora_lib.methods.finetune.adversarial import AdversarialObjective
from ohlora_lib.methods.finetune.drawing import (
    attribute_loss,
    draw_faces,
    precision,
    requested_labels,
)
from ohlora_lib.methods.finetune.loop import _rate
from ohlora_lib.methods.finetune.objective import descend, generator_groups
from ohlora_lib.methods.finetune.options import ALL_LABELS
from ohlora_lib.methods.finetune.training_faces import batch_rows
from ohlora_lib.methods.finetune.versions import PUBLISHED, VERSIONS, version_options
from ohlora_lib.scores import CONTROLLED

# Spec 0.5: what all of them have in common.
EVERY = {
    "optimizer": "adamw",
    "precision": "float32",
    "clip": 0.0,
    "half_life": 0.0,  # no moving average in use
    "whole_epochs": True,
    "keep_best": False,
    "lr_by_multiplier": False,
    "embedding_std": 1.0,
    "label_scale": 0.0,
    "quantise": False,
    "judge_dropout": True,
    "judge_range": False,
    "auxiliary": 0.0,
    "warmup": 0,
    "content": 0.0,
}
# Spec 6.2, 9, 10.1 and 13.4: those with a discriminator.
GAN = {
    "objective": "adversarial",
    "lr": 1e-4,
    "critic_lr": 1e-4,
    "schedule": "constant",
    "r1_gamma": 10.0,
    "r1_every": 1,
    "fresh_noise": True,
    "max_g_steps": 4,
    "attributes": (),
}
LAST = {**GAN, "discriminator": "stylegan", "discriminator_trainable": "last", "max_d_steps": 1}
CROPS = {
    **GAN,
    "labels": CONTROLLED,
    "embedding": 0,
    "start": "v1",
    "scores": "cnn",
    "keep_weights": False,
    "trainable": "all",
    "batch": 16,
    "discriminator": "crops",
    "discriminator_trainable": "all",
    "max_d_steps": 4,
    "color_jitter": 0.1,
}
SPEC = {
    "v1": {
        **LAST,
        "labels": ALL_LABELS,
        "embedding": 16,
        "start": "original",
        "scores": "v1",
        "keep_weights": False,
        "trainable": "mapping",
        "batch": 16,
        "style_mixing": 0.9,
    },
    "v2": {
        "objective": "scores",
        "labels": ALL_LABELS,
        "embedding": 16,
        "targets": ALL_LABELS[:6],
        "start": "v1",
        "keep_weights": False,
        "trainable": "all",
        "judge_trainable": True,
        "batch": 16,
        "lr": 1e-5,
        "critic_lr": 1e-5,  # one optimiser for all
        "schedule": "swing",
        "swing_period": 20,
        "swing_steps": 50,
        "curriculum": 0.9,
        "style_mixing": 0.0,
    },
    "v3": {
        "objective": "autoencoder",
        "labels": ALL_LABELS,
        "embedding": 24,
        "targets": CONTROLLED,
        "start": "v1",
        "scores": "cnn",
        "keep_weights": False,
        "trainable": "mapping",
        "attributes": ("gender",),
        "attribute_weight": 1.0,
        "mean_weight": 0.2,
        "variance_weight": 0.05,
        "swap_labels": 0.0,
        "batch": 8,
        "lr": 1e-4,
        "critic_lr": 1e-5,
        "schedule": "swing",
        "swing_period": 10,
        "swing_steps": 588,  # an epoch of 4,703 faces
        "style_mixing": 0.0,
        "fresh_noise": False,
    },
    "v4": {
        **LAST,
        "labels": CONTROLLED,
        "embedding": 16,
        "start": "v1",
        "scores": "cnn",
        "keep_weights": False,
        "trainable": "mapping",
        "batch": 8,
        "style_mixing": 0.9,
    },
    "v5_1": {**CROPS, "style_mixing": 0.9, "truncation_psi": 1.0},
    "v5_2": {
        "objective": "scores",
        "labels": CONTROLLED,
        "embedding": 0,
        "targets": CONTROLLED,
        "start": "v1",
        "keep_weights": False,
        "trainable": "mapping",
        "judge_trainable": False,
        "batch": 16,
        "lr": 1e-4,
        "schedule": "constant",
        "curriculum": 0.0,
        "style_mixing": 0.0,
    },
    "v5_3": {
        **CROPS,
        "style_mixing": 0.0,
        "truncation_psi": 0.5,
        "truncation_samples": 1000,
    },
    "v8": {
        **LAST,
        "labels": ALL_LABELS,
        "embedding": 16,
        "start": "v1",
        "keep_weights": True,
        "trainable": "first",
        "zero_labels": True,
        "batch": 8,
        "style_mixing": 0.0,
    },
}


@pytest.mark.parametrize("version", VERSIONS)
def test_published_recipes_are_the_published_ones(version):
    wanted = {**EVERY, **SPEC[version]}
    options = PUBLISHED[version]
    assert {name: getattr(options, name) for name in wanted} == wanted


# ---- step sizes


def rates(version: str, recipe: str, **changes) -> list[float]:
    options = version_options(version, recipe, changes)
    return [_rate(step, options) for step in range(options.steps)]


def test_corrected_step_sizes_rise_and_fall_to_nothing():
    found = rates("v2", "corrected", steps=1000)
    top = int(np.argmax(found))
    assert found[0] == pytest.approx(0.02) and 40 <= top <= 55 and found[top] > 0.98
    assert (np.diff(found[top:]) < 0).all() and found[-1] < 1e-4


def test_published_step_sizes_swing_as_their_schedulers_step():
    found = rates("v3", "published", steps=60, swing_steps=2)  # a period of 10 epochs
    assert found[0] == found[1] == 1 and found[20] == pytest.approx(0) and found[40] == 1
    found = rates("v2", "published", steps=2001, epoch=75)  # of 20 groups of 50, whatever the epoch
    assert len(set(found[:50])) == 1 and found[50] < 1
    assert found[500] == pytest.approx(0.5) and found[1000] == pytest.approx(0) and found[2000] == 1
    assert set(rates("v1", "published", steps=40, epoch=2)) == {1.0}


@pytest.mark.parametrize("recipe", ["corrected", "published"])
def test_the_mapping_network_may_move_as_its_multiplier_demands(recipe):
    given, options = small_finetune("v1", recipe)
    mapping, others = generator_groups(given.generator, options)
    multiplier = given.generator.config()["mapping_lr_mul"]
    factor = 1 / multiplier if recipe == "corrected" else 1
    assert mapping["lr"] == pytest.approx(options.lr * factor) and others["lr"] == options.lr
    assert others["params"] == [given.generator.mapping.label_weight]
    names = {name for name, value in given.generator.named_parameters() if value.requires_grad}
    assert names == {name for name in names if name.startswith("mapping.")} and len(names) == 7


def test_clipping_bounds_the_step():
    _, options = small_finetune("v2", clip=0.5)
    for clip, wanted in ((0.5, 0.5), (0.0, 20.0)):
        parameter = nn.Parameter(torch.zeros(4))
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        loss = 10 * parameter.sum()
        descend(loss, replace(options, clip=clip), optimizer)
        assert parameter.detach().norm().item() == pytest.approx(wanted, rel=1e-4)


# ---- what is requested


def test_requested_labels():
    own = torch.randn(4000, 3)
    _, options = small_finetune("v4")
    torch.manual_seed(0)
    assert requested_labels(own, options).std().item() == pytest.approx(1.5, rel=0.05)
    assert torch.equal(requested_labels(own, replace(options, label_scale=0.0)), own)
    assert not requested_labels(own, replace(options, zero_labels=True)).any()


def test_every_face_is_learnt_from_once_before_any_again():
    _, options = small_finetune("v1", "published", batch=5)
    rows = np.concatenate([batch_rows(12, step, options, seed=1) for step in range(12)])
    passes = rows.reshape(5, 12)
    assert (np.sort(passes, axis=1) == np.arange(12)).all()
    assert len({tuple(order) for order in passes}) == 5
    assert np.array_equal(rows[50:55], batch_rows(12, 10, options, seed=1))  # as after a kill
    assert not np.array_equal(rows[:5], batch_rows(12, 0, options, seed=2))
    drawn = batch_rows(12, 0, replace(options, whole_epochs=False), seed=1)
    assert drawn.shape == (5,) and drawn.max() < 12


def test_the_published_curriculum_starts_with_one_batch_and_lets_it_go():
    target = objective(*small_finetune("v2", "published"))
    torch.manual_seed(0)
    for step in (0, 49):
        for drawn, fixed in zip(target._curriculum(step), target.fixed, strict=True):
            assert torch.equal(drawn, fixed)
    torch.manual_seed(0)
    fresh = [torch.randn_like(fixed) for fixed in target.fixed]
    torch.manual_seed(0)
    for drawn, fixed, new in zip(target._curriculum(100), target.fixed, fresh, strict=True):
        assert torch.allclose(drawn, 0.81 * fixed + 0.19 * new)
    corrected = objective(*small_finetune("v2"))
    torch.manual_seed(0)
    assert torch.equal(corrected._curriculum(0)[0], fresh[0])


def test_some_faces_are_asked_for_other_scores_than_their_own():
    own = torch.randn(2000, 7)
    shares = []
    for share in (0.0, 0.75, 1.0):
        given, options = small_finetune("v3", swap_labels=share)
        torch.manual_seed(0)
        wanted = objective(given, options)._wanted(own)
        kept = (wanted == own).all(dim=1)
        assert ((wanted == own).any(dim=1) == kept).all()  # all of a face's labels or none
        shares.append(kept.float().mean().item())
    assert shares[0] == 1 and shares[1] == pytest.approx(0.25, abs=0.04) and shares[2] == 0


# ---- what is drawn, and how it is judged


def styles(version: str, **changes) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the w of some latents, and the layers' w that the pictures are drawn with."""
    given, options = small_finetune(version, **changes)
    seen = []
    hook = given.generator.synthesis.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    torch.manual_seed(3)
    _, w = draw_faces(given.generator, torch.randn(5, 16), torch.randn(5, 7), options)
    hook.remove()
    return w, seen[0]


def test_style_mixing_gives_the_later_layers_to_other_faces():
    w, layers = styles("v2", style_mixing=1.0)
    own = (layers == w[:, None]).all(dim=2)  # [faces, layers]
    cut = int(own[0].sum())
    assert 1 <= cut < own.shape[1] and own[:, :cut].all() and not own[:, cut:].any()
    w, layers = styles("v2", style_mixing=0.0)
    assert (layers == w[:, None]).all()


class RecordingJudge(nn.Module):
    attribute = "age"

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen = images
        return torch.full((len(images),), 0.5)


def test_attribute_cnns_are_given_the_range_they_know():
    images = torch.linspace(-1, 1, 12).reshape(1, 3, 2, 2)
    judge = RecordingJudge()
    _, options = small_finetune("v1")
    assert attribute_loss([judge, judge], {"age": False}, images, options).item() == pytest.approx(
        2 * 0.25
    )
    assert (judge.seen.min(), judge.seen.max()) == (0, 1)
    assert attribute_loss([judge], {"age": True}, images, options).item() == pytest.approx(0.25)
    attribute_loss([judge], {"age": False}, images, replace(options, judge_range=False))
    assert torch.equal(judge.seen, images)


@pytest.mark.parametrize(
    ("chosen", "device", "mixed"),
    [
        ("auto", "cpu", False),
        ("auto", "cuda", True),
        ("float32", "cuda", False),
        ("bfloat16", "cpu", True),
    ],
)
def test_half_precision_is_for_cards(chosen, device, mixed, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "autocast", lambda *arguments: asked.append(arguments))
    _, options = small_finetune("v1", precision=chosen)
    precision(options, torch.device(device))
    assert asked == ([(device, torch.bfloat16)] if mixed else [])


@pytest.mark.parametrize("version", ["v1", "v2", "v3", "v5_1"])
def test_half_precision_learns_nearly_the_same(version):
    """On the processor, as tests have no card; every second step here has a penalty of its own."""
    losses = []
    for chosen in ("float32", "bfloat16"):
        given, options = small_finetune(version, precision=chosen, r1_every=2)
        target = objective(given, options)
        torch.manual_seed(5)
        losses.append([target.learn(step) for step in range(2)])
        kept = [*given.generator.parameters(), *target.modules["generator"].buffers()]
        assert all(value.dtype == torch.float32 and value.isfinite().all() for value in kept)
    for exact, rough in zip(*losses, strict=True):
        names = [name for name in exact if name.startswith("loss_")]
        assert set(exact) == set(rough)
        assert [rough[k] for k in names] == pytest.approx(
            [exact[k] for k in names], rel=0.1, abs=0.05
        )
    assert losses[0] != losses[1]


# ---- how often the two learn


class Planned(AdversarialObjective):
    """Losses that were thought up instead of steps."""

    def plan(self, d: list[float], g: list[float]) -> None:
        self.d, self.g = iter(d), iter(g)

    def _discriminator_step(self, real, own, step) -> dict[str, float]:
        return {"loss_d": next(self.d)}

    def _generator_step(self, own) -> dict[str, float]:
        return {"loss_g": next(self.g)}


def test_the_published_trainings_repeat_steps_of_whoever_is_behind():
    given, options = small_finetune("v5_1", "published")
    target = Planned(given, options, seed=1)
    target.plan([3.0], [9.0, 7.0, 5.9])  # no G loss yet: one step of D; then G until below 2 D
    assert target.learn(0) == {"loss_d": 3.0, "loss_g": 5.9, "d_steps": 1, "g_steps": 3}
    target.plan([9.9, 8.8], [1.0])  # D until below 1.5 of the last G loss, 5.9
    assert target.learn(1) == {"loss_d": 8.8, "loss_g": 1.0, "d_steps": 2, "g_steps": 1}
    target.plan([5.0] * 9, [20.0] * 9)  # four of each at most
    assert target.learn(2) == {"loss_d": 5.0, "loss_g": 20.0, "d_steps": 4, "g_steps": 4}


def test_while_the_discriminator_warms_up_the_generator_waits():
    given, options = small_finetune("v1", warmup=2)
    target = Planned(given, options, seed=1)
    target.plan([1.0] * 3, [0.5])
    assert [target.learn(step)["g_steps"] for step in range(3)] == [0, 0, 1]
