"""First phase of the embedded base generator: learn to draw what the renderer draws, by regression.

Latent z determines a portrait's parameters (`portraits.parameters_from_latent`), so that every
latent has a true picture. Mapping and synthesis networks are fitted to such pairs together, coarse
to fine: 8, 16, 32, then 64 px. The mapping network stores its weights divided by lr_mul = 0.01; its
learning rate is multiplied by 1 / lr_mul, and a linear read-out of the portrait's parameters from w
is trained along; without the two, the mapping takes many times longer to learn the pairing.
The second phase (`adversarial`) sharpens the result.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from ohlora_lib.networks.stylegan_generator import StyleGANGenerator
from ohlora_lib.portraits.parameters import PARAMETERS, parameters_from_latent
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.pictures import tile, write_picture
from ohlora_lib.training.average import MovingAverage
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.portrait_pool import PortraitPool
from ohlora_lib.training.state import TrainingState, locked

FACE_PARTS = (2, 3, 4, 5, 6, 7, 8, 9)  # brows, eyes, nose, mouth: small areas that matter most


@dataclass(frozen=True)
class PairedOptions:
    """How the generator is fitted to pairs of latent and portrait."""

    kimg: tuple[float, ...] = (8, 32, 40, 120)  # thousand images at 8, 16, 32, … px
    batch: int = 16  # images per step at full resolution
    batch_coarse: int = 32  # images per step below
    lr: float = 1.5e-3  # Adam; cosine decay to a tenth
    part_weight: float = 5.0  # extra weight of the face parts' pixels
    gradient_weight: float = 1.0  # weight of the loss on differences of neighbouring pixels
    readout_weight: float = 0.5  # weight of reading the parameters off w (mean squared error)
    readout_batch: int = 256  # fresh latents per step for the read-out, which needs no pictures
    mapping_steps: int = 4000  # steps that fit the mapping network alone, before the first picture
    half_life_kimg: float = 3.0  # of the moving average
    seed: int = 2025


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


def train_paired(
    generator: StyleGANGenerator,
    pool: PortraitPool,
    options: PairedOptions,
    state_directory: str | Path,
    device: str = "cpu",
) -> StyleGANGenerator:
    """Fit the generator; resumes from `state_directory` after a kill.

    Args:
        generator: freshly built, label-free; its z_dim and resolution equal the pool's.
        pool: portraits and latents.
        options: see `PairedOptions`.
        state_directory: states, `log.csv` and sample grids (same latents every time) go there.
        device: torch device name.

    Returns:
        The moving average, in eval mode.
    """
    stages = len(options.kimg)
    if generator.resolution != 4 << stages:
        raise ValueError(f"kimg needs one entry per resolution from 8 to {generator.resolution} px")
    generator.to(device).train()
    average = MovingAverage(generator, options.half_life_kimg * 1000)
    readout = nn.Linear(generator.w_dim, len(PARAMETERS)).to(device)
    groups = generator_groups(generator, options.lr)
    groups.append({"params": list(readout.parameters()), "lr": options.lr, "base_lr": options.lr})
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    with locked(state_directory):
        modules = {"generator": generator, "average": average.module, "readout": readout}
        config = {**asdict(options), "network": generator.config(), "pool": len(pool)}
        state = TrainingState(state_directory, config, modules, {"optimizer": optimizer})
        step, info = state.restore()
        if step == 0:
            fit_mapping(generator, readout, options, device)
        seen = info.get("seen", 0)
        total = int(sum(options.kimg) * 1000)
        log = CsvLog(Path(state_directory) / "log.csv", step)
        progress = tqdm(total=total, initial=seen, desc="paired", unit="img", mininterval=10)
        while seen < total:
            lod, batch = _schedule(seen, options)
            rows = rng(options.seed, "paired", step).integers(len(pool), size=batch)
            rate = options.lr * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * seen / total)))
            _set_rate(optimizer, rate / options.lr)
            z, target, parts = pair_batch(pool, np.sort(rows), torch.device(device))
            drawn, target, parts = _at_lod(generator(z, lod=lod), target, parts, lod)
            loss = paired_loss(drawn, target, parts, options.part_weight, options.gradient_weight)
            torch.manual_seed(derive_seed(options.seed, "readout", step))
            fresh = torch.randn(options.readout_batch, z.shape[1]).to(device)
            misread = readout_loss(generator, readout, fresh)
            optimizer.zero_grad(set_to_none=True)
            (loss + options.readout_weight * misread).backward()
            optimizer.step()
            average.update(generator, batch)
            seen, step = seen + batch, step + 1
            progress.update(batch)
            if step % 50 == 0:
                values = {"loss": loss.item(), "misread": misread.item()}
                log.add(step=step, kimg=seen / 1000, lod=round(lod, 3), **values)
            if step % 1000 == 0 or seen >= total:
                state.save(step, {"seen": seen})
                save_samples(average.module, lod, Path(state_directory), step)
        progress.close()
    return average.module


def readout_loss(generator: StyleGANGenerator, readout: nn.Linear, z: Tensor) -> Tensor:
    """How badly the parameters are read off w, plus how far w is from mean 0 and standard deviation 0.5.

    Without the second term w drifts to a large common offset, which the style layers share: their
    steps then change all pictures at once, and the colours of the whole set swing.

    Args:
        generator: its mapping network is used.
        readout: w to parameters.
        z: [N, z_dim].

    Returns:
        A scalar; 1 is chance.
    """
    w = generator.mapping(z)
    scale = w.mean(dim=0).square().mean() + (w.std(dim=0) - 0.5).square().mean()
    return F.mse_loss(readout(w), parameters_from_latent(z)) + scale


def fit_mapping(
    generator: StyleGANGenerator, readout: nn.Linear, options: PairedOptions, device: str = "cpu"
) -> float:
    """Fit the mapping network alone, until the parameters can be read off w; returns the last loss.

    A thousand of these steps cost what ten steps with pictures do.
    """
    lr_mul = generator.config()["mapping_lr_mul"]
    groups = [
        {
            "params": list(generator.mapping.parameters()),
            "base_lr": options.lr / lr_mul,
            "eps": 1e-10,
        },
        {"params": list(readout.parameters()), "base_lr": 2e-3},
    ]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    loss = torch.zeros(())
    torch.manual_seed(derive_seed(options.seed, "mapping"))
    for step in tqdm(range(options.mapping_steps), desc="mapping", mininterval=10):
        _set_rate(optimizer, 1 - step / options.mapping_steps)
        z = torch.randn(options.readout_batch, generator.config()["z_dim"]).to(device)
        loss = readout_loss(generator, readout, z)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return loss.item()


def generator_groups(generator: StyleGANGenerator, lr: float) -> list[dict]:
    """Adam groups in which the mapping network learns as fast as the rest (see the module)."""
    lr_mul = generator.config()["mapping_lr_mul"]
    frozen = [layer.apply_noise.weight for layer in synthesis_layers(generator)]
    hidden = {id(parameter) for parameter in frozen}
    mapping = list(generator.mapping.parameters())
    rest = [p for p in generator.synthesis.parameters() if id(p) not in hidden]
    return [
        {"params": rest, "lr": lr, "base_lr": lr, "eps": 1e-10},
        {"params": mapping, "lr": lr / lr_mul, "base_lr": lr / lr_mul, "eps": 1e-10},
    ]


def synthesis_layers(generator: StyleGANGenerator) -> Iterator[torch.nn.Module]:
    """Yield the synthesis layers from the 4 px constant on."""
    for index in range(generator.num_layers):
        yield generator.synthesis.get_submodule(f"layer{index}")


def save_samples(generator: StyleGANGenerator, lod: float, directory: Path, step: int) -> None:
    """Write an 8 x 8 grid of the same latents every time, to be flicked through."""
    device = next(generator.parameters()).device
    seed = derive_seed(0, "samples")
    z = torch.randn(64, generator.config()["z_dim"], generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        images = generator(z.to(device), lod=lod)
    pixels = ((images + 1) * 127.5 + 0.5).clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    write_picture(directory / f"fakes_{step:06d}.png", tile(pixels, 8, zoom=2))


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


def _set_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * share
