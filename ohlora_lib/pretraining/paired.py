"""First phase of the embedded base generator: learn to draw what the renderer draws, by regression.

Latent z determines a portrait's parameters (`portraits.parameters_from_latent`), so every latent
has a true picture. The style vector w is to be a fixed linear image of the portrait's code
(`portraits.code`), in which colours, openings and contrasts stand as they show. That splits the
work: the synthesis network is fitted to pairs of such a w and its portrait, coarse to fine, 8 to
64 px; and the mapping network is fitted to z and w, which needs no pictures. Trained together
instead, the mapping's errors blur the pictures: one w then stands for many portraits. The mapping
network stores its weights divided by lr_mul = 0.01, so its learning rate is multiplied by
1 / lr_mul, without which it hardly moves. The second phase (`adversarial`) sharpens the result.
"""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.portraits.code import CODE, RAMPS, TEXTURES, TINTS, portrait_code
from ohlora_lib.portraits.parameters import parameters_from_latent
from ohlora_lib.pretraining.options import PairedOptions
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.picture_tensors import to_uint8
from ohlora_lib.store.pictures import tile, write_picture
from ohlora_lib.training.average import MovingAverage
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import TrainingState, locked

STEPS_PER_STATE = 1000
CODES_AT_ONCE = 16  # batches whose codes are worked out together: many small operations
MATTERS = ("eye_opening", "mouth_opening", "pose", "smile", "hair_color", "hair_end", *TEXTURES)
FACE_PARTS = (2, 3, 4, 5, 6, 7, 8, 9)  # brows, eyes, nose, mouth: small areas that matter most


def style_axes(w_dim: int, seed: int) -> Tensor:
    """Return the linear map from a portrait's code to w: orthogonal rows.

    Rows have length 0.6; those of colours 1.0; of textures 1.2, which are learnt late; of the
    ramps 2.0, as what is rare and all or nothing (glasses, the blurred patch) is else ignored for
    long.

    Args:
        w_dim: width of w, at least len(CODE).
        seed: of the random directions.

    Returns:
        float32 [len(CODE), w_dim].

    Raises:
        ValueError: w is too narrow to hold every entry of the code on an axis of its own.
    """
    if w_dim < len(CODE):
        raise ValueError(f"w_dim must be at least {len(CODE)}, one axis each, not {w_dim}")
    generator = torch.Generator().manual_seed(derive_seed(seed, "axes"))
    matrix = torch.randn(w_dim, len(CODE), generator=generator, dtype=torch.float64)
    lengths = torch.full((len(CODE), 1), 0.6)
    lengths[_places(TINTS)] = 1.0
    lengths[_places(TEXTURES)] = 1.2
    lengths[_places(RAMPS)] = 2.0
    return lengths * torch.linalg.qr(matrix).Q.T.float()


def paired_loss(
    drawn: Tensor, target: Tensor, parts: Tensor, part_weight: float, gradient_weight: float
) -> Tensor:
    """Weighted L1 on three scales plus L1 on image gradients.

    Args:
        drawn: [N, 3, H, W], [-1, 1].
        target: same shape.
        parts: [N, 1, H, W], share of each pixel that is a face part.
        part_weight: a pixel that is all face part counts 1 + part_weight.
        gradient_weight: weight of the gradient term.

    Returns:
        A scalar.
    """
    difference = drawn - target
    weight = 1 + part_weight * parts
    weight = weight / weight.mean(dim=(2, 3), keepdim=True)
    loss = (weight * difference.abs()).mean()
    horizontal = difference[..., 1:] - difference[..., :-1]
    vertical = difference[..., 1:, :] - difference[..., :-1, :]
    loss = loss + gradient_weight * (weight[..., 1:] * horizontal.abs()).mean()
    loss = loss + gradient_weight * (weight[..., 1:, :] * vertical.abs()).mean()
    for _ in range(2):
        difference, weight = F.avg_pool2d(difference, 2), F.avg_pool2d(weight, 2)
        loss = loss + (weight * difference.abs()).mean()
    return loss


def texture_loss(drawn: Tensor, target: Tensor) -> Tensor:
    """L1 between how much the brightness of both changes around each place, by direction.

    A texture's single strands do not follow from w, and a regression that misses them draws their
    mean: no texture. How strong it is, and whether it runs down or across, does.

    Args:
        drawn: [N, 3, H, W], [-1, 1]; at least 7 pixels a side.
        target: same shape.

    Returns:
        A scalar: the sum over differences of one and two pixels, down and across, of means over
        places.
    """
    loss = drawn.new_zeros(())
    both = torch.cat([drawn, target]).mean(dim=1, keepdim=True)
    for axis in (2, 3):
        for apart in (1, 2):
            rest = both.shape[axis] - apart
            changes = both.narrow(axis, apart, rest) - both.narrow(axis, 0, rest)
            mine, wanted = F.avg_pool2d(changes.abs(), 5, stride=2).chunk(2)
            loss = loss + (mine - wanted).abs().mean()
    return loss


def pair_batch(
    pool: PortraitPool, rows: np.ndarray, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return z [n, z_dim], pictures [n, 3, side, side] in [-1, 1], parts [n, 1, side, side]."""
    z = torch.from_numpy(pool.z[rows]).to(device)
    images = torch.from_numpy(pool.images[rows]).to(device).permute(0, 3, 1, 2).float()
    maps = pool.class_maps[rows]
    parts = torch.from_numpy(np.isin(maps, FACE_PARTS)).to(device).float().unsqueeze(1)
    parts = F.max_pool2d(parts, 3, stride=1, padding=1)  # edges matter too
    return z, images / 127.5 - 1, parts


def train_synthesis(
    generator: StyleGANGenerator,
    pool: PortraitPool,
    axes: Tensor,
    options: PairedOptions,
    state_directory: str | Path,
    device: str = "cpu",
    code: str = "",
) -> StyleGANGenerator:
    """Fit the synthesis network; resumes from `state_directory` after a kill.

    Args:
        generator: freshly built, label-free; its z_dim and resolution equal the pool's.
        pool: portraits and latents.
        axes: code to w, see `style_axes`.
        options: see `PairedOptions`.
        state_directory: states, `log.csv` and sample grids (same portraits every time) go there.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.

    Returns:
        The moving average, in eval mode; its mapping network is untouched.

    Raises:
        ValueError: `options.kimg` does not have an entry per resolution.
        InputError: another process trains in the same directory.
    """
    stages = len(options.kimg)
    if generator.resolution != 4 << stages:
        raise ValueError(f"kimg needs one entry per resolution from 8 to {generator.resolution} px")
    generator.to(device, memory_format=torch.channels_last).train()
    axes = axes.to(device)
    average = MovingAverage(generator, options.half_life_kimg * 1000)
    optimizer = torch.optim.Adam(synthesis_parameters(generator), lr=options.lr, betas=(0.9, 0.99))
    with locked(state_directory):
        modules = {"generator": generator, "average": average.module}
        config = {**asdict(options), "network": generator.config(), "pool": pool.digest()}
        config["code"] = code
        state = TrainingState(state_directory, config, modules, {"optimizer": optimizer})
        step, info = state.restore()
        seen = info.get("seen", 0)
        total = int(sum(options.kimg) * 1000)
        log = CsvLog(Path(state_directory) / "log.csv", step)
        progress = tqdm(total=total, initial=seen, desc="synthesis", unit="img", mininterval=10)
        while seen < total:
            lod, batch = _schedule(seen, options)
            rows = pool.sample(batch, options.rare_share, rng(options.seed, "paired", step))
            for group in optimizer.param_groups:
                group["lr"] = options.lr * max(0.1, min(1.0, (1 - seen / total) / 0.4))
            z, target, parts = pair_batch(pool, rows, torch.device(device))
            drawn = draw_parameters(generator, parameters_from_latent(z), axes, lod)
            drawn, target, parts = _at_lod(drawn, target, parts, lod)
            loss = paired_loss(drawn, target, parts, options.part_weight, options.gradient_weight)
            loss = loss + options.texture_weight * texture_loss(drawn, target)
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"the loss is {loss.item()} at step {step}; the last good state is in "
                    f"{state_directory}"
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            average.update(generator, batch)
            seen, step = seen + batch, step + 1
            progress.update(batch)
            if step % 50 == 0:
                log.add(step=step, kimg=seen / 1000, lod=round(lod, 3), loss=loss.item())
            if step % STEPS_PER_STATE == 0 or seen >= total:
                state.save(step, {"seen": seen})
                parameters = parameters_from_latent(torch.tensor(pool.z[:64], device=device))
                with torch.inference_mode():
                    images = draw_parameters(average.module, parameters, axes, lod)
                write_samples(images, Path(state_directory) / f"fakes_{step:06d}.png")
        progress.close()
    return average.module


def fit_mapping(
    generator: StyleGANGenerator, axes: Tensor, options: PairedOptions, device: str = "cpu"
) -> float:
    """Fit the mapping network to the w of each latent's portrait, in place.

    Errors are weighted by how much they show: the ramps of what is rare count most, then the
    properties that the product measures; w beside the axes, which means nothing, a little.

    Args:
        generator: only its mapping network changes.
        axes: [len(CODE), w_dim], code to w, see `style_axes`.
        options: see `PairedOptions`.
        device: torch device name.

    Returns:
        The share of the squared length of w that is wrong, over the last fresh batch.
    """
    generator.to(device)
    axes = axes.to(device)
    read = torch.linalg.pinv(axes)
    weights = torch.full((len(CODE),), 0.5, device=device)
    weights[_places(MATTERS)] = 1.5
    weights[_places(RAMPS)] = 4.0
    mapping = generator.mapping.requires_grad_(True)
    rate = options.mapping_lr / generator.config()["mapping_lr_mul"]
    optimizer = torch.optim.Adam(mapping.parameters(), lr=rate, betas=(0.9, 0.99), eps=1e-10)
    stream = torch.Generator().manual_seed(derive_seed(options.seed, "mapping"))
    shape = (CODES_AT_ONCE, options.mapping_batch, generator.config()["z_dim"])
    missed = torch.ones(())
    for step in tqdm(range(options.mapping_steps), desc="mapping", mininterval=10):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - step / options.mapping_steps)
        row = step % CODES_AT_ONCE
        if row == 0:
            latents = torch.randn(shape, generator=stream).to(device)
            parameters = parameters_from_latent(latents.flatten(0, 1))
            codes = portrait_code(parameters).unflatten(0, shape[:2])
        z, code = latents[row], codes[row]
        wanted = code @ axes
        w = mapping(z)
        wrong = (w - wanted).square()
        missed = wrong.sum() / wanted.square().sum()
        loss = ((w @ read - code).square() * weights).sum(dim=1).mean() + 0.2 * wrong.sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return missed.item()


@torch.no_grad()
def calibrate_styles(
    generator: StyleGANGenerator, axes: Tensor, seed: int, count: int = 20000
) -> None:
    """Give random latents the renderer's distribution again; changes the style layers, in place.

    A mapping network that misses part of the variance draws too few extremes. The codes that its w
    stand for are given the mean and covariance they should have, and the ramps are scaled and
    shifted so that they spread as they should and as many exceed one half as in the renderer. Both
    are one fixed affine map of w, which the style layers, affine in w themselves, take in without
    any new parameter.

    Args:
        generator: with a fitted mapping network, on the CPU.
        axes: [len(CODE), w_dim], code to w.
        seed: of the latents that the statistics are taken from.
        count: how many.
    """
    stream = torch.Generator().manual_seed(derive_seed(seed, "calibration"))
    z = torch.randn(count, generator.config()["z_dim"], generator=stream)
    w, wanted = generator.mapping(z), portrait_code(parameters_from_latent(z))
    read = torch.linalg.pinv(axes)  # [w_dim, len(CODE)]
    found = w @ read
    plain = slice(0, len(CODE) - len(RAMPS))
    matched = torch.eye(len(CODE))
    matched[plain, plain] = _transport(torch.cov(found[:, plain].T), torch.cov(wanted[:, plain].T))
    moved = wanted.mean(dim=0) - found.mean(dim=0) @ matched
    for index in _places(RAMPS):
        spread = wanted[:, index].std() / found[:, index].std()
        share = (wanted[:, index] > 0.5).float().mean()
        matched[index, index] = spread
        # the cut comes to lie at one half
        moved[index] = 0.5 - spread * found[:, index].quantile(1 - share)
    linear = read @ matched @ axes  # w -> the w of the matched code
    shift = moved @ axes
    for index in range(generator.num_layers):
        style = generator.synthesis.get_submodule(f"layer{index}").style
        style.bias += (shift @ style.weight.T) * style.weight_scale
        style.weight.copy_(style.weight @ linear.T)
    generator.truncation.w_avg.copy_(w.mean(dim=0))


def _transport(covariance: Tensor, wanted: Tensor) -> Tensor:
    """Return the symmetric map that takes one covariance to another and moves least, [D, D]."""
    root = _power(covariance, 0.5)
    back = _power(covariance, -0.5)
    return back @ _power(root @ wanted @ root, 0.5) @ back


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Power of a positive semidefinite symmetric matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=1e-6) ** exponent) @ vectors.T


def _places(names: tuple[str, ...]) -> list[int]:
    """Return where in the code these entries are."""
    return [CODE.index(name) for name in names]


def draw_parameters(
    generator: StyleGANGenerator, parameters: Tensor, axes: Tensor, lod: float = 0.0
) -> Tensor:
    """Draw portraits [N, 3, R, R] straight from their parameters, without the mapping network."""
    return generator.synthesis(generator.truncate(portrait_code(parameters) @ axes), lod)


def synthesis_parameters(generator: StyleGANGenerator) -> list[nn.Parameter]:
    """What both phases train: the synthesis network, its noise strengths too.

    The stored noise is the same in every picture: a source of strands and grain, which styles turn
    up and down. All variety still comes from w.
    """
    return list(generator.synthesis.parameters())


def write_samples(images: Tensor, path: Path) -> None:
    """Write a grid, eight in a row and twice the size, of images [N, 3, R, R] in [-1, 1]."""
    write_picture(path, tile(to_uint8(images), 8, zoom=2))


def _schedule(seen: int, options: PairedOptions) -> tuple[float, int]:
    """Return level of detail and batch size; a resolution fades in over a fifth of its stage."""
    stages = len(options.kimg)
    start = 0.0
    for stage, kimg in enumerate(options.kimg):
        if seen < start + kimg * 1000 or stage == stages - 1:
            break
        start += kimg * 1000
    lod = float(stages - 1 - stage)
    if stage > 0:
        lod += max(0.0, 1 - (seen - start) / (0.2 * options.kimg[stage] * 1000))
    return lod, options.batch if stage == stages - 1 else options.batch_coarse


def _at_lod(drawn: Tensor, target: Tensor, parts: Tensor, lod: float) -> tuple[Tensor, ...]:
    """Reduce all three to the resolution that level of detail `lod` can draw."""
    factor = 2 ** math.floor(lod)
    if factor == 1:
        return drawn, target, parts
    return tuple(F.avg_pool2d(x, factor) for x in (drawn, target, parts))
