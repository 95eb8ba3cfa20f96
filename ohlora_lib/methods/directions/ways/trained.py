"""Directions trained through the frozen generator and its readers.

After GANalyze (Goetschalckx et al. 2019) and "Enjoy Your Editing" (Zhuang et al. 2021): the picture
of a moved face is trained to have the requested scores, and all else that is read to stay.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ohlora_lib.generators.base import Generator
from ohlora_lib.methods.directions.given import Given
from ohlora_lib.methods.directions.options import TrainingOptions
from ohlora_lib.methods.directions.stored import Directions
from ohlora_lib.networks.attribute_cnn import AttributeCNN
from ohlora_lib.networks.property_cnn import PropertyCNN
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.seeds import derive_seed, rng
from ohlora_lib.training.state import TrainingState, locked, tensors_digest

ROUNDS = 1
RESCALED = True


def fit(given: Given) -> tuple[Directions, dict[str, Any], dict[str, Any]]:
    """Train the steps that it starts with; see `given.Way.fit`."""
    options = TrainingOptions(**given.options)
    directions = train_directions(
        given.network,
        given.reader.network,
        given.reader.classifiers,
        given.start,
        given.faces,
        given.spread,
        options,
        derive_seed(given.seed, "directions", "trained"),
        given.state,
        given.device,
        given.code,
    )
    return directions, {"training": vars(options)}, {"training": vars(options)}


def train_directions(
    generator: Generator,
    reader: PropertyCNN,
    classifiers: Sequence[AttributeCNN],
    start: Directions,
    w: np.ndarray,
    spread: np.ndarray,
    options: TrainingOptions,
    seed: int,
    state_directory: str | Path,
    device: str = "cpu",
    code: str = "",
) -> Directions:
    """Improve directions by gradient descent; resumes from `state_directory` after a kill.

    Args:
        generator: frozen.
        reader: frozen, predicts the scores.
        classifiers: frozen, predict attributes that should not change.
        start: where to begin.
        w: float32 [N, D], faces to learn on.
        spread: [outputs + classifiers], standard deviation of every score and log odds.
        options: see `TrainingOptions`.
        seed: of the faces and requests of every step.
        state_directory: where the state goes.
        device: torch device name.
        code: digest of the code that trains; a state made by other code is not resumed.

    Raises:
        FloatingPointError: the loss is not finite.
        InputError: another process trains in the same directory.
    """
    generator = generator.eval().requires_grad_(False).to(device)
    reader = reader.eval().requires_grad_(False).to(device)
    classifiers = [each.eval().requires_grad_(False).to(device) for each in classifiers]
    scale = float(np.abs(start.steps).mean())
    steps = torch.nn.Parameter(torch.from_numpy(start.steps / scale).to(device))
    holder = torch.nn.ParameterDict({"steps": steps})
    optimizer = torch.optim.Adam([steps], lr=options.lr)
    own = [reader.outputs.index(name) for name in CONTROLLED]
    others = [i for i in range(len(spread)) if i not in own]
    sizes = torch.from_numpy(spread.astype(np.float32)).to(device)
    inverse = torch.from_numpy(np.linalg.inv(start.covariance).astype(np.float32)).to(device)

    def read(images: Tensor) -> Tensor:
        parts = [reader(images)]
        parts += [each.logit((images + 1) / 2)[:, None] for each in classifiers]
        return torch.cat(parts, dim=1)

    data = {"steps": start.steps, "faces": w, "spread": spread}
    settings = {
        **vars(options),
        "seed": seed,
        "data": tensors_digest({name: torch.from_numpy(each) for name, each in data.items()}),
        "code": code,
        "generator": tensors_digest(generator.state_dict()),
        "reader": tensors_digest(reader.state_dict()),
        "classifiers": [tensors_digest(each.state_dict()) for each in classifiers],
    }
    with locked(state_directory):
        state = TrainingState(
            state_directory, settings, {"directions": holder}, {"optimizer": optimizer}
        )
        first, _ = state.restore()
        progress = tqdm(total=options.steps, initial=first, desc="directions", mininterval=5)
        for step in range(first, options.steps):
            optimizer.param_groups[0]["lr"] = options.lr * _falling(step / options.steps)
            draw = rng(derive_seed(seed, "step", step))
            faces = torch.from_numpy(w[draw.integers(len(w), size=options.batch)]).to(device)
            span = draw.uniform(-options.reach, options.reach, (options.batch, len(CONTROLLED)))
            wanted = torch.from_numpy(span.astype(np.float32)).to(device)
            base = faces[:, None].expand(-1, len(start.steps), -1)
            with torch.no_grad():
                before = read(generator.synthesis(base).clamp(-1, 1))
            units = wanted - before[:, own]
            moves = torch.einsum("np,lpd->nld", units, steps * scale)
            after = read(generator.synthesis(base + moves).clamp(-1, 1))
            error = (after[:, own] - wanted).square().mean()
            change = ((after - before) / sizes)[:, others].square().mean()
            norm = torch.einsum("lpd,de,lpe->lp", steps * scale, inverse, steps * scale).mean()
            loss = error + options.others * change + options.content * norm
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"the loss of the directions is not finite at step {step}; the last good state "
                    f"is in {state_directory}"
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            progress.update()
            if (step + 1) % 50 == 0 or step + 1 == options.steps:
                print(
                    f"step {step + 1}: error {error.item():.3f}, others {change.item():.3f}, "
                    f"norm {norm.item():.2f}",
                    flush=True,
                )
                state.save(step + 1)
        progress.close()
    trained = (steps.detach() * scale).cpu().numpy()
    return replace(start, steps=trained)


def _falling(done: float) -> float:
    """Return the factor of the step size: full for half the time, then down to a twentieth."""
    return min(1.0, 2.0 * (1.0 - done)) * 0.95 + 0.05
