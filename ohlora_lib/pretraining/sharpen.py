"""Second phase of the embedded base generator: sharpen it against a discriminator.

Non-saturating logistic loss, lazy R1, moving average of the generator (Karras et al. 2019, 2020;
Mescheder et al. 2018). The pairs of the first phase stay in the loss with a small weight: every
latent keeps its own portrait, so no kind of face is lost and none is repeated. The mapping network
stays as it is: which latent becomes which face is settled.
No flips: left and right matter for pose.
"""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from ohlora_lib.generators.stylegan1.discriminator import StyleGANDiscriminator
from ohlora_lib.generators.stylegan1.generator import StyleGANGenerator
from ohlora_lib.portraits.parameters import parameters_from_latent
from ohlora_lib.pretraining.options import AdversarialOptions
from ohlora_lib.pretraining.paired import (
    draw_parameters,
    pair_batch,
    paired_loss,
    synthesis_parameters,
    texture_loss,
    write_samples,
)
from ohlora_lib.pretraining.portrait_pool import PortraitPool
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.training.average import MovingAverage
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import TrainingState, locked, tensors_digest

STEPS_PER_STATE = 250


def train_adversarial(
    generator: StyleGANGenerator,
    discriminator: StyleGANDiscriminator,
    pool: PortraitPool,
    axes: Tensor,
    options: AdversarialOptions,
    state_directory: str | Path,
    device: str = "cpu",
    code: str = "",
) -> tuple[StyleGANGenerator, StyleGANDiscriminator]:
    """Train both; resumes from `state_directory` after a kill.

    Args:
        generator: from the first phase.
        discriminator: freshly built, same resolution.
        pool: portraits and latents.
        axes: code to w, as in the first phase.
        options: see `AdversarialOptions`.
        state_directory: states, `log.csv` and sample grids (same latents every time) go there.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.

    Returns:
        The generator's moving average and the discriminator, both in eval mode.

    Raises:
        FloatingPointError: a loss is not finite; the last good state is kept.
    """
    generator.to(device).train()
    discriminator.to(device).train()
    average = MovingAverage(generator, options.half_life_kimg * 1000)
    axes = axes.to(device)
    g_optimizer = torch.optim.Adam(
        synthesis_parameters(generator), lr=options.generator_lr, betas=(0.0, 0.99)
    )
    d_optimizer = torch.optim.Adam(
        discriminator.parameters(), lr=options.discriminator_lr, betas=(0.0, 0.99)
    )
    total = int(options.kimg * 1000 / options.batch) + options.warmup_steps
    with locked(state_directory):
        state = TrainingState(
            state_directory,
            {
                **asdict(options),
                "code": code,
                "generator": generator.config(),
                "discriminator": discriminator.config(),
                "pool": pool.digest(),
                "start": tensors_digest(generator.state_dict()),
            },
            {"generator": generator, "discriminator": discriminator, "average": average.module},
            {"g_optimizer": g_optimizer, "d_optimizer": d_optimizer},
        )
        first, _ = state.restore()
        log = CsvLog(Path(state_directory) / "log.csv", first)
        steps = tqdm(range(first, total), initial=first, total=total, desc="gan", mininterval=10)
        for step in steps:
            stream = derive_seed(options.seed, "adversarial", step)
            torch.manual_seed(stream)
            draw = rng(stream)
            rows = pool.sample(options.batch, options.rare_share, draw)
            z, real, parts = pair_batch(pool, rows, torch.device(device))
            others = pool.z[pool.sample(options.batch, options.rare_share, draw)]
            parameters = parameters_from_latent(torch.from_numpy(others).to(device))
            penalise = step % options.r1_every == 0
            with torch.no_grad():
                fake = draw_parameters(generator, parameters, axes)
            d_loss = discriminator_loss(discriminator, real, fake)
            penalty = r1_penalty(discriminator, real) if penalise else torch.zeros(())
            d_optimizer.zero_grad(set_to_none=True)
            (d_loss + 0.5 * options.r1_gamma * options.r1_every * penalty).backward()
            d_optimizer.step()
            values = {"d_loss": d_loss.item(), "r1": penalty.item()}
            if step >= options.warmup_steps:
                drawn = draw_parameters(generator, parameters_from_latent(z), axes)
                discriminator.requires_grad_(False)
                g_loss = F.softplus(-discriminator(drawn)).mean()
                discriminator.requires_grad_(True)
                paired = paired_loss(
                    drawn, real, parts, options.part_weight, options.gradient_weight
                )
                paired = paired + options.texture_weight * texture_loss(drawn, real)
                g_optimizer.zero_grad(set_to_none=True)
                (g_loss + options.paired_weight * paired).backward()
                g_optimizer.step()
                average.update(generator, options.batch)
                values |= {"g_loss": g_loss.item(), "paired": paired.item()}
            if not all(np.isfinite(list(values.values()))):
                raise FloatingPointError(
                    f"{values} at step {step}; the last good state is in {state_directory}"
                )
            done = step + 1
            if done % 48 == 1:
                empty = {"g_loss": "", "paired": ""}
                log.add(step=done, **{**empty, **values})
            if done % STEPS_PER_STATE == 0 or done == total:
                state.save(done)
                parameters = parameters_from_latent(torch.tensor(pool.z[:64], device=device))
                with torch.inference_mode():
                    images = draw_parameters(average.module, parameters, axes)
                write_samples(images, Path(state_directory) / f"fakes_{done:06d}.png")
    return average.module, discriminator.eval()


def discriminator_loss(discriminator: StyleGANDiscriminator, real: Tensor, fake: Tensor) -> Tensor:
    """Logistic loss: softplus(D(fake)) + softplus(-D(real)), averaged; [N, 3, H, W] each."""
    return F.softplus(discriminator(fake)).mean() + F.softplus(-discriminator(real)).mean()


def r1_penalty(discriminator: StyleGANDiscriminator, real: Tensor) -> Tensor:
    """Mean squared norm of the score's gradient at real pictures [N, 3, H, W]."""
    real = real.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
