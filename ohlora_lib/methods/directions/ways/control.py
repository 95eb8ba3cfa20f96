"""Steps that depend on the face: a control network, trained through the frozen generator.

w' = w + D (t - s) + f(w, t, s), with t the requested scores and s those that the property CNN reads
in the face as it is. D starts as the closed form and is trained along with f, a small network that
starts at zero (`methods.directions.control`). After the idea of UP-FacE (Strohm et al. 2024, arXiv
2403.13972), where a network predicts the step from the latent and the request, and of the second
phase of GAN-Control (Shoshan et al. 2021, arXiv 2101.02477), where networks in front of a frozen
generator learn what a fine-tune would have to teach the generator. Both learn other losses, and
other networks, than this one.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from ohlora_lib.generators.base import Generator
from ohlora_lib.methods.directions.control import ControlNetwork
from ohlora_lib.methods.directions.given import Given
from ohlora_lib.methods.directions.options import ControlOptions
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.store.samples import read_samples
from ohlora_lib.training.state import TrainingState, locked, tensors_digest

ROUNDS = ControlOptions.rounds
RESCALED = False  # it is trained to hit the request itself

RARE = 1  # percentiles: samples score lower or higher than this one and its opposite only rarely
MARGIN = 0.1  # score units beyond them that may be requested
BETA = 0.3  # score units; larger errors count by their size, smaller ones by their square


def fit(given: Given) -> tuple[Directions, dict[str, Any], dict[str, Any]]:
    """Train a control network from the steps that it starts with; see `given.Way.fit`."""
    options = ControlOptions(**given.options)
    found = read_samples(given.samples, CONTROLLED, given.rows)
    bounds = request_bounds(np.stack([found[name] for name in CONTROLLED], axis=1), options.reach)
    directions = train_control(
        given.network,
        given.reader.network,
        given.reader.classifiers,
        given.start,
        given.spread,
        bounds,
        options,
        derive_seed(given.seed, "directions", "control"),
        given.state,
        given.device,
        given.code,
    )
    limits = dict(zip(CONTROLLED, bounds.T.tolist(), strict=True))
    return directions, {"training": vars(options), "requests": limits}, {"training": vars(options)}


def request_bounds(scores: np.ndarray, reach: float) -> np.ndarray:
    """Return the lowest and highest score of each property that a face can show, [2, 3].

    A mouth that is shut cannot be closed further, though a standard deviation below its mean may
    well be lower than shut. A request that no face can meet teaches nothing but harm.

    Args:
        scores: [N, 3], read in random faces.
        reach: bounds are not further from 0 than this.
    """
    low, high = np.percentile(scores, [RARE, 100 - RARE], axis=0)
    return np.clip([low - MARGIN, high + MARGIN], -reach, reach).astype(np.float32)


def train_control(
    generator: Generator,
    reader: PropertyCNN,
    classifiers: Sequence[AttributeCNN],
    start: Directions,
    spread: np.ndarray,
    bounds: np.ndarray,
    options: ControlOptions,
    seed: int,
    state_directory: str | Path,
    device: str = "cpu",
    code: str = "",
) -> Directions:
    """Train a control network; resumes from `state_directory` after a kill.

    Every step draws new latents, so that no face is learnt by heart.

    Args:
        generator: frozen.
        reader: frozen, predicts the scores.
        classifiers: frozen, predict attributes that should not change.
        start: the linear steps to begin with, the same in all layers.
        spread: [outputs + classifiers], standard deviation of every score and log odds.
        bounds: lowest and highest request, [2, 3].
        options: see `ControlOptions`.
        seed: of the network's first weights, and of the faces and requests of every step.
        state_directory: where the state goes.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.

    Returns:
        The trained steps, still the same in all layers, with the network.

    Raises:
        FloatingPointError: the loss is not finite.
        InputError: another process trains in the same directory.
    """
    generator = generator.eval().requires_grad_(False).to(device)
    reader = reader.eval().requires_grad_(False).to(device)
    classifiers = [each.eval().requires_grad_(False).to(device) for each in classifiers]
    std = np.sqrt(np.diag(start.covariance))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        control = ControlNetwork(len(std), options.width)
    control.fit_to(start.mean, std, bounds)
    control.to(device)
    scale = torch.from_numpy(std).to(device)
    steps = nn.Parameter(torch.from_numpy(start.steps[0]).to(device) / scale)
    holder = nn.ParameterDict({"steps": steps})
    optimizer = torch.optim.Adam([steps, *control.parameters()], lr=options.lr)
    own = [reader.outputs.index(name) for name in CONTROLLED]
    others = [i for i in range(len(spread)) if i not in own]
    sizes = torch.from_numpy(spread.astype(np.float32)).to(device)
    mean = torch.from_numpy(start.mean).to(device)
    inverse = torch.from_numpy(
        np.linalg.inv(start.covariance.astype(np.float64)).astype(np.float32)
    ).to(device)
    weights = {
        "error": 1.0,
        "others": options.others,
        "pixels": options.pixels,
        "length": options.length,
    }

    def read(images: Tensor) -> Tensor:
        parts = [reader(images)]
        parts += [each.logit((images + 1) / 2)[:, None] for each in classifiers]
        return torch.cat(parts, dim=1)

    def draw(w: Tensor) -> Tensor:
        return generator.synthesis(generator.truncate(w)).clamp(-1, 1)

    def norm(w: Tensor) -> Tensor:
        return torch.einsum("nd,de,ne->n", w - mean, inverse, w - mean).clamp_min(1e-6).sqrt()

    def losses(w: Tensor, requested: Tensor) -> dict[str, Tensor]:
        """Return what is to be made small, one number each; a further aim is a further entry."""
        with torch.no_grad():
            picture = draw(w)
            before = read(picture)
        units = requested - before[:, own]
        moved = w + units @ (steps * scale) + control(w, requested, before[:, own])
        new_picture = draw(moved)
        after = read(new_picture)
        change = ((after - before) / sizes)[:, others]
        return {
            "error": F.smooth_l1_loss(after[:, own], requested, beta=BETA),
            "others": F.smooth_l1_loss(change, torch.zeros_like(change), beta=BETA),
            "pixels": (new_picture - picture).abs().mean(),
            "length": (norm(moved) - norm(w)).clamp_min(0).square().mean(),
        }

    data = {"steps": start.steps, "spread": spread, "bounds": bounds}
    data |= {"mean": start.mean, "covariance": start.covariance}
    settings = {
        **{name: value for name, value in vars(options).items() if name != "rounds"},
        "seed": seed,
        "data": tensors_digest({name: torch.from_numpy(each) for name, each in data.items()}),
        "code": code,
        "generator": tensors_digest(generator.state_dict()),
        "reader": tensors_digest(reader.state_dict()),
        "classifiers": [tensors_digest(each.state_dict()) for each in classifiers],
    }
    with locked(state_directory):
        state = TrainingState(
            state_directory,
            settings,
            {"steps": holder, "control": control},
            {"optimizer": optimizer},
        )
        first, _ = state.restore()
        progress = tqdm(total=options.steps, initial=first, desc="control", mininterval=5)
        for step in range(first, options.steps):
            optimizer.param_groups[0]["lr"] = options.lr * _falling(step / options.steps)
            stream = rng(derive_seed(seed, "step", step))
            w = _faces(generator, options.batch, stream, device)
            requested = _requests(options.batch, bounds, options.spread, stream).to(device)
            found = losses(w, requested)
            loss = sum(weights[name] * value for name, value in found.items())
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"the loss of the control network is not finite at step {step}; the last good "
                    f"state is in {state_directory}"
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            progress.update()
            if (step + 1) % 50 == 0 or step + 1 == options.steps:
                texts = [f"{name} {value.item():.3f}" for name, value in found.items()]
                print(f"step {step + 1}: {', '.join(texts)}", flush=True)
                state.save(step + 1)
        progress.close()
    trained = (steps.detach() * scale).cpu().numpy()
    return replace(
        start,
        steps=np.repeat(trained[None], len(start.steps), axis=0),
        control=control.cpu().eval().requires_grad_(False),
    )


@torch.no_grad()
def _faces(generator: Generator, count: int, stream: np.random.Generator, device: str) -> Tensor:
    """Return w [count, D] of random latents, drawn as samples are."""
    dim = generator.z_dim + generator.label_dim
    latents = torch.from_numpy(stream.standard_normal((count, dim), np.float32)).to(device)
    z, label = latents[:, : generator.z_dim], latents[:, generator.z_dim :]
    return generator.mapping(z, label if generator.label_dim else None)


def _requests(count: int, bounds: np.ndarray, spread: float, stream: np.random.Generator) -> Tensor:
    """Return requests [count, 3], normal and drawn in to the bounds."""
    drawn = spread * stream.standard_normal((count, len(CONTROLLED)), np.float32)
    return torch.from_numpy(np.clip(drawn, *bounds).astype(np.float32))


def _falling(done: float) -> float:
    """Return the factor of the step size: half a cosine, from 1 down to 0."""
    return 0.5 * (1 + math.cos(math.pi * done))
