"""Pretrains a discriminator for a generator that was published without one.

Drawn faces are real to it; false is what a generator that is fine-tuned may come to draw: latents
too long, steps too far, feature maps disturbed, blur, exchanged patches. Beside the logit it
predicts scores and attributes (Odena et al. 2017), so that a fine-tune starts with features that
know them.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from ohlora_lib.generators.base import Discriminator, Generator
from ohlora_lib.networks.annotator import ATTRIBUTES
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.pretraining.sharpen import r1_penalty
from ohlora_lib.scores import eyes, mouth, pose
from ohlora_lib.scores.normalize import statistics
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.picture_tensors import to_float
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import TrainingState, locked

SCORES = (eyes, mouth, pose)
LABELS = (*(each.__name__.rpartition(".")[2] for each in SCORES), "gender", "age")
STEPS_PER_STATE = 200


@dataclass(frozen=True)
class DiscriminatorOptions:
    """How the discriminator is pretrained."""

    steps: int = 2500
    batch: int = 32  # pictures of either kind a step
    lr: float = 2e-3  # Adam, beta 0 and 0.99; falls to a tenth at the end
    r1_gamma: float = 2.0  # weight of the gradient penalty on real pictures
    r1_every: int = 8  # steps between penalties, whose weight is multiplied by that
    label_weight: float = 0.5  # of the squared error of the labels
    seed: int = 2025


def known_labels(pool: PortraitPool) -> np.ndarray:
    """Return what is predicted beside the logit: float32 [N, 5], z-scores and odds; NaN unknown."""
    columns = []
    for score in SCORES:
        raw = score.v3(pool.landmarks)
        mean, std = statistics(raw)
        columns.append(((raw - mean) / std).clip(-4, 4))
    for name in ("gender", "age"):
        columns.append(2 * pool.attributes[:, ATTRIBUTES.index(name)] - 1)
    return np.stack(columns, axis=1).astype(np.float32)


def train_discriminator(
    discriminator: Discriminator,
    generator: Generator,
    pool: PortraitPool,
    options: DiscriminatorOptions,
    state_directory: str | Path,
    code: str = "",
) -> Discriminator:
    """Train; resumes from `state_directory` after a kill.

    Args:
        discriminator: new, with an auxiliary head for `LABELS`.
        generator: whose faces are real.
        pool: its faces, with landmarks.
        options: see `DiscriminatorOptions`.
        state_directory: states and `log.csv` go there.
        code: digest of the code that trains; a state made by other code is not resumed.

    Raises:
        FloatingPointError: the loss is not finite; the last good state is kept.
    """
    labels = known_labels(pool)
    rows = np.flatnonzero(np.isfinite(labels).all(axis=1))  # a face was found in these
    generator.requires_grad_(False).eval()
    discriminator.train()
    optimizer = torch.optim.Adam(discriminator.parameters(), options.lr, betas=(0.0, 0.99))
    with locked(state_directory):
        state = TrainingState(
            state_directory,
            {**asdict(options), "code": code, "pool": pool.digest()},
            {"discriminator": discriminator},
            {"optimizer": optimizer},
        )
        first, _ = state.restore()
        log = CsvLog(Path(state_directory) / "log.csv", first)
        for step in tqdm(range(first, options.steps), initial=first, total=options.steps,
                         desc="discriminator", mininterval=10):  # fmt: skip
            seed = derive_seed(options.seed, "discriminator", step)
            torch.manual_seed(seed)
            draw = rng(seed)
            chosen = np.sort(draw.choice(rows, options.batch, replace=False))
            real = to_float(pool.images[chosen])
            wanted = torch.from_numpy(labels[chosen])
            false = false_pictures(generator, pool, options.batch, draw)
            for group in optimizer.param_groups:
                group["lr"] = options.lr * max(0.1, 1 - step / options.steps)
            found = discriminator.logits(real)
            against = discriminator.logits(false)
            loss = F.softplus(-found[:, 0]).mean() + F.softplus(against[:, 0]).mean()
            errors = F.mse_loss(found[:, 1:], wanted)
            total = loss + options.label_weight * errors
            if step % options.r1_every == 0:
                penalty = r1_penalty(discriminator, real)
                total = total + 0.5 * options.r1_gamma * options.r1_every * penalty
            if not torch.isfinite(total):
                raise FloatingPointError(
                    f"the loss is not finite at step {step}; the last good state is in "
                    f"{state_directory}"
                )
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            optimizer.step()
            done = step + 1
            if done % 25 == 0:
                right = (found[:, 0] > 0).float().mean() + (against[:, 0] < 0).float().mean()
                values = {"loss": loss.item(), "labels": errors.item(), "right": right.item() / 2}
                log.add(step=done, **{name: round(value, 5) for name, value in values.items()})
            if done % STEPS_PER_STATE == 0 or done == options.steps:
                state.save(done)
    return discriminator.eval()


@torch.no_grad()
def false_pictures(
    generator: Generator, pool: PortraitPool, count: int, draw: np.random.Generator
) -> Tensor:
    """Return pictures [count, 3, R, R] that are none of the generator's faces, of five kinds."""
    w = torch.from_numpy(pool.z[np.sort(draw.choice(len(pool), count, replace=False))])
    kind = draw.integers(5, size=count)
    length = np.where(kind == 0, draw.uniform(1.3, 2.5, count), 1.0)
    w = w * torch.from_numpy(length.astype(np.float32))[:, None]
    steps = np.where(kind == 1, draw.uniform(4, 9, count), 0).astype(np.float32)
    far = F.normalize(torch.randn_like(w)) * torch.from_numpy(steps)[:, None]
    hook = generator.synthesis.get_submodule("layer1").register_forward_hook(
        _disturb(torch.from_numpy(kind == 2), draw.uniform(0.2, 0.6))
    )
    try:
        images = generator.synthesis(generator.truncate(w + far))
    finally:
        hook.remove()
    for i in np.flatnonzero(kind == 3):
        images[i : i + 1] = _blurred(images[i : i + 1], float(draw.uniform(0.6, 1.0)))
    for i in np.flatnonzero(kind == 4):
        images[i] = _patched(images[i], images[(i + 1) % count], draw)
    return images


def _disturb(rows: Tensor, strength: float):
    def hook(module, inputs, output: Tensor) -> Tensor:
        noise = torch.randn_like(output) * output.std() * strength
        return torch.where(rows[:, None, None, None], output + noise, output)

    return hook


def _blurred(images: Tensor, share: float) -> Tensor:
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return torch.lerp(images, F.avg_pool2d(padded, 3, stride=1), share)


def _patched(image: Tensor, other: Tensor, draw: np.random.Generator) -> Tensor:
    side = image.shape[1]
    height, width = draw.integers(side // 5, side // 2, 2)
    top, left = draw.integers(0, side - height), draw.integers(0, side - width)
    image = image.clone()
    image[:, top : top + height, left : left + width] = other[
        :, top : top + height, left : left + width
    ]
    return image
