"""The renderer: framing, prevalence, and parameters that move what they are named after."""

import importlib
import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ohlora_lib.portraits.code import CODE, RAMPS, portrait_code
from ohlora_lib.portraits.parameters import (
    PARAMETERS,
    parameters_from_latent,
    sample_parameters,
    true_attributes,
    uniform,
)
from ohlora_lib.portraits.renderer import Portraits, render

BROWS, EYES, NOSE, MOUTH, HAIR = (2, 3), (4, 5), (6,), (7, 8, 9), (10,)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def column(name: str) -> int:
    return PARAMETERS.index(name)


def pixels(portraits: Portraits) -> np.ndarray:
    """Pictures as uint8 [N, side, side, 3]."""
    return (portraits.images * 255).round().byte().permute(0, 2, 3, 1).numpy()


def enlarged(arrays: np.ndarray, interpolation: int) -> np.ndarray:
    return np.stack([cv2.resize(one, (224, 224), interpolation=interpolation) for one in arrays])


@pytest.fixture(scope="module")
def parameters() -> torch.Tensor:
    return sample_parameters(500, generator(11))


@pytest.fixture(scope="module")
def drawn(parameters) -> Portraits:
    return render(parameters, 64)


# ---- what comes out


@settings(max_examples=10, deadline=None)
@given(
    side=st.sampled_from([8, 32, 48, 64]),
    count=st.integers(1, 3),
    seed=st.integers(0, 2**31),
    spread=st.sampled_from([0.0, 1.0, 50.0]),  # far outside of what is ever drawn, too
)
def test_shapes_types_and_ranges(side, count, seed, spread):
    u = spread * sample_parameters(count, generator(seed))
    found = render(u, side)
    assert found.images.shape == (count, 3, side, side) and found.images.dtype == torch.float32
    assert torch.isfinite(found.images).all()
    assert found.images.min() >= 0 and found.images.max() <= 1
    assert found.class_maps.shape == (count, side, side) and found.class_maps.dtype == torch.uint8
    assert found.class_maps.max() <= 10
    assert set(found.attributes) == {"gender", "quality", "age", "glass"}
    for values in found.attributes.values():
        assert values.shape == (count,) and values.dtype == torch.int64
        assert ((values == 0) | (values == 1)).all()


def test_every_portrait_has_every_part(drawn):
    for part in (BROWS, EYES, NOSE, MOUTH, HAIR, (1,), (0,)):
        present = np.isin(drawn.class_maps.numpy(), part).any(axis=(1, 2))
        assert present.all(), f"classes {part} are absent from {(~present).sum()} portraits"


def test_equal_parameters_give_equal_portraits_whatever_is_drawn_with_them(parameters, drawn):
    again = render(parameters[100:103].clone(), 64)
    assert torch.equal(again.class_maps, drawn.class_maps[100:103])
    assert torch.allclose(again.images, drawn.images[100:103], atol=1e-5)
    assert torch.equal(render(parameters[:4], 64).images, render(parameters[:4], 64).images)


def test_portraits_differ(drawn):
    small = torch.nn.functional.avg_pool2d(drawn.images, 4).flatten(1)
    distances = torch.cdist(small, small, p=1) / small.shape[1]
    distances.fill_diagonal_(1)
    assert distances.min() > 0.02


def test_a_picture_does_not_depend_on_the_resolution():
    u = sample_parameters(24, generator(3))
    fine, coarse = render(u, 128), render(u, 64)
    reduced = torch.nn.functional.avg_pool2d(fine.images, 2)
    difference = (reduced - coarse.images).abs()
    assert difference.mean(dim=(1, 2, 3)).max() < 0.01
    same = (fine.class_maps[:, ::2, ::2] == coarse.class_maps).float().mean()
    assert same > 0.96  # edges move by half a pixel
    for label in range(11):
        shares = [(one.class_maps == label).float().mean().item() for one in (fine, coarse)]
        assert shares[0] == pytest.approx(shares[1], rel=0.06)
    for name, values in fine.attributes.items():
        assert torch.equal(values, coarse.attributes[name])


def test_a_wrong_number_of_parameters_is_refused():
    with pytest.raises(ValueError, match=r"parameters must be \[N, 51\], not \(2, 50\)"):
        render(torch.zeros(2, 50), 32)


# ---- where it is


def outside(maps: np.ndarray, part: tuple, rows: tuple, columns: tuple) -> float:
    """How many pixels the part goes beyond half-open bounds, given as eighths of the side."""
    side = maps.shape[1]
    mask = np.isin(maps, part)
    y, x = np.flatnonzero(mask.any(axis=(0, 2))), np.flatnonzero(mask.any(axis=(0, 1)))
    beyond = [rows[0] * side / 8 - y[0], y[-1] + 1 - rows[1] * side / 8]
    beyond += [columns[0] * side / 8 - x[0], x[-1] + 1 - columns[1] * side / 8]
    return max(beyond)


def test_the_head_is_framed_as_the_crops_expect(drawn):
    maps = drawn.class_maps.numpy()
    assert outside(maps, EYES, rows=(3, 4.5), columns=(2, 6)) <= 0
    assert outside(maps, MOUTH, rows=(5, 6.5), columns=(3, 5)) <= 0
    # the nose between them: above the mouth's rows, and one pixel of tolerance at its sides
    assert outside(maps, NOSE, rows=(3, 5.25), columns=(3, 5)) <= 1


def test_parts_are_in_their_order(drawn):
    maps = drawn.class_maps.numpy()
    ticks = np.arange(64)

    def centre(part: tuple, axis: int) -> np.ndarray:
        mask = np.isin(maps, part)
        return (mask * ticks.reshape((64, 1) if axis == 0 else (1, 64))).sum((1, 2)) / mask.sum(
            (1, 2)
        )

    down = [centre(part, 0) for part in (BROWS, EYES, NOSE, (7,), (9,))]
    for upper, lower in zip(down[:-1], down[1:], strict=True):
        assert (upper < lower).all()
    assert (centre((4,), 1) < centre(NOSE, 1)).all() and (centre(NOSE, 1) < centre((5,), 1)).all()
    assert (centre((2,), 1) < 32).all() and (centre((3,), 1) > 32).all()


def test_the_head_keeps_its_place_at_the_far_ends_of_every_parameter():
    u = torch.cat([4 * torch.eye(len(PARAMETERS)), -4 * torch.eye(len(PARAMETERS))])
    maps = render(u, 64).class_maps.numpy()
    assert outside(maps, EYES, rows=(3, 4.5), columns=(2, 6)) <= 1
    assert outside(maps, MOUTH, rows=(5, 6.5), columns=(3, 5)) <= 1


# ---- how often


def test_prevalence():
    count = 20_000
    attributes = true_attributes(sample_parameters(count, generator(5)))
    for name, share in (("gender", 0.556), ("quality", 0.95), ("age", 0.06), ("glass", 0.05)):
        margin = 4 * math.sqrt(share * (1 - share) / count)
        assert attributes[name].float().mean().item() == pytest.approx(share, abs=margin), name


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-6, 6, width=32), min_size=2, max_size=20))
def test_uniform_is_the_normal_distribution_function(values):
    u = uniform(torch.tensor(values))
    expected = [0.5 * math.erfc(-value / math.sqrt(2)) for value in values]
    assert u.tolist() == pytest.approx(expected, abs=1e-6)


# ---- what a parameter does

# Hair is longer on women by design, so its length is compared within each gender.
BOUNDS = {
    "eyes": 0.95,
    "mouth": 0.9,
    "pose": 0.97,
    "hair_color": 0.9,
    "hair_length": 0.85,
    "background_mean": 0.97,
    "background_std": 0.85,
}


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    ranks = [np.unique(one, return_inverse=True, return_counts=True) for one in (first, second)]
    middle = [(np.cumsum(counts) - (counts - 1) / 2)[inverse] for _, inverse, counts in ranks]
    return float(np.corrcoef(middle)[0, 1])


@pytest.mark.parametrize("name", BOUNDS)
def test_a_larger_parameter_gives_a_larger_score(parameters, drawn, name):
    rows = slice(0, 300)
    maps = enlarged(drawn.class_maps[rows].numpy(), cv2.INTER_NEAREST)
    pictures = enlarged(pixels(drawn)[rows], cv2.INTER_CUBIC)
    scores = importlib.import_module(f"ohlora_lib.scores.{name}").v2(maps, pictures)
    values = parameters[rows, column(name)].numpy()
    assert np.isfinite(scores).all()
    groups = [np.ones(300, bool)]
    if name == "hair_length":
        women = drawn.attributes["gender"][rows].numpy() == 1
        groups = [women, ~women]
    for group in groups:
        assert rank_correlation(values[group], scores[group]) > BOUNDS[name]


def test_rare_attributes_are_visible(parameters):
    """Each changes the picture where it should, and nowhere else."""
    usual = parameters[:40].clone()
    for name, value in (("quality", 0.0), ("age", 0.0), ("glass", 0.0)):
        usual[:, column(name)] = value
    base = render(usual, 64).images
    for name, value, rows in (("quality", -2.2, (0, 24)), ("glass", 2.2, (22, 42))):
        changed = usual.clone()
        changed[:, column(name)] = value
        difference = (render(changed, 64).images - base).abs().mean(dim=(1, 3))  # [N, rows]
        inside = difference[:, rows[0] : rows[1]].mean(dim=1)
        rest = difference.sum(dim=1) - difference[:, rows[0] : rows[1]].sum(dim=1)
        assert inside.min() > 0.01, name
        assert (rest < 0.2 * difference.sum(dim=1)).all(), name


# ---- latents


@pytest.fixture(scope="module")
def from_latents() -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.randn(20_000, 64, generator=generator(7))
    return z, parameters_from_latent(z)


def test_parameters_from_latents_are_nearly_standard_normal(from_latents):
    _, u = from_latents
    assert u.shape == (20_000, len(PARAMETERS)) and u.dtype == torch.float32
    assert u.mean(dim=0).abs().max() < 0.04
    assert (u.std(dim=0) - 1).abs().max() < 0.03
    assert (u.pow(4).mean(dim=0) - 3).abs().max() < 0.4  # the latent's fixed length costs a little
    correlations = torch.corrcoef(u.T).fill_diagonal_(0)
    assert correlations.abs().max() < 0.04
    squares = torch.corrcoef(u.square().T).fill_diagonal_(0)
    assert squares.abs().max() < 0.08


def test_no_single_latent_coordinate_explains_a_parameter(from_latents):
    z, u = from_latents
    scaled = [(x - x.mean(dim=0)) / x.std(dim=0) for x in (z, u)]
    correlations = (scaled[0].T @ scaled[1] / len(z)).abs()
    assert correlations.max() < 0.6
    # nor is a parameter a linear function of the latent
    beside = torch.cat([z, torch.ones(len(z), 1)], dim=1)
    fitted = beside @ torch.linalg.lstsq(beside, u).solution
    explained = 1 - (u - fitted).square().mean(dim=0) / u.var(dim=0)
    assert explained.max() < 0.97


def test_latents_have_no_length_and_fixed_meaning(from_latents):
    z, u = from_latents
    assert torch.allclose(parameters_from_latent(7 * z[:50]), u[:50], atol=1e-4)
    assert torch.allclose(parameters_from_latent(z[20:21]), u[20:21], atol=1e-4)
    near = parameters_from_latent(z[:200] + 0.01 * torch.randn(200, 64, generator=generator(8)))
    assert (near - u[:200]).abs().max() < 0.2  # neighbours look alike


@pytest.mark.parametrize("width", [48, 66])
def test_a_latent_of_unusable_width_is_refused(width):
    with pytest.raises(ValueError, match="at least 51 coordinates, a multiple of 4"):
        parameters_from_latent(torch.zeros(1, width))


# ---- the code


def test_a_code_has_an_entry_of_spread_about_one_for_each_name():
    code = portrait_code(sample_parameters(20_000, generator(5)))
    assert code.shape == (20_000, len(CODE)) and len(set(CODE)) == len(CODE)
    assert torch.isfinite(portrait_code(50 * sample_parameters(10, generator(6)))).all()
    plain = code[:, : -len(RAMPS)]
    assert plain.mean(dim=0).abs().max() < 0.15
    assert 0.35 < plain.std(dim=0).min() and plain.std(dim=0).max() < 1.4


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_in_the_code(name):
    """What the code leaves out, a generator trained on it cannot draw."""
    usual = torch.zeros(1, len(PARAMETERS))
    usual[:, column("gender")] = -1.0  # a man, who may have a beard
    changed = usual.clone()
    changed[:, column(name)] = 2.2 if name != "quality" else -2.2
    assert not torch.equal(render(changed, 32).images, render(usual, 32).images)
    assert (portrait_code(changed) - portrait_code(usual)).abs().max() > 0.05


def test_the_codes_colours_are_those_of_the_picture(parameters, drawn):
    """The tint of the hair and of the background follow the mean colour of their pixels."""
    code = portrait_code(parameters)
    for part, label in (("hair", 10), ("background", 0), ("skin", 1)):
        mask = (drawn.class_maps == label).unsqueeze(1)
        if part == "background":
            mask = mask & (torch.arange(64)[:, None] < 24)  # above neck and clothes
        mean = (drawn.images * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3))
        for channel, name in enumerate(("red", "green", "blue")):
            pair = torch.stack([mean[:, channel], code[:, CODE.index(f"{part}_{name}")]])
            assert torch.corrcoef(pair)[0, 1] > 0.9, (part, name)
