"""The training loop of every fine-tune: log, samples, protocol checks, resume, early stop."""

import contextlib
import copy
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ohlora_lib.methods.finetune.drawing import draw_faces, read_scores
from ohlora_lib.methods.finetune.objective import Given, Objective
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.methods.finetune.training_faces import correlations
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.picture_tensors import to_float, to_uint8
from ohlora_lib.store.pictures import tile, write_picture
from ohlora_lib.training.average import MovingAverage
from ohlora_lib.training.log import CsvLog
from ohlora_lib.training.state import TrainingState, locked

CHECKED_LATENTS = 8
CHECKED_LEVELS = (-1.5, 0.0, 1.5)  # of each of eyes, mouth and pose, in all combinations
SAMPLED_LATENTS = 6
# What the columns of a sample grid request: average, then each property low and high.
SAMPLED = ((0, 0, 0), (-1.8, 0, 0), (1.8, 0, 0), (0, -1.2, 0), (0, 1.6, 0), (0, 0, -2), (0, 0, 2))
WARM = 0.05  # share of the steps over which the cosine schedule first rises
DIVERGED = 1e4  # a loss beyond it is as bad as NaN


@dataclass
class Trained:
    """What a fine-tune ends with."""

    networks: dict[str, nn.Module]  # in eval mode: generator, and discriminator or encoder
    epoch: int  # the one they are from
    check: dict[str, float]  # its protocol check
    steps: int  # done, by which `patience` or the budget of steps ended the training


class Diverged(FloatingPointError):
    """A training that ended in no numbers.

    Attributes:
        trained: its networks at the best check before that; None before the first check.
    """

    def __init__(self, what: str, step: int, trained: Trained) -> None:
        super().__init__(
            f"{what} at step {step}: the training diverged; lower lr or critic_lr of this version, "
            "with which it begins anew"
        )
        self.trained = trained if trained.epoch >= 0 else None


def train_finetune(
    objective: Objective,
    given: Given,
    options: FinetuneOptions,
    state_directory: str | Path,
    seed: int,
    code: str = "",
) -> Trained:
    """Train to the last step or the early stop; resumes from `state_directory` after a kill.

    After every epoch (`options.epoch` steps) a row goes to `log.csv`, a sample grid (same latents
    every time) to `samples/`, and the average generator is checked: for a few latents, all
    combinations of three levels of eyes, mouth and pose, read by the property CNN.

    Args:
        objective: the loss and what it trains.
        given: what it learns from.
        options: see `FinetuneOptions`.
        state_directory: states, log and samples go there.
        seed: of every step's stream.
        code: digest of the code that trains; a state made by other code is not resumed.

    Raises:
        Diverged: a loss is not finite or beyond 10,000, or a weight is not finite.
        InputError: another process trains in the same directory.
    """
    state_directory = Path(state_directory)
    checker = copy.deepcopy(given.property_cnn).eval().requires_grad_(False)
    averages = {
        name: MovingAverage(network, options.half_life)
        for name, network in objective.trained.items()
    }
    shown = {name: average.module for name, average in averages.items()}
    best = _Best({**shown, **objective.unaveraged}, options.keep_best)
    modules = dict(objective.modules)
    modules |= {f"average_{name}": network for name, network in shown.items()}
    modules |= {f"best_{name}": network for name, network in best.networks.items()}
    settings = {
        **asdict(options),
        "seed": seed,
        "code": code,
        **given.digests(),
    }
    ranks = given.ranks
    with locked(state_directory) if ranks.first else contextlib.nullcontext():
        optimizers = {f"optimizer_{key}": value for key, value in objective.optimizers.items()}
        state = TrainingState(state_directory, settings, modules, optimizers)
        rates = _rates(optimizers)
        first, info = state.restore()
        best.info |= info
        if ranks.first:
            if not first:
                state.clear()  # without its log and samples, another training could not go on
            log = CsvLog(state_directory / "log.csv", first)
            _drop_samples(state_directory / "samples", (first - 1) // options.epoch)
        progress = tqdm(total=options.steps, initial=first, desc="finetune", mininterval=5)
        sums: dict[str, list[float]] = {}
        done = first
        for step in range(first, options.steps):
            if options.patience and best.info["since"] >= options.patience:
                break
            torch.manual_seed(derive_seed(seed, "step", step))
            _set_rates(optimizers, rates, _rate(step, options))
            for name, value in objective.learn(step).items():
                if not np.isfinite(value) or value > DIVERGED:
                    raise Diverged(f"{name} is {value}", step, best.trained(done))
                sums.setdefault(name, []).append(value)
            for name, average in averages.items():
                average.update(objective.trained[name], options.batch)
            done = step + 1
            progress.update()
            if done % options.epoch and done != options.steps:
                continue
            epoch = (done - 1) // options.epoch
            generator = averages["generator"].module
            latents = _latents(averages, given, seed)
            check = protocol_check(generator, checker, latents[:CHECKED_LATENTS], options)
            check = ranks.agree(check)
            if not (_finite(modules) and np.isfinite(list(check.values())).all()):
                raise Diverged("a weight is not finite", step, best.trained(done))
            best.offer(epoch, check, learnt=done > options.warmup)
            means = {
                key: float(np.mean(sums[key])) if key in sums else ""
                for key in objective.log_columns
            }
            sums = {}
            if not ranks.first:
                continue
            log.add(epoch=epoch, step=done, **means, **check)
            line = "    ".join(f"{name} {value:.3f}" for name, value in check.items())
            print(f"epoch {epoch:3d}    step {done:5d}    {line}", flush=True)
            sample = sample_grid(generator, latents[:SAMPLED_LATENTS], options)
            write_picture(state_directory / "samples" / f"epoch-{epoch:04d}.png", sample)
            state.save(done, best.info)
        progress.close()
    return best.trained(done)


class _Best:
    """The networks at the best protocol check so far (at the last, unless `keep_best`).

    Attributes:
        networks: copies, by name.
        info: what a resumed training must know: the best score, the epoch and check that the
            networks are from, and how many checks `since` the best score were no better.
    """

    def __init__(self, networks: dict[str, nn.Module], keep_best: bool) -> None:
        self.sources = networks
        self.networks = {name: copy.deepcopy(network) for name, network in networks.items()}
        self.keep_best = keep_best
        self.info = {"best": None, "epoch": -1, "since": 0, "check": {}}

    def offer(self, epoch: int, check: dict[str, float], learnt: bool) -> None:
        """Keep the networks as they are now, if their check is better.

        In the warm-up (not `learnt`) the generator is still the one it began with, so any later one
        is better: a parent that obeys would else be kept as it is.
        """
        score, best = min(check[f"corr_{name}"] for name in CONTROLLED), self.info["best"]
        better = best is None or score > best
        self.info["since"] = 0 if better else self.info["since"] + 1
        if better:
            self.info["best"] = score if learnt else None
        if better or not self.keep_best:
            self.info |= {"epoch": epoch, "check": check}
            for name, network in self.networks.items():
                network.load_state_dict(self.sources[name].state_dict())

    def trained(self, steps: int) -> Trained:
        """Return the networks, to be written."""
        networks = {name: network.eval() for name, network in self.networks.items()}
        return Trained(networks, self.info["epoch"], self.info["check"], steps)


@torch.inference_mode()
def protocol_check(
    generator: nn.Module, judge: nn.Module, latents: Tensor, options: FinetuneOptions
) -> dict[str, float]:
    """Request combinations of scores and predict them: mean over latents per property.

    Args:
        generator: with the labels of `options`.
        judge: property CNN in eval mode.
        latents: [N, z_dim].
        options: of the fine-tune.

    Returns:
        `corr_<property>` (signed) and `mae_<property>` (score units).
    """
    levels = torch.tensor(CHECKED_LEVELS, device=latents.device)
    wanted = torch.cartesian_prod(levels, levels, levels)
    found = []
    for latent in latents:
        images = _draw(generator, latent.expand(len(wanted), -1), wanted, options)
        pixels = to_float(images, latents.device)
        found.append(read_scores(judge, pixels, CONTROLLED, _quiet(options)))
    scores = torch.stack(found)  # [N, 27, 3]
    corr = correlations(scores, wanted.expand_as(scores)).mean(dim=0)
    mae = (scores - wanted).abs().mean(dim=(0, 1))
    return {
        **{f"corr_{name}": corr[i].item() for i, name in enumerate(CONTROLLED)},
        **{f"mae_{name}": mae[i].item() for i, name in enumerate(CONTROLLED)},
    }


@torch.inference_mode()
def sample_grid(generator: nn.Module, latents: Tensor, options: FinetuneOptions) -> np.ndarray:
    """Return a picture, uint8: a row per latent; average, then eyes, mouth, pose low and high."""
    wanted = torch.tensor(SAMPLED, dtype=torch.float32, device=latents.device)
    images = [_draw(generator, z.expand(len(wanted), -1), wanted, options) for z in latents]
    return tile(np.concatenate(images), len(SAMPLED), zoom=2)


def _draw(generator: nn.Module, z: Tensor, wanted: Tensor, options: FinetuneOptions) -> np.ndarray:
    """Draw uint8 pictures for requested eyes, mouth and pose; other labels stay 0."""
    label = torch.zeros(len(z), len(options.labels), device=z.device)
    label[:, [options.labels.index(name) for name in CONTROLLED]] = wanted
    # the recipe's way of drawing, without what only training does
    images, _ = draw_faces(generator, z, label, _quiet(options))
    return to_uint8(images)


def _quiet(options: FinetuneOptions) -> FinetuneOptions:
    return replace(
        options, style_mixing=0.0, fresh_noise=False, quantise=False, precision="float32"
    )


@torch.inference_mode()
def _latents(averages: dict[str, MovingAverage], given: Given, seed: int) -> Tensor:
    """Return the latents that are checked and sampled: the same every time, or freshly encoded."""
    count = max(CHECKED_LATENTS, SAMPLED_LATENTS)
    draw = rng(seed, "checked")
    z = draw.standard_normal((count, averages["generator"].module.z_dim), dtype=np.float32)
    noise = torch.from_numpy(z).to(given.device)
    if "encoder" not in averages:
        return noise
    rows = draw.integers(len(given.faces.images), size=count)
    images = to_float(given.faces.images[rows], given.device)
    labels = torch.from_numpy(given.faces.labels[rows]).to(given.device)
    mu, log_variance = averages["encoder"].module(images, labels)
    return mu + noise * torch.exp(0.5 * log_variance)


def _drop_samples(folder: Path, last: int) -> None:
    """Remove the sample grids of epochs after `last`: they are of another training."""
    for path in folder.glob("epoch-*.png"):
        if int(path.stem.removeprefix("epoch-")) > last:
            path.unlink()


def _finite(modules: dict[str, nn.Module]) -> bool:
    """Return whether all weights are finite; a loss shows only those before its step."""
    return all(
        bool(parameter.isfinite().all())
        for module in modules.values()
        for parameter in module.parameters()
    )


def _rate(step: int, options: FinetuneOptions) -> float:
    """Return the factor of all step sizes at a step."""
    if options.schedule == "cosine":
        rise = (step + 1) / (WARM * options.steps)
        return min(rise, 0.5 * (1 + np.cos(np.pi * step / options.steps)))
    if options.schedule == "swing":
        group = step // options.swing_steps
        return 0.5 * (1 + np.cos(np.pi * group / options.swing_period))
    return 1.0


def _rates(optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, list[float]]:
    return {
        name: [group["lr"] for group in optimizer.param_groups]
        for name, optimizer in optimizers.items()
    }


def _set_rates(
    optimizers: dict[str, torch.optim.Optimizer], rates: dict[str, list[float]], factor: float
) -> None:
    for name, optimizer in optimizers.items():
        for group, rate in zip(optimizer.param_groups, rates[name], strict=True):
            group["lr"] = rate * factor
